"""What all methods by Stripe Checkout have in common; each of them is a folder that says what it adds."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import stripe

from kernel.clock import Clock
from kernel.money import Yen
from payments.charges.model import Attempt, Finding, NoAnswer, NotThere, Over, Paid, Refused, Unpaid
from payments.methods.protocol import (
    AmbiguousError,
    Away,
    BankAccount,
    Capabilities,
    DisputeFound,
    DisputeStatus,
    MisconfiguredError,
    NotGenuine,
    Opened,
    Payout,
    PayoutLine,
    ProviderEvent,
    RefundFinding,
    RefundWanted,
    RefusedError,
    Wanted,
)
from payments.methods.quiet import Quiet, again_at, asked_for
from payments.methods.stripe_declines import reason_of_error
from payments.settings import PaymentsSettings

SESSION_MIN = timedelta(minutes=32)  # Stripe takes no less than 30, also when the call comes a minute late.
SESSION_MAX = timedelta(hours=23, minutes=50)
TIMEOUT_SECONDS = 30
WEBHOOK_TOLERANCE_SECONDS = 300
SEARCHED_MAX = 10
IN_FLIGHT_MAX = 20
PAGE_LINES = 100  # Stripe's own most
PAGES_MAX = 1_000
PAYOUT_PAGES_MAX = 50
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
UNAVAILABLE = 503

log = logging.getLogger(__name__)
T = TypeVar("T")


class _RefusedError(RefusedError):
    """Stripe refused a call; `status` is HTTP's."""

    def __init__(self, code: str, status: int | None) -> None:
        super().__init__(code)
        self.status = status


class StripeCheckout:
    """Talks to Stripe; every POST carries an idempotency key of ours, and nothing is retried blindly.

    `method_type` is Stripe's name of the way to pay, `options` what a session says of it (payment_method_options).
    """

    def __init__(
        self,
        settings: PaymentsSettings,
        clock: Clock,
        *,
        capabilities: Capabilities,
        method_type: str,
        options: Mapping[str, Any],
    ) -> None:
        self.capabilities = capabilities
        self._clock = clock
        self._method_type = method_type
        self._options = options
        self._secrets = [secret.get_secret_value() for secret in settings.stripe_webhook_secrets]
        self._transport = stripe.HTTPXClient(timeout=TIMEOUT_SECONDS, allow_sync_methods=True)
        self._client = stripe.StripeClient(
            settings.stripe_secret_key.get_secret_value(),
            base_addresses={"api": settings.stripe_api_base},
            http_client=self._transport,
            max_network_retries=0,
        )
        self._room = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._quiet = Quiet()

    async def open(self, wanted: Wanted) -> Opened:
        """Create the Checkout Session of an attempt, or find it again by the idempotency key."""
        attempt = wanted.attempt
        reference = str(attempt.id)
        earliest, latest = attempt.created_at + SESSION_MIN, attempt.created_at + SESSION_MAX
        ends = min(max(attempt.deadline, earliest), latest)
        parameters: Any = {
            "mode": "payment",
            "payment_method_types": [self._method_type],
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "jpy",
                        "unit_amount": attempt.amount.amount,
                        "product_data": {"name": wanted.description},
                    },
                }
            ],
            "client_reference_id": reference,
            "metadata": {"attempt": reference},
            "payment_intent_data": {"metadata": {"attempt": reference}},
            "success_url": wanted.return_url,
            "cancel_url": wanted.return_url,
            "expires_at": int(ends.timestamp()),
            "locale": "ja" if wanted.locale == "ja" else "en",
        }
        if self._options:
            parameters["payment_method_options"] = {self._method_type: dict(self._options)}
        key: Any = {"idempotency_key": f"open-{reference}"}
        session = await self._call(lambda: self._client.v1.checkout.sessions.create_async(parameters, key))
        return Opened(session.id, session.url or "", datetime.fromtimestamp(session.expires_at, UTC), {})

    async def query(self, attempt: Attempt) -> Finding:
        """Ask for the session (cs_…) or the plain PaymentIntent (pi_…) of an attempt.

        One whose id never reached us is looked for by our reference: what Stripe made, and the payer paid, is there.
        """
        try:
            if attempt.provider_id is not None:
                return await self._found(attempt.provider_id)
            intent = await self._search(attempt)
            return NotThere() if intent is None else _from_intent(intent)
        except _RefusedError as refused:
            return NotThere() if refused.status == 404 else NoAnswer()  # noqa: PLR2004 - HTTP's own number
        except Away as away:
            return NoAnswer(again_at(away.retry_after, at=self._clock.now()))
        except (AmbiguousError, RefusedError):
            return NoAnswer()

    async def _found(self, provider_id: str) -> Finding:
        if provider_id.startswith("pi_"):
            return _from_intent(await self._call(lambda: self._client.v1.payment_intents.retrieve_async(provider_id)))
        expand: Any = {"expand": ["payment_intent.latest_charge"]}
        session = await self._call(lambda: self._client.v1.checkout.sessions.retrieve_async(provider_id, expand))
        intent: Any = session.payment_intent
        if session.payment_status == "paid" and intent is not None:
            return _from_intent(intent)
        error = getattr(intent, "last_payment_error", None)
        if session.status == "expired":
            return Over() if error is None else Refused(reason_of_error(error))
        # On Stripe's page a payer whose card was refused may try another until the session ends.
        return Unpaid() if error is None else Unpaid(refused=reason_of_error(error))

    async def expire(self, attempt: Attempt) -> None:
        """Expire the session, so that nobody can pay it any more."""
        provider_id = attempt.provider_id
        if provider_id is None:
            return
        try:
            if provider_id.startswith("pi_"):
                await self._call(lambda: self._client.v1.payment_intents.cancel_async(provider_id))
            else:
                await self._call(lambda: self._client.v1.checkout.sessions.expire_async(provider_id))
        except (Away, AmbiguousError, RefusedError):
            return  # Paid in this very moment, or over already: the next query tells.

    async def refund(self, wanted: RefundWanted, account: BankAccount | None) -> RefundFinding:  # noqa: ARG002
        """Give the money back to where it came from."""
        try:
            intent = await self._intent_of(wanted.attempt)
            if intent is None:
                return RefundFinding("no_answer")
            parameters: Any = {
                "payment_intent": intent,
                "amount": wanted.amount.amount,
                "metadata": {"refund": str(wanted.id)},
            }
            key: Any = {"idempotency_key": f"refund-{wanted.id}"}
            return _from_refund(await self._call(lambda: self._client.v1.refunds.create_async(parameters, key)))
        except _RefusedError as refused:
            return RefundFinding("failed", problem=str(refused))
        except Away as away:
            return RefundFinding("no_answer", retry_at=again_at(away.retry_after, at=self._clock.now()))
        except (AmbiguousError, RefusedError):
            return RefundFinding("no_answer")

    async def query_refund(self, wanted: RefundWanted) -> RefundFinding:
        """Ask what became of a refund; one whose answer was lost is sent again under the same key."""
        known = wanted.provider_id
        try:
            if known is not None:
                return _from_refund(await self._call(lambda: self._client.v1.refunds.retrieve_async(known)))
            # Stripe forgets idempotency keys after a day; the refund itself remembers whose it is.
            intent = await self._intent_of(wanted.attempt)
            if intent is None:
                return RefundFinding("no_answer")
            made = await self._call(
                lambda: self._client.v1.refunds.list_async({"payment_intent": intent, "limit": 100})
            )
        except Away as away:
            return RefundFinding("no_answer", retry_at=again_at(away.retry_after, at=self._clock.now()))
        except (AmbiguousError, RefusedError):
            return RefundFinding("no_answer")
        for each in made.data:
            marks: Any = each.metadata
            if marks is not None and "refund" in marks and marks["refund"] == str(wanted.id):
                return _from_refund(each)
        return await self.refund(wanted, None)

    async def lines_of_payout(self, payout_id: str) -> tuple[PayoutLine, ...]:
        """Return what a payout consists of. Raises Away, AmbiguousError or RefusedError (there is no such payout)."""
        lines: list[PayoutLine] = []
        after: Any = {}
        for _ in range(PAGES_MAX):
            asked: Any = {"payout": payout_id, "limit": PAGE_LINES, "expand": ["data.source"]} | after
            page = await self._call(functools.partial(self._client.v1.balance_transactions.list_async, asked))
            lines += [_payout_line(each) for each in page.data]
            if not page.has_more or not page.data:
                return tuple(lines)
            after = {"starting_after": page.data[-1].id}
        raise RefusedError(f"the payout has more than {PAGES_MAX * PAGE_LINES} lines")

    async def payouts(self, since: datetime) -> tuple[Payout, ...]:
        """Return the payouts since then whose lines are final, the oldest first (docs.stripe.com/api/payouts/list).

        One by hand, not by Stripe's schedule, has no lines of its own and is never among them.
        """
        found: list[Payout] = []
        after: Any = {}
        for _ in range(PAYOUT_PAGES_MAX):
            asked: Any = {"created": {"gte": int(since.timestamp())}, "limit": PAGE_LINES} | after
            page = await self._call(functools.partial(self._client.v1.payouts.list_async, asked))
            found += [_payout(each) for each in page.data if each.reconciliation_status == "completed"]
            if not page.has_more or not page.data:
                return tuple(sorted(found, key=lambda each: (each.created_at, each.id)))
            after = {"starting_after": page.data[-1].id}
        raise RefusedError(f"there are more than {PAYOUT_PAGES_MAX * PAGE_LINES} payouts")

    async def attempt_of_payment(self, payment: str) -> str | None:
        """Return our reference on a PaymentIntent."""
        intent = await self._call(lambda: self._client.v1.payment_intents.retrieve_async(payment))
        marks: Any = getattr(intent, "metadata", None) or {}
        return str(marks["attempt"]) if "attempt" in marks else None

    def names_dispute(self, reference: str) -> bool:
        """Tell whether an id is a dispute's: dp_ today, du_ in older accounts."""
        return reference.startswith(("dp_", "du_"))

    async def dispute(self, dispute_id: str) -> DisputeFound:
        """Return a dispute."""
        wanted: Any = {"expand": ["payment_intent"]}
        return _dispute(await self._call(lambda: self._client.v1.disputes.retrieve_async(dispute_id, wanted)))

    async def disputes(self) -> tuple[DisputeFound, ...]:
        """Return the newest hundred."""
        wanted: Any = {"limit": PAGE_LINES, "expand": ["data.payment_intent"]}
        found = await self._call(lambda: self._client.v1.disputes.list_async(wanted))
        return tuple(_dispute(each) for each in found.data)

    async def answer_dispute(self, dispute_id: str, text: str) -> DisputeFound:
        """Submit text as evidence (docs.stripe.com/api/disputes/update)."""
        wanted: Any = {"evidence": {"uncategorized_text": text}, "submit": True, "expand": ["payment_intent"]}
        return _dispute(await self._call(lambda: self._client.v1.disputes.update_async(dispute_id, wanted)))

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> ProviderEvent:
        """Verify Stripe's signature (t=…,v1=…, tolerance 300 s) under any active secret, and read the event."""
        signature = headers.get("stripe-signature", "")
        text = body.decode("utf-8", errors="strict")
        for secret in self._secrets:
            try:
                stripe.WebhookSignature.verify_header(text, signature, secret, None)
            except (stripe.SignatureVerificationError, ValueError):
                continue
            _require_fresh(signature, at)
            return _event_of(text)
        raise NotGenuine

    async def close(self) -> None:
        """Let go of connections."""
        await self._transport.close_async()  # type: ignore[no-untyped-call]

    async def _intent_of(self, attempt: Attempt) -> str | None:
        provider_id = attempt.provider_id
        if provider_id is None:
            found = await self._search(attempt)
            return None if found is None else str(found.id)
        if provider_id.startswith("pi_"):
            return provider_id
        session = await self._call(lambda: self._client.v1.checkout.sessions.retrieve_async(provider_id))
        intent = session.payment_intent
        return intent if isinstance(intent, str) or intent is None else intent.id

    async def _search(self, attempt: Attempt) -> Any:
        """Return the PaymentIntent that carries our reference, the paid one if there are several; None if none does.

        Stripe's search may be a minute late (docs.stripe.com/search#data-freshness): a question is repeated anyway.
        """
        wanted: Any = {
            "query": f"metadata['attempt']:'{attempt.id}'",
            "limit": SEARCHED_MAX,
            "expand": ["data.latest_charge"],
        }
        found = await self._call(lambda: self._client.v1.payment_intents.search_async(wanted))
        paid = [each for each in found.data if each.status == "succeeded"]
        return next(iter([*paid, *found.data]), None)

    async def _call(self, make: Callable[[], Awaitable[T]]) -> T:
        """Call Stripe. Raises Away (nothing was begun), AmbiguousError, _RefusedError or MisconfiguredError."""
        pause = self._quiet.left(at=self._clock.now())
        if pause:
            raise Away(method="Stripe", kind="rate_limited", retry_after=pause)
        try:
            async with self._room:
                answer = await make()
        except stripe.APIConnectionError as lost:
            if isinstance(lost.__cause__, NEVER_SENT):
                raise Away(method="Stripe") from lost
            raise AmbiguousError("no answer from Stripe") from lost
        except stripe.RateLimitError as slow:
            pause = self._quiet.begin(asked_for(slow.headers or {}), at=self._clock.now())
            raise Away(method="Stripe", kind="rate_limited", retry_after=pause) from slow
        except (stripe.AuthenticationError, stripe.PermissionError) as unknown:
            log.error("Stripe does not accept our settings", extra={"status": unknown.http_status})  # noqa: TRY400
            raise MisconfiguredError(
                f"Stripe answered {unknown.http_status}: check MOMIJI_STRIPE_SECRET_KEY and MOMIJI_STRIPE_API_BASE"
            ) from unknown
        except stripe.InvalidRequestError as refused:
            raise _RefusedError(str(refused.code or "refused"), refused.http_status) from refused
        except stripe.StripeError as problem:
            if problem.http_status == UNAVAILABLE:  # nothing was begun
                wait = asked_for(problem.headers or {})
                raise Away(method="Stripe", kind="maintenance", retry_after=wait) from problem
            raise AmbiguousError(f"Stripe answered {problem.http_status}") from problem
        self._quiet.end()
        return answer


def _from_intent(intent: Any) -> Finding:
    match intent.status:
        case "succeeded":
            charge = intent.latest_charge
            made = charge.created if charge is not None and not isinstance(charge, str) else intent.created
            # localstripe, the peer that this is tested against, leaves amount_received out of a whole capture.
            received = getattr(intent, "amount_received", None)
            taken = int(intent.amount if received is None else received)
            return Paid(Yen(taken), datetime.fromtimestamp(made, UTC))
        case "canceled":
            return Over()
        case "requires_payment_method" if getattr(intent, "last_payment_error", None) is not None:
            return Refused(reason_of_error(intent.last_payment_error))
        case _:
            return Unpaid()


def _from_refund(made: Any) -> RefundFinding:
    match made.status:
        case "succeeded":
            return RefundFinding("settled", made.id)
        case "failed" | "canceled":
            return RefundFinding("failed", made.id, str(getattr(made, "failure_reason", "") or made.status))
        case _:
            return RefundFinding("pending", made.id)


# Stripe's early warnings run the same course; one that is closed cost nothing.
_DISPUTE_STATUS: dict[str, DisputeStatus] = {
    "warning_needs_response": "needs_response",
    "needs_response": "needs_response",
    "warning_under_review": "under_review",
    "under_review": "under_review",
    "warning_closed": "won",
    "prevented": "won",
    "won": "won",
    "lost": "lost",
}


def _dispute(said: Any) -> DisputeFound:
    intent = said.payment_intent
    marks: Any = {} if intent is None or isinstance(intent, str) else getattr(intent, "metadata", None) or {}
    details = getattr(said, "evidence_details", None)
    due = None if details is None else getattr(details, "due_by", None)
    return DisputeFound(
        id=said.id,
        attempt=str(marks["attempt"]) if "attempt" in marks else "",
        amount=Yen(said.amount),
        reason=str(said.reason or "general"),
        status=_DISPUTE_STATUS.get(said.status, "under_review"),
        opened_at=datetime.fromtimestamp(said.created, UTC),
        due_at=None if due is None else datetime.fromtimestamp(due, UTC),
    )


def _payout(said: Any) -> Payout:
    return Payout(
        id=said.id,
        created_at=datetime.fromtimestamp(said.created, UTC),
        # Midnight of the day in UTC stands for the day itself, wherever the bank is.
        arrives_on=datetime.fromtimestamp(said.arrival_date, UTC).date(),
        net_yen=said.amount,
    )


def _payout_line(entry: Any) -> PayoutLine:
    source = entry.source
    payment: Any = None if source is None or isinstance(source, str) else getattr(source, "payment_intent", None)
    card: Any = getattr(getattr(source, "payment_method_details", None), "card", None)
    marks: Any = {} if source is None or isinstance(source, str) else getattr(source, "metadata", None) or {}
    ours = next((str(marks[name]) for name in ("attempt", "refund") if name in marks), None)
    return PayoutLine(
        id=entry.id,
        kind=entry.reporting_category,
        gross_yen=entry.amount,
        fee_yen=entry.fee,
        net_yen=entry.net,
        at=datetime.fromtimestamp(entry.created, UTC),
        source=source if source is None or isinstance(source, str) else source.id,
        reference=ours,
        payment=payment if payment is None or isinstance(payment, str) else payment.id,
        brand=str(getattr(card, "brand", None) or ""),
        currency=entry.currency,
    )


def _require_fresh(signature: str, at: datetime) -> None:
    stamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    if not stamps or not stamps[0].isdigit() or abs(at.timestamp() - int(stamps[0])) > WEBHOOK_TOLERANCE_SECONDS:
        raise NotGenuine


def _event_of(text: str) -> ProviderEvent:
    said = json.loads(text)
    thing = said["data"]["object"]
    metadata = thing.get("metadata") or {}
    reference = metadata.get("attempt") or metadata.get("refund") or thing.get("client_reference_id") or thing.get("id")
    return ProviderEvent(str(said["id"]), str(reference or ""))
