"""Card payments by Stripe Checkout: the payer types the card on Stripe's page, 3-D Secure included."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import stripe

from kernel.contracts.payments import Method
from kernel.money import Yen
from kernel.settings import Settings
from payments.charges.model import Absent, Ended, Finding, NotPaid, Paid, Refused, Unclear
from payments.methods.protocol import (
    Capabilities,
    Hint,
    MethodAway,
    RefundDone,
    RefundFinding,
    RefundRefused,
    RefundUnderWay,
    ToAsk,
    ToOpen,
    ToRefund,
    WebhookRefused,
    settings_like,
)
from payments.methods.stripe_card.settings import StripeSettings

T = TypeVar("T")

LIFETIME_MIN = timedelta(minutes=30, seconds=10)  # Stripe takes 30 minutes at least; the clocks differ.
LIFETIME_MAX = timedelta(hours=24) - timedelta(minutes=1)
LIST_PAGES_MAX = 10
LIST_LIMIT = 100
WEBHOOK_TOLERANCE_SECONDS = 300
SERVER_ERRORS = 500
MAINTENANCE = 503
TOO_MANY = 429
NOT_FOUND = 404


class UnclearError(Exception):
    """Sent, and no clear answer."""


async def _ask(call: Awaitable[T]) -> T:
    """Await one call of the API. Raises UnclearError, MethodAway, or stripe.StripeError for a clear refusal."""
    try:
        return await call
    except stripe.APIConnectionError as problem:
        if isinstance(problem.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
            raise MethodAway from problem
        raise UnclearError(type(problem).__name__) from problem
    except stripe.StripeError as problem:
        status = problem.http_status or SERVER_ERRORS
        if status in {MAINTENANCE, TOO_MANY}:
            raise MethodAway from problem
        if status >= SERVER_ERRORS:
            raise UnclearError(f"{status} {type(problem).__name__}") from problem
        raise


def _moment(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


class StripeCard:
    """Stripe Checkout Sessions. A plain PaymentIntent (pi_…) may be queried and refunded too."""

    name: Method = "stripe_card"
    capabilities = Capabilities(
        shows="redirect",
        poll_open=timedelta(seconds=60),
        lifetime_min=LIFETIME_MIN,
        lifetime_max=LIFETIME_MAX,
    )

    def __init__(self, settings: StripeSettings) -> None:
        self._settings = settings
        self._http = stripe.HTTPXClient(timeout=settings.stripe_timeout_seconds)
        self._client = stripe.StripeClient(
            settings.stripe_secret_key.get_secret_value(),
            base_addresses={"api": settings.api_base},
            http_client=self._http,
            max_network_retries=0,
        )

    async def open(self, wanted: ToOpen) -> NotPaid | Refused | Unclear | Paid | Ended:
        """Open a Checkout Session."""
        params: Any = {
            "mode": "payment",
            "payment_method_types": ["card"],
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "jpy",
                        "unit_amount": wanted.amount.amount,
                        "product_data": {"name": wanted.description},
                    },
                }
            ],
            "client_reference_id": wanted.provider_reference,
            "metadata": {"momiji_reference": wanted.provider_reference},
            "payment_intent_data": {"metadata": {"momiji_reference": wanted.provider_reference}},
            "success_url": wanted.return_url,
            "cancel_url": wanted.cancel_url,
            "expires_at": int(wanted.deadline.timestamp()),
            "locale": wanted.locale,
        }
        try:
            session = await _ask(
                self._client.v1.checkout.sessions.create_async(params, {"idempotency_key": wanted.idempotency_key})
            )
        except UnclearError as problem:
            return Unclear(str(problem))
        except stripe.StripeError as refused:
            return Refused(_reason(refused))
        return _opened(session)

    async def query(self, asked: ToAsk) -> Finding:
        """Ask about a session or a PaymentIntent; without an id, look for our reference."""
        try:
            if asked.provider_id is not None and asked.provider_id.startswith("pi_"):
                intent = await _ask(
                    self._client.v1.payment_intents.retrieve_async(asked.provider_id, {"expand": ["latest_charge"]})
                )
                return _of_intent(intent, asked.provider_id)
            session = await self._find(asked) if asked.provider_id is None else await self._session(asked.provider_id)
        except UnclearError as problem:
            return Unclear(str(problem))
        except stripe.StripeError as refused:
            return Absent() if refused.http_status == NOT_FOUND else Unclear(_reason(refused))
        return Absent() if session is None else await self._of_session(session)

    async def expire(self, asked: ToAsk) -> Finding:
        """End an open session; one that is paid or ended already answers what it is."""
        if asked.provider_id is None:
            return await self.query(asked)
        try:
            await _ask(self._client.v1.checkout.sessions.expire_async(asked.provider_id))
        except (UnclearError, stripe.StripeError):
            return await self.query(asked)
        return Ended()

    async def refund(self, wanted: ToRefund) -> RefundFinding:
        """Refund a payment by its PaymentIntent; our reference is the idempotency key."""
        params: Any = {
            "payment_intent": wanted.payment_id,
            "amount": wanted.amount.amount,
            "metadata": {"momiji_refund": wanted.reference},
        }
        try:
            refund = await _ask(
                self._client.v1.refunds.create_async(params, {"idempotency_key": f"refund-{wanted.reference}"})
            )
        except UnclearError as problem:
            return Unclear(str(problem))
        except stripe.StripeError as refused:
            return RefundRefused(_reason(refused))
        return _of_refund(refund, wanted)

    async def query_refund(self, wanted: ToRefund) -> RefundFinding | None:
        """Ask about a refund, by its id or among those of its payment."""
        try:
            if wanted.provider_id is not None:
                return _of_refund(await _ask(self._client.v1.refunds.retrieve_async(wanted.provider_id)), wanted)
            listed: Any = {"payment_intent": wanted.payment_id, "limit": LIST_LIMIT}
            for each in (await _ask(self._client.v1.refunds.list_async(listed))).data:
                if (each.metadata or {}).get("momiji_refund") == wanted.reference:
                    return _of_refund(each, wanted)
        except UnclearError as problem:
            return Unclear(str(problem))
        except stripe.StripeError as refused:
            return None if refused.http_status == NOT_FOUND else Unclear(_reason(refused))
        return None

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, *, source: str, at: datetime) -> Hint:
        """Check Stripe's signature by any of our secrets, and read which session or intent it is about."""
        del source, at  # Stripe's library reads the time for its tolerance by itself.
        for secret in self._settings.webhook_secrets:
            try:
                stripe.WebhookSignature.verify_header(
                    body, headers.get("stripe-signature"), secret, WEBHOOK_TOLERANCE_SECONDS
                )
                said = json.loads(body)
                about = said["data"]["object"]
                return _hint(said, about)
            except stripe.SignatureVerificationError:
                continue
            except (ValueError, KeyError, TypeError) as unreadable:
                raise WebhookRefused from unreadable
        raise WebhookRefused

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close_async()

    async def _session(self, session_id: str) -> Any:
        return await _ask(
            self._client.v1.checkout.sessions.retrieve_async(
                session_id, {"expand": ["payment_intent", "payment_intent.latest_charge"]}
            )
        )

    async def _find(self, asked: ToAsk) -> Any:
        """Look for our reference among the sessions since the attempt was written down, newest first."""
        params: Any = {"limit": LIST_LIMIT}
        since = int((asked.created_at - timedelta(minutes=5)).timestamp())
        for _ in range(LIST_PAGES_MAX):
            listed = await _ask(self._client.v1.checkout.sessions.list_async(params))
            for each in listed.data:
                if each.client_reference_id == asked.provider_reference:
                    return await self._session(each.id)
            if not listed.has_more or not listed.data or listed.data[-1].created < since:
                return None
            params = {"limit": LIST_LIMIT, "starting_after": listed.data[-1].id}
        raise UnclearError("too many sessions to look through")

    async def _of_session(self, session: Any) -> Finding:
        intent = session.payment_intent
        if session.payment_status == "paid" and intent is not None:
            return _of_intent(intent, session.id)
        return Ended() if session.status == "expired" else _opened(session)


def _reason(problem: stripe.StripeError) -> str:
    return str(problem.code or problem.user_message or type(problem).__name__)[:200]


def _opened(session: Any) -> NotPaid:
    return NotPaid(provider_id=session.id, pay_url=session.url or "", deadline=_moment(session.expires_at))


def _of_intent(intent: Any, provider_id: str) -> Finding:
    if intent.status == "succeeded":
        charge = intent.latest_charge
        created = charge.created if charge is not None and not isinstance(charge, str) else intent.created
        return Paid(provider_id, intent.id, Yen(intent.amount_received), _moment(created))
    return Ended() if intent.status == "canceled" else NotPaid(provider_id)


def _of_refund(refund: Any, wanted: ToRefund) -> RefundFinding:
    match refund.status:
        case "succeeded":
            return RefundDone(refund.id, max(_moment(refund.created), wanted.requested_at))
        case "failed" | "canceled":
            return RefundRefused(str(getattr(refund, "failure_reason", None) or refund.status))
        case _:
            return RefundUnderWay(refund.id)


def _hint(said: Mapping[str, Any], about: Mapping[str, Any]) -> Hint:
    reference = about.get("client_reference_id") or (about.get("metadata") or {}).get("momiji_reference") or ""
    session = str(about["id"]) if about.get("object") == "checkout.session" else ""
    return Hint(str(said["id"]), str(said["type"]), reference=str(reference), provider_id=session)


def build(settings: Settings) -> StripeCard:
    """Build the method from the environment."""
    return StripeCard(settings_like(settings, StripeSettings))
