"""Cards by Stripe Checkout: the payer types the card on Stripe's page (docs/decisions/0002)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from kernel.clock import Clock
from kernel.money import Yen
from payments.charges.model import Attempt, Finding, NoAnswer, NotThere, Over, Paid, Refused, Unpaid
from payments.methods.protocol import (
    AmbiguousError,
    Away,
    BankAccount,
    Capabilities,
    NotGenuine,
    Opened,
    ProviderEvent,
    RefundFinding,
    RefundWanted,
    RefusedError,
    Wanted,
    Words,
)
from payments.settings import PaymentsSettings

CAPABILITIES = Capabilities(
    name="stripe_card",
    title=Words("クレジットカード・デビットカード", "Credit or debit card"),
    amount_min=Yen(50),
    amount_max=Yen(9_999_999),
    page="redirect",
    reopens=True,
    refund="provider",
)
SESSION_MIN = timedelta(minutes=32)  # Stripe takes no less than 30, also when the call comes a minute late.
SESSION_MAX = timedelta(hours=23, minutes=50)
TIMEOUT_SECONDS = 30
WEBHOOK_TOLERANCE_SECONDS = 300
IN_FLIGHT_MAX = 20


class StripeCard:
    """Talks to Stripe; every POST carries an idempotency key of ours, and nothing is retried blindly."""

    capabilities = CAPABILITIES

    def __init__(self, settings: PaymentsSettings, clock: Clock) -> None:
        self._clock = clock
        self._secrets = [secret.get_secret_value() for secret in settings.stripe_webhook_secrets]
        self._transport = stripe.HTTPXClient(timeout=TIMEOUT_SECONDS, allow_sync_methods=True)
        self._client = stripe.StripeClient(
            settings.stripe_secret_key.get_secret_value(),
            base_addresses={"api": settings.stripe_api_base},
            http_client=self._transport,
            max_network_retries=0,
        )
        self._room = asyncio.Semaphore(IN_FLIGHT_MAX)

    async def open(self, wanted: Wanted) -> Opened:
        """Create the Checkout Session of an attempt, or find it again by the idempotency key."""
        attempt = wanted.attempt
        reference = str(attempt.id)
        earliest, latest = attempt.created_at + SESSION_MIN, attempt.created_at + SESSION_MAX
        ends = min(max(attempt.deadline, earliest), latest)
        parameters: Any = {
            "mode": "payment",
            "payment_method_types": ["card"],
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
        async with self._room:
            session = await self._sent(
                self._client.v1.checkout.sessions.create_async(parameters, {"idempotency_key": f"open-{reference}"})
            )
        return Opened(session.id, session.url or "", datetime.fromtimestamp(session.expires_at, UTC), {})

    async def query(self, attempt: Attempt) -> Finding:
        """Ask for the session (cs_…) or the plain PaymentIntent (pi_…) of an attempt."""
        if attempt.provider_id is None:
            return NotThere()
        try:
            async with self._room:
                if attempt.provider_id.startswith("pi_"):
                    return _from_intent(await self._client.v1.payment_intents.retrieve_async(attempt.provider_id))
                session = await self._client.v1.checkout.sessions.retrieve_async(
                    attempt.provider_id, {"expand": ["payment_intent.latest_charge"]}
                )
        except stripe.InvalidRequestError as problem:
            return NotThere() if problem.http_status == 404 else NoAnswer()  # noqa: PLR2004 - HTTP's own number
        except stripe.StripeError:
            return NoAnswer()
        intent: Any = session.payment_intent
        if session.payment_status == "paid" and intent is not None:
            return _from_intent(intent)
        return Over() if session.status == "expired" else Unpaid()

    async def expire(self, attempt: Attempt) -> None:
        """Expire the session, so that nobody can pay it any more."""
        if attempt.provider_id is None:
            return
        try:
            async with self._room:
                if attempt.provider_id.startswith("pi_"):
                    await self._client.v1.payment_intents.cancel_async(attempt.provider_id)
                else:
                    await self._client.v1.checkout.sessions.expire_async(attempt.provider_id)
        except stripe.StripeError:
            return  # Paid in this very moment, or over already: the next query tells.

    async def refund(self, wanted: RefundWanted, account: BankAccount | None) -> RefundFinding:  # noqa: ARG002
        """Give the money back to the card."""
        intent = await self._intent_of(wanted.attempt)
        if intent is None:
            return RefundFinding("no_answer")
        parameters: Any = {
            "payment_intent": intent,
            "amount": wanted.amount.amount,
            "metadata": {"refund": str(wanted.id)},
        }
        try:
            async with self._room:
                made = await self._client.v1.refunds.create_async(
                    parameters, {"idempotency_key": f"refund-{wanted.id}"}
                )
        except stripe.InvalidRequestError as refused:
            return RefundFinding("failed", problem=str(refused.code or "refused"))
        except stripe.StripeError:
            return RefundFinding("no_answer")
        return _from_refund(made)

    async def query_refund(self, wanted: RefundWanted) -> RefundFinding:
        """Ask what became of a refund; one whose answer was lost is sent again under the same key."""
        try:
            async with self._room:
                if wanted.provider_id is not None:
                    return _from_refund(await self._client.v1.refunds.retrieve_async(wanted.provider_id))
                # Stripe forgets idempotency keys after a day; the refund itself remembers whose it is.
                intent = await self._intent_of(wanted.attempt)
                if intent is None:
                    return RefundFinding("no_answer")
                made = await self._client.v1.refunds.list_async({"payment_intent": intent, "limit": 100})
        except stripe.StripeError:
            return RefundFinding("no_answer")
        for each in made.data:
            marks: Any = each.metadata
            if marks is not None and "refund" in marks and marks["refund"] == str(wanted.id):
                return _from_refund(each)
        return await self.refund(wanted, None)

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
        if attempt.provider_id is None or attempt.provider_id.startswith("pi_"):
            return attempt.provider_id
        try:
            session = await self._client.v1.checkout.sessions.retrieve_async(attempt.provider_id)
        except stripe.StripeError:
            return None
        intent = session.payment_intent
        return intent if isinstance(intent, str) or intent is None else intent.id

    async def _sent(self, call: Any) -> Any:
        try:
            return await call
        except stripe.APIConnectionError as lost:
            raise AmbiguousError("no answer from Stripe") from lost
        except stripe.RateLimitError as slow:
            raise Away(method="Stripe") from slow
        except (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError) as refused:
            raise RefusedError(str(refused.code or type(refused).__name__)) from refused
        except stripe.StripeError as problem:
            if problem.http_status == 503:  # noqa: PLR2004 - HTTP's own number: nothing was begun
                raise Away(method="Stripe") from problem
            raise AmbiguousError(f"Stripe answered {problem.http_status}") from problem


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
            return Refused(str(intent.last_payment_error.code or "declined"))
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


def connect(settings: PaymentsSettings, clock: Clock) -> StripeCard:
    """Return the method; nothing is connected yet."""
    return StripeCard(settings, clock)
