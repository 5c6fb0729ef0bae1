"""How Stripe writes its objects in JSON (docs.stripe.com/api), as far as they exist here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

from kernel.clock import business_date
from sandbox.stripe.model import OWN_CODES, Balance, Charge, Dispute, Event, Intent, Payout, Refund, Session

API_VERSION = "2026-10-28.endive"
CURRENCY = "jpy"
DISPUTE_DAYS = 7  # until a bank wants our evidence; real ones give 7 to 21
PAYOUT_DAYS_SECONDS = 4 * 86_400


def session(each: Session, base: str) -> dict[str, Any]:
    """A Checkout Session."""
    return {
        "id": each.id,
        "object": "checkout.session",
        "amount_subtotal": each.amount,
        "amount_total": each.amount,
        "cancel_url": each.cancel_url,
        "client_reference_id": each.client_reference_id,
        "created": each.created,
        "currency": CURRENCY,
        "customer": None,
        "customer_details": {"email": each.customer_email} if each.customer_email else None,
        "customer_email": each.customer_email,
        "expires_at": each.expires_at,
        "livemode": False,
        "locale": each.locale,
        "metadata": each.metadata,
        "mode": "payment",
        "payment_intent": each.payment_intent,
        "payment_method_types": [each.method_type],
        "payment_status": each.payment_status,
        "status": each.status,
        "success_url": each.success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
        "url": f"{base}/stripe/pay/{each.id}" if each.status == "open" else None,
    }


_DETAILS = {"card": {"brand": "visa", "country": "JP", "funding": "credit"}}


def payment_error(each: Intent) -> dict[str, Any]:
    """Why an intent was declined."""
    own = each.failure in OWN_CODES
    code = {"code": each.failure} if own else {"code": "card_declined", "decline_code": each.failure}
    return {"type": "card_error", "message": "Your card was declined."} | code


def intent(each: Intent, base: str) -> dict[str, Any]:
    """A PaymentIntent."""
    action = {
        "type": "redirect_to_url",
        "redirect_to_url": {"url": f"{base}/stripe/authenticate/{each.id}", "return_url": each.return_url},
    }
    return {
        "id": each.id,
        "object": "payment_intent",
        "amount": each.amount,
        "amount_capturable": 0,
        "amount_received": each.amount if each.status == "succeeded" else 0,
        "canceled_at": each.canceled_at,
        "cancellation_reason": each.cancellation_reason,
        "capture_method": "automatic",
        "client_secret": each.client_secret,
        "confirmation_method": "automatic",
        "created": each.created,
        "currency": CURRENCY,
        "customer": None,
        "description": each.description,
        "last_payment_error": payment_error(each) | {"charge": each.latest_charge} if each.failed else None,
        "latest_charge": each.latest_charge,
        "livemode": False,
        "metadata": each.metadata,
        "next_action": action if each.status == "requires_action" else None,
        "payment_method": each.payment_method,
        "payment_method_types": [each.method_type],
        "status": each.status,
    }


def charge(each: Charge) -> dict[str, Any]:
    """A Charge."""
    return {
        "id": each.id,
        "object": "charge",
        "amount": each.amount,
        "amount_captured": each.amount if each.succeeded else 0,
        "amount_refunded": each.refunded,
        "balance_transaction": each.balance_transaction,
        "captured": each.succeeded,
        "created": each.created,
        "currency": CURRENCY,
        "description": each.description,
        "disputed": each.dispute is not None,
        "failure_code": None if each.succeeded else "card_declined",
        "failure_message": None if each.succeeded else "Your card was declined.",
        "livemode": False,
        "metadata": each.metadata,
        "paid": each.succeeded,
        "payment_intent": each.payment_intent,
        "payment_method_details": {"type": each.method_type, each.method_type: _DETAILS.get(each.method_type, {})},
        "refunded": each.succeeded and each.refunded == each.amount,
        "status": "succeeded" if each.succeeded else "failed",
    }


def refund(each: Refund) -> dict[str, Any]:
    """A Refund."""
    return {
        "id": each.id,
        "object": "refund",
        "amount": each.amount,
        "balance_transaction": each.balance_transaction,
        "charge": each.charge,
        "created": each.created,
        "currency": CURRENCY,
        "failure_reason": "lost_or_stolen_card" if each.status == "failed" else None,
        "metadata": each.metadata,
        "payment_intent": each.payment_intent,
        "reason": each.reason,
        "status": each.status,
    }


def balance(each: Balance) -> dict[str, Any]:
    """A balance transaction."""
    fees = [{"amount": each.fee, "currency": CURRENCY, "type": "stripe_fee", "description": "Stripe processing fees"}]
    return {
        "id": each.id,
        "object": "balance_transaction",
        "amount": each.amount,
        "available_on": each.created + PAYOUT_DAYS_SECONDS,
        "created": each.created,
        "currency": CURRENCY,
        "description": None,
        "exchange_rate": None,
        "fee": each.fee,
        "fee_details": fees if each.fee else [],
        "net": each.net,
        "reporting_category": each.reporting_category,
        "source": each.source,
        "status": "available" if each.payout else "pending",
        "type": each.type,
    }


def _midnight(created: int) -> int:
    """The day in Japan of a moment, as Stripe writes days: midnight in UTC."""
    day = business_date(datetime.fromtimestamp(created, UTC))
    return int(datetime.combine(day, time(), UTC).timestamp())


def payout(each: Payout) -> dict[str, Any]:
    """A Payout."""
    return {
        "id": each.id,
        "object": "payout",
        "amount": each.amount,
        "arrival_date": _midnight(each.created),
        "automatic": True,
        "created": each.created,
        "currency": CURRENCY,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "completed" if each.completed else "in_progress",
        "status": "paid",
        "type": "bank_account",
    }


def dispute(each: Dispute) -> dict[str, Any]:
    """A Dispute."""
    return {
        "id": each.id,
        "object": "dispute",
        "amount": each.amount,
        "balance_transactions": list(each.balance_transactions),
        "charge": each.charge,
        "created": each.created,
        "currency": CURRENCY,
        "evidence_details": {
            "due_by": each.created + DISPUTE_DAYS * 86_400,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": each.payment_intent,
        "reason": "fraudulent",
        "status": each.status,
    }


def event(each: Event) -> dict[str, Any]:
    """An Event."""
    return {
        "id": each.id,
        "object": "event",
        "api_version": API_VERSION,
        "created": each.created,
        "data": {"object": each.data},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": each.type,
    }


def listed(url: str, data: Sequence[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page of a list."""
    return {"object": "list", "data": list(data), "has_more": more, "url": url}
