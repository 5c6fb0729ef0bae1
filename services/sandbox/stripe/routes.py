"""Stripe's API below /stripe/v1: Checkout Sessions, PaymentIntents, refunds and what they leave behind."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sandbox.edge import sandbox_of
from sandbox.stripe import shapes
from sandbox.stripe.actions import StripeDesk
from sandbox.stripe.errors import StripeError, declined, missing
from sandbox.stripe.forms import FREE, METADATA, TEXT, check, integer, required
from sandbox.stripe.gate import StripeRoute, answer
from sandbox.stripe.listing import expand, page
from sandbox.stripe.model import METHOD_TYPES, TEST_CARDS, TEST_DECLINES, CardOutcome, Charge, Intent, Session

router = APIRouter(prefix="/stripe/v1", route_class=StripeRoute, include_in_schema=False)

AMOUNT_YEN_MIN = 50  # Stripe's minimum charge in JPY
AMOUNT_YEN_MAX = 99_999_999
SESSION_SECONDS_MIN = 30 * 60
SESSION_SECONDS_MAX = 24 * 3600
CLOCK_GRACE_SECONDS = 30
URL_CHARS_MAX = 5_000
THREE_D_SECURE = ("any", "automatic", "challenge")
EXPAND = [TEXT]
_SEARCH = re.compile(r"^metadata\['([A-Za-z0-9_]{1,40})'\]:'([^'\\]{1,500})'$")

_INTENT_DATA = {
    "description": TEXT,
    "metadata": METADATA,
    "receipt_email": TEXT,
    "capture_method": TEXT,
    "setup_future_usage": TEXT,
    "statement_descriptor": TEXT,
    "statement_descriptor_suffix": TEXT,
    "shipping": FREE,
    "transfer_group": TEXT,
}
_PRODUCT = {"name": TEXT, "description": TEXT, "images": FREE, "metadata": METADATA, "tax_code": TEXT}
_PRICE = {"currency": TEXT, "product_data": _PRODUCT, "unit_amount": TEXT, "tax_behavior": TEXT}
_SESSION = {
    "mode": TEXT,
    "line_items": [{"price_data": _PRICE, "quantity": TEXT, "tax_rates": FREE}],
    "success_url": TEXT,
    "cancel_url": TEXT,
    "expires_at": TEXT,
    "metadata": METADATA,
    "payment_intent_data": _INTENT_DATA,
    "payment_method_types": [TEXT],
    "client_reference_id": TEXT,
    "locale": TEXT,
    "customer_email": TEXT,
    "expand": EXPAND,
    "payment_method_options": {
        "card": {"request_three_d_secure": TEXT, "setup_future_usage": TEXT, "statement_descriptor_suffix_kana": TEXT},
        "paypay": {},
    },
    "billing_address_collection": TEXT,
    "customer_creation": TEXT,
    "submit_type": TEXT,
    "ui_mode": TEXT,
    "consent_collection": FREE,
    "custom_text": FREE,
    "phone_number_collection": FREE,
    "invoice_creation": FREE,
    "adaptive_pricing": FREE,
    "wallet_options": FREE,
    "automatic_tax": FREE,
    "allow_promotion_codes": TEXT,
    "after_expiration": FREE,
}
_CARD = {"number": TEXT, "exp_month": TEXT, "exp_year": TEXT, "cvc": TEXT}
_METHOD_DATA = {"type": TEXT, "card": _CARD, "billing_details": FREE, "metadata": METADATA}
_CONFIRM = {
    "payment_method": TEXT,
    "payment_method_data": _METHOD_DATA,
    "payment_method_types": [TEXT],
    "payment_method_options": FREE,
    "return_url": TEXT,
    "off_session": TEXT,
    "receipt_email": TEXT,
    "expand": EXPAND,
}
_INTENT = _CONFIRM | {
    "amount": TEXT,
    "currency": TEXT,
    "confirm": TEXT,
    "capture_method": TEXT,
    "automatic_payment_methods": {"enabled": TEXT, "allow_redirects": TEXT},
    "description": TEXT,
    "metadata": METADATA,
    "statement_descriptor_suffix": TEXT,
}
_REFUND = {
    "amount": TEXT,
    "charge": TEXT,
    "payment_intent": TEXT,
    "reason": TEXT,
    "metadata": METADATA,
    "instructions_email": TEXT,
    "expand": EXPAND,
}
_REASONS = {"", "duplicate", "fraudulent", "requested_by_customer"}


def _of(request: Request) -> tuple[StripeDesk, dict[str, Any]]:
    return sandbox_of(request).stripe, request.state.params


def _reply(request: Request, said: dict[str, Any]) -> Response:
    sandbox = sandbox_of(request)
    return answer(expand(sandbox.stripe.store, sandbox.settings.base, said, request.state.params.get("expand")))


def _session_json(request: Request, session: Session) -> Response:
    return _reply(request, shapes.session(session, sandbox_of(request).settings.base))


def _intent_json(request: Request, intent: Intent) -> Response:
    return _reply(request, shapes.intent(intent, sandbox_of(request).settings.base))


@router.post("/checkout/sessions", tags=["open"])
async def create_session(request: Request) -> Response:
    """Open a hosted checkout page for one payment in yen."""
    desk, params = _of(request)
    check(params, _SESSION)
    if required(params, "mode") != "payment":
        raise StripeError("This sandbox has payments only; mode must be 'payment'.", param="mode")
    for place in ("success_url", "cancel_url"):
        _check_url(params.get(place, ""), place, must=place == "success_url")
    method_type = _method_type(params)
    amount, name = _line_items(params)
    more = params.get("payment_intent_data", {})
    session = Session(
        id=f"cs_test_{secrets.token_hex(24)}",
        created=desk.now(),
        expires_at=_expiry(params, desk.now()),
        amount=amount,
        success_url=params["success_url"],
        cancel_url=params.get("cancel_url"),
        name=name,
        client_reference_id=params.get("client_reference_id"),
        customer_email=params.get("customer_email"),
        locale=params.get("locale"),
        description=more.get("description"),
        metadata=params.get("metadata") or {},
        intent_metadata=more.get("metadata") or {},
        method_type=method_type,
    )
    return _session_json(request, desk.open_session(session))


def _method_type(params: dict[str, Any]) -> str:
    said: list[str] = params.get("payment_method_types", ["card"])
    for position, each in enumerate(said):
        if each not in METHOD_TYPES:
            raise StripeError(
                f"The payment method type provided: {each} is invalid.", param=f"payment_method_types[{position}]"
            )
    if len(said) != 1:
        raise StripeError("This sandbox's page has one way to pay.", param="payment_method_types")
    options = params.get("payment_method_options", {})
    secure = options.get("card", {}).get("request_three_d_secure", "automatic")
    if secure not in THREE_D_SECURE:
        raise StripeError(
            f"Invalid payment_method_options[card][request_three_d_secure]: must be one of {', '.join(THREE_D_SECURE)}",
            param="payment_method_options[card][request_three_d_secure]",
        )
    return said[0]


def _check_url(url: str, place: str, *, must: bool) -> None:
    if not url and must:
        raise StripeError(f"Missing required param: {place}.", code="parameter_missing", param=place)
    if url and (not url.startswith(("http://", "https://")) or len(url) > URL_CHARS_MAX):
        raise StripeError("Not a valid URL", code="url_invalid", param=place)


def _expiry(params: dict[str, Any], now: int) -> int:
    if "expires_at" not in params:
        return now + SESSION_SECONDS_MAX
    at = integer(params["expires_at"], "expires_at", least=0, most=10**11)
    # Half a minute of grace, because "thirty minutes from now" is said before it arrives.
    if not SESSION_SECONDS_MIN - CLOCK_GRACE_SECONDS <= at - now <= SESSION_SECONDS_MAX + CLOCK_GRACE_SECONDS:
        raise StripeError(
            "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from Checkout Session "
            "creation.",
            param="expires_at",
        )
    return at


def _line_items(params: dict[str, Any]) -> tuple[int, str]:
    total, names = 0, []
    for position, item in enumerate(required(params, "line_items")):
        path = f"line_items[{position}]"
        price = required(item, "price_data", f"{path}[price_data]")
        if str(required(price, "currency", f"{path}[price_data][currency]")).lower() != shapes.CURRENCY:
            raise StripeError("Invalid currency; this sandbox has jpy only.", param=f"{path}[price_data][currency]")
        product = required(price, "product_data", f"{path}[price_data][product_data]")
        names.append(str(required(product, "name", f"{path}[price_data][product_data][name]")))
        where = f"{path}[price_data][unit_amount]"
        each = integer(required(price, "unit_amount", where), where, least=0, most=AMOUNT_YEN_MAX)
        total += each * integer(item.get("quantity", "1"), f"{path}[quantity]", least=1, most=999_999)
    if not AMOUNT_YEN_MIN <= total <= AMOUNT_YEN_MAX:
        code = "amount_too_small" if total < AMOUNT_YEN_MIN else "amount_too_large"
        raise StripeError(
            f"The Checkout Session's total amount must be between ¥{AMOUNT_YEN_MIN} and ¥{AMOUNT_YEN_MAX:,}.",
            code=code,
        )
    return total, "、".join(names)


@router.get("/checkout/sessions", tags=["query"])
async def list_sessions(request: Request) -> Response:
    """List sessions, newest first; of one PaymentIntent if named."""
    desk, params = _of(request)
    check(params, {"payment_intent": TEXT, "limit": TEXT, "starting_after": TEXT, "expand": EXPAND})
    intent = params.get("payment_intent")
    found = desk.store.sessions.by("intent", intent) if intent else None
    base = sandbox_of(request).settings.base
    listed = page(desk.store.sessions, params, "/v1/checkout/sessions", lambda each: shapes.session(each, base), found)
    return _reply(request, listed)


@router.get("/checkout/sessions/{session_id}", tags=["query"])
async def show_session(request: Request, session_id: str) -> Response:
    """Show one session."""
    check(request.state.params, {"expand": EXPAND})
    return _session_json(request, _session(request, session_id))


@router.post("/checkout/sessions/{session_id}/expire", tags=["expire"])
async def expire_session(request: Request, session_id: str) -> Response:
    """End an open session; 400 if it is complete or already expired."""
    desk, params = _of(request)
    check(params, {"expand": EXPAND})
    return _session_json(request, desk.expire(_session(request, session_id)))


def _session(request: Request, session_id: str) -> Session:
    found = sandbox_of(request).stripe.store.sessions.get(session_id)
    if found is None:
        raise missing("checkout.session", session_id, "session")
    return found


@router.post("/payment_intents", tags=["open"])
async def create_intent(request: Request) -> Response:
    """Create a PaymentIntent, and confirm it at once if asked."""
    desk, params = _of(request)
    check(params, _INTENT)
    if str(required(params, "currency")).lower() != shapes.CURRENCY:
        raise StripeError("Invalid currency; this sandbox has jpy only.", param="currency")
    if params.get("capture_method", "automatic") not in {"automatic", "automatic_async"}:
        raise StripeError("This sandbox captures automatically only.", param="capture_method")
    intent_id = f"pi_{secrets.token_hex(12)}"
    intent = Intent(
        id=intent_id,
        created=desk.now(),
        amount=integer(required(params, "amount"), "amount", least=AMOUNT_YEN_MIN, most=AMOUNT_YEN_MAX),
        client_secret=f"{intent_id}_secret_{secrets.token_hex(8)}",
        payment_method=params.get("payment_method"),
        status="requires_confirmation" if params.get("payment_method") else "requires_payment_method",
        description=params.get("description"),
        return_url=params.get("return_url"),
        metadata=params.get("metadata") or {},
    )
    outcome = _card(params, intent) if params.get("confirm") == "true" else None
    desk.create_intent(intent)
    return _intent_json(request, intent) if outcome is None else _confirm(request, intent, outcome)


@router.get("/payment_intents/search", tags=["query"])
async def search_intents(request: Request) -> Response:
    """Find PaymentIntents by one entry of their metadata (docs.stripe.com/search), newest first."""
    desk, params = _of(request)
    check(params, {"query": TEXT, "limit": TEXT, "page": TEXT, "expand": EXPAND})
    asked = _SEARCH.match(str(required(params, "query")))
    if asked is None:
        raise StripeError(
            "This sandbox searches for one entry of the metadata: metadata['key']:'value'.", param="query"
        )
    name, value = asked.groups()
    base = sandbox_of(request).settings.base
    found = [each for each in desk.store.intents if each.metadata.get(name) == value]
    made = page(desk.store.intents, params, "/v1/payment_intents/search", lambda each: shapes.intent(each, base), found)
    return _reply(request, made | {"object": "search_result", "next_page": None})


@router.get("/payment_intents/{intent_id}", tags=["query"])
async def show_intent(request: Request, intent_id: str) -> Response:
    """Show one PaymentIntent."""
    check(request.state.params, {"expand": EXPAND, "client_secret": TEXT})
    return _intent_json(request, _intent(request, intent_id))


@router.get("/payment_intents", tags=["query"])
async def list_intents(request: Request) -> Response:
    """List PaymentIntents, newest first."""
    desk, params = _of(request)
    check(params, {"limit": TEXT, "starting_after": TEXT, "expand": EXPAND})
    base = sandbox_of(request).settings.base
    return _reply(
        request, page(desk.store.intents, params, "/v1/payment_intents", lambda each: shapes.intent(each, base), None)
    )


@router.post("/payment_intents/{intent_id}/confirm", tags=["open"])
async def confirm_intent(request: Request, intent_id: str) -> Response:
    """Send the card to the network: 200, or 402 if it is declined."""
    params = request.state.params
    check(params, _CONFIRM)
    intent = _intent(request, intent_id)
    return _confirm(request, intent, _card(params, intent))


@router.post("/payment_intents/{intent_id}/cancel", tags=["expire"])
async def cancel_intent(request: Request, intent_id: str) -> Response:
    """Cancel a PaymentIntent that is not paid."""
    desk, params = _of(request)
    check(params, {"cancellation_reason": TEXT, "expand": EXPAND})
    intent = desk.cancel(_intent(request, intent_id), params.get("cancellation_reason"))
    return _intent_json(request, intent)


def _intent(request: Request, intent_id: str) -> Intent:
    found = sandbox_of(request).stripe.store.intents.get(intent_id)
    if found is None:
        raise missing("payment_intent", intent_id, "intent")
    return found


def _card(params: dict[str, Any], intent: Intent) -> CardOutcome:
    data = params.get("payment_method_data", {})
    said = params.get("payment_method") or data.get("card", {}).get("number") or intent.payment_method
    if not said:
        raise StripeError(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    if said not in TEST_CARDS:
        # Only Stripe's published test cards: a real number must never come here, and is not repeated.
        raise StripeError(
            "No such PaymentMethod. Use one of Stripe's test cards, such as pm_card_visa.",
            code="resource_missing",
            param="payment_method",
        )
    return TEST_CARDS[said]


def _confirm(request: Request, intent: Intent, outcome: CardOutcome) -> Response:
    desk, params = _of(request)
    method = params.get("payment_method") or intent.payment_method or f"pm_{secrets.token_hex(12)}"
    number = params.get("payment_method_data", {}).get("card", {}).get("number", "")
    failure = TEST_DECLINES.get(number, "generic_decline")
    confirmed = desk.confirm(replace(intent, payment_method=method), outcome, failure)
    if outcome is CardOutcome.DECLINED:
        raise declined(shapes.intent(confirmed, sandbox_of(request).settings.base), confirmed.latest_charge or "")
    return _intent_json(request, confirmed)


@router.post("/refunds", tags=["refund"])
async def create_refund(request: Request) -> Response:
    """Refund a charge or PaymentIntent, whole or in part; never more than is left."""
    desk, params = _of(request)
    check(params, _REFUND)
    if params.get("reason", "") not in _REASONS:
        raise StripeError(
            "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer", param="reason"
        )
    charge = _refundable(desk, params)
    amount = integer(params["amount"], "amount", least=1, most=AMOUNT_YEN_MAX) if "amount" in params else None
    strike = sandbox_of(request).faults.strike("stripe", "refund", frozenset({"fails"}))
    refund = desk.refund(
        charge,
        amount,
        reason=params.get("reason") or None,
        metadata=params.get("metadata") or {},
        will_fail=strike is not None,
    )
    return _reply(request, shapes.refund(refund))


def _refundable(desk: StripeDesk, params: dict[str, Any]) -> Charge:
    if intent_id := params.get("payment_intent"):
        intent = desk.store.intents.get(intent_id)
        if intent is None:
            raise missing("payment_intent", intent_id, "payment_intent")
        if intent.status != "succeeded":
            raise StripeError("This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
        charge_id = intent.latest_charge or ""
    else:
        charge_id = params.get("charge", "")
        if not charge_id:
            raise StripeError(
                "One of the following params should be provided for this request: payment_intent or charge."
            )
    charge = desk.store.charges.get(charge_id)
    if charge is None:
        raise missing("charge", charge_id, "charge")
    return charge


@router.get("/refunds", tags=["query"])
async def list_refunds(request: Request) -> Response:
    """List refunds, newest first; of one charge or PaymentIntent if named."""
    desk, params = _of(request)
    check(params, {"charge": TEXT, "payment_intent": TEXT, "limit": TEXT, "starting_after": TEXT, "expand": EXPAND})
    found = None
    if charge := params.get("charge"):
        found = desk.store.refunds.by("charge", charge)
    elif intent := params.get("payment_intent"):
        found = desk.store.refunds.by("intent", intent)
    return _reply(request, page(desk.store.refunds, params, "/v1/refunds", shapes.refund, found))


@router.get("/refunds/{refund_id}", tags=["query"])
async def show_refund(request: Request, refund_id: str) -> Response:
    """Show one refund."""
    desk, params = _of(request)
    check(params, {"expand": EXPAND})
    found = desk.store.refunds.get(refund_id)
    if found is None:
        raise missing("refund", refund_id)
    return _reply(request, shapes.refund(found))
