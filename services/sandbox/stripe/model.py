"""Stripe's objects and their transitions: sessions, intents, charges, refunds, disputes, payouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

BASIS_POINTS = 10_000
DISPUTE_FEE_YEN = 1_500


class CardOutcome(Enum):
    """What the card network says to a test card."""

    APPROVED = "approve"
    DECLINED = "decline"
    CHALLENGED = "challenge"  # 3-D Secure asks the payer first


# Stripe's published test cards and test payment methods.
TEST_CARDS: Mapping[str, CardOutcome] = {
    "4242424242424242": CardOutcome.APPROVED,
    "4000000000000002": CardOutcome.DECLINED,
    "4000000000009995": CardOutcome.DECLINED,
    "4000000000009987": CardOutcome.DECLINED,
    "4000000000009979": CardOutcome.DECLINED,
    "4000000000000069": CardOutcome.DECLINED,
    "4000000000000127": CardOutcome.DECLINED,
    "4000000000000119": CardOutcome.DECLINED,
    "4000000000006975": CardOutcome.DECLINED,
    "4000002760003184": CardOutcome.CHALLENGED,
    "pm_card_visa": CardOutcome.APPROVED,
    "pm_card_mastercard": CardOutcome.APPROVED,
    "pm_card_jcb": CardOutcome.APPROVED,
    "pm_card_chargeDeclined": CardOutcome.DECLINED,
    "pm_card_visa_chargeDeclined": CardOutcome.DECLINED,
    "pm_card_threeDSecure2Required": CardOutcome.CHALLENGED,
    "pm_card_authenticationRequired": CardOutcome.CHALLENGED,
}


# And those that are declined for a reason of their own (docs.stripe.com/testing#declined-payments).
TEST_DECLINES: Mapping[str, str] = {
    "4000000000000002": "generic_decline",
    "4000000000009995": "insufficient_funds",
    "4000000000009987": "lost_card",
    "4000000000009979": "stolen_card",
    "4000000000000069": "expired_card",
    "4000000000000127": "incorrect_cvc",
    "4000000000000119": "processing_error",
    "4000000000006975": "card_velocity_exceeded",
}
NOT_AUTHENTICATED = "payment_intent_authentication_failure"
# Codes that stand in `code` itself; all others come as card_declined with a decline_code.
OWN_CODES = frozenset({"expired_card", "incorrect_cvc", "processing_error", NOT_AUTHENTICATED})
METHOD_TYPES = ("card", "paypay")


@dataclass(frozen=True, slots=True)
class Session:
    """A Checkout Session; times are epochs in seconds, amounts yen."""

    id: str
    created: int
    expires_at: int
    amount: int
    success_url: str
    cancel_url: str | None
    name: str
    status: str = "open"  # open, complete, expired
    payment_intent: str | None = None
    client_reference_id: str | None = None
    customer_email: str | None = None
    locale: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    intent_metadata: dict[str, str] = field(default_factory=dict)
    method_type: str = "card"

    @property
    def payment_status(self) -> str:
        """Paid exactly when complete: there are only one-off card payments here."""
        return "paid" if self.status == "complete" else "unpaid"


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent."""

    id: str
    created: int
    amount: int
    client_secret: str
    status: str = "requires_payment_method"
    session: str | None = None
    payment_method: str | None = None
    latest_charge: str | None = None
    description: str | None = None
    return_url: str | None = None
    cancellation_reason: str | None = None
    canceled_at: int | None = None
    failed: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    method_type: str = "card"
    failure: str = "generic_decline"


@dataclass(frozen=True, slots=True)
class Charge:
    """A Charge: succeeded or failed, never changed but by refunds and a dispute."""

    id: str
    created: int
    amount: int
    payment_intent: str
    succeeded: bool
    balance_transaction: str | None = None
    description: str | None = None
    reference: str | None = None  # the session's client_reference_id, for the books
    fee: int = 0
    refunded: int = 0  # succeeded and pending refunds
    dispute: str | None = None
    dispute_lost: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    method_type: str = "card"


@dataclass(frozen=True, slots=True)
class Refund:
    """A Refund; `settles_at` is when a pending one ends."""

    id: str
    created: int
    amount: int
    charge: str
    payment_intent: str
    settles_at: float
    status: str = "pending"  # pending, succeeded, failed
    reason: str | None = None
    balance_transaction: str | None = None
    will_fail: bool = False
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance transaction: what a charge, refund, dispute or payout did to our money at Stripe."""

    id: str
    created: int
    amount: int
    fee: int
    type: str
    reporting_category: str
    source: str
    payout: str | None = None

    @property
    def net(self) -> int:
        """What remains after Stripe's fee."""
        return self.amount - self.fee


@dataclass(frozen=True, slots=True)
class Payout:
    """A payout to the bank: a closed batch of balance transactions, and final once `completed`."""

    id: str
    created: int
    amount: int
    completed: bool = True


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute (chargeback) of one charge."""

    id: str
    created: int
    amount: int
    charge: str
    payment_intent: str
    status: str = "needs_response"  # needs_response, won, lost
    balance_transactions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """An event; `data` is the object as it was, `previous` the status before."""

    id: str
    created: int
    type: str
    data: dict[str, Any]


class CannotError(Exception):
    """The state does not allow it; the message is Stripe's."""

    def __init__(self, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def fee_of(amount: int, basis_points: int) -> int:
    """Return Stripe's fee in yen, rounded down."""
    return amount * basis_points // BASIS_POINTS


def expire(session: Session) -> Session:
    """End an open session without a payment."""
    if session.status != "open":
        raise CannotError(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session.status}."
        )
    return replace(session, status="expired")


def complete(session: Session, intent: Intent) -> Session:
    """End an open session with its payment."""
    if session.status != "open":
        raise CannotError(f"This Checkout Session has a status of {session.status} and cannot be paid.")
    return replace(session, status="complete", payment_intent=intent.id)


def confirmable(intent: Intent) -> Intent:
    """Return the intent if it may be confirmed now."""
    if intent.status not in {"requires_payment_method", "requires_confirmation", "requires_action"}:
        raise CannotError(
            f"This PaymentIntent's status is {intent.status}, so it cannot be confirmed.",
            "payment_intent_unexpected_state",
        )
    return intent


def succeed(intent: Intent, charge: Charge) -> Intent:
    """Capture the intent with its charge."""
    return replace(confirmable(intent), status="succeeded", latest_charge=charge.id, failed=False)


def fail(intent: Intent, charge: Charge, failure: str) -> Intent:
    """Take the network's no: another card may be tried."""
    return replace(
        confirmable(intent),
        status="requires_payment_method",
        latest_charge=charge.id,
        payment_method=None,
        failed=True,
        failure=failure,
    )


def challenge(intent: Intent) -> Intent:
    """Let 3-D Secure ask the payer."""
    return replace(confirmable(intent), status="requires_action", failed=False)


def cancel(intent: Intent, *, reason: str | None, at: int) -> Intent:
    """Cancel an intent that is not paid."""
    if intent.status in {"succeeded", "canceled"}:
        raise CannotError(
            f"You cannot cancel this PaymentIntent because it has a status of {intent.status}.",
            "payment_intent_unexpected_state",
        )
    return replace(intent, status="canceled", cancellation_reason=reason, canceled_at=at)


def reserve_refund(charge: Charge, amount: int | None) -> tuple[Charge, int]:
    """Take a refund's amount (None: all that is left) from a charge. Pending refunds count."""
    left = charge.amount - charge.refunded
    if not charge.succeeded:
        raise CannotError(f"Charge {charge.id} has not succeeded and cannot be refunded.")
    if charge.dispute_lost:
        raise CannotError(f"Charge {charge.id} has been charged back; cannot issue a refund.", "charge_disputed")
    if left == 0:
        raise CannotError(f"Charge {charge.id} has already been refunded.", "charge_already_refunded")
    wanted = left if amount is None else amount
    if wanted > left:
        raise CannotError(
            f"Refund amount (¥{wanted:,}) is greater than unrefunded amount on charge (¥{left:,})",
            "amount_too_large",
            "amount",
        )
    return replace(charge, refunded=charge.refunded + wanted), wanted
