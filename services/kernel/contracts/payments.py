"""What payments publishes: charges, refunds, disputes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import StringConstraints

from kernel.contracts.envelope import Fact, Moment, YenField

# The name of a method's folder in payments: a new one is no change of the contract.
Method = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Allocation(Fact):
    """The part of a charge that belongs to one facility, product and revenue account."""

    facility: str
    product: str
    revenue_owner: str
    revenue_account: str
    tax_rate_percent: int
    amount: YenField


class ChargeFact(Fact):
    """The whole charge, as every charge event carries it.

    `reference` is the caller's own: the order's id for ticketing. `provider_reference` is ours
    at the provider (never the payer's). `amount` is what is due, tax included.
    """

    AGGREGATE: ClassVar[str] = "charge"

    charge_id: UUID
    reference: str
    caller: str
    method: Method
    amount: YenField
    facility: str
    allocations: tuple[Allocation, ...]


class ChargeRequested(ChargeFact):
    """A charge is open and waits for its payer."""

    TYPE: ClassVar[str] = "payments.charge.requested.v1"
    requested_at: Moment
    expires_at: Moment


class ChargeCaptured(ChargeFact):
    """The provider holds the money for us."""

    TYPE: ClassVar[str] = "payments.charge.captured.v1"
    attempt_id: UUID
    captured: YenField
    provider_reference: str
    captured_at: Moment


class ChargeFailed(ChargeFact):
    """The provider refused for good; nothing was taken.

    `reason` is one of payments' own words that may be told to the payer (insufficient_funds, card_expired,
    card_details_wrong, authentication_failed, card_not_accepted, limit_reached, try_again, declined); more may come,
    and a reader takes one that it does not know as declined.
    """

    TYPE: ClassVar[str] = "payments.charge.failed.v1"
    reason: str
    failed_at: Moment


class ChargeExpired(ChargeFact):
    """Nobody paid before the provider's deadline."""

    TYPE: ClassVar[str] = "payments.charge.expired.v1"
    expired_at: Moment


class ChargeUnallocated(ChargeFact):
    """Money came that no order can take: too late, twice, or another amount. A person is told.

    `attempt_id`: the payment that brought it; None where it had been captured before, and in events before 2026-11-24.
    """

    TYPE: ClassVar[str] = "payments.charge.unallocated.v1"
    attempt_id: UUID | None = None
    captured: YenField
    cause: Literal["paid_too_late", "paid_twice", "amount_differs"]
    unallocated_at: Moment


class ChargeReversed(ChargeFact):
    """The provider took a notified payment back (Pay-easy 取消 at the bank's window)."""

    TYPE: ClassVar[str] = "payments.charge.reversed.v1"
    attempt_id: UUID | None = None
    reversed: YenField
    reversed_at: Moment


class UnallocatedReversed(ChargeFact):
    """The provider took money back that no order had: what was unallocated is less by this."""

    TYPE: ClassVar[str] = "payments.charge.unallocated_reversed.v1"
    attempt_id: UUID | None = None
    reversed: YenField
    reversed_at: Moment


class MethodPaused(Fact):
    """A way to pay is not to be offered for now: its provider is in maintenance or does not answer."""

    TYPE: ClassVar[str] = "payments.method.paused.v1"
    AGGREGATE: ClassVar[str] = "method"

    method: Method
    trouble: str
    paused_at: Moment
    until: Moment | None


class MethodResumed(Fact):
    """A way to pay may be offered again."""

    TYPE: ClassVar[str] = "payments.method.resumed.v1"
    AGGREGATE: ClassVar[str] = "method"

    method: Method
    resumed_at: Moment


class RefundFact(Fact):
    """One refund of one charge: of the payment `attempt_id`, by whose `method` it goes back."""

    AGGREGATE: ClassVar[str] = "refund"

    refund_id: UUID
    charge_id: UUID
    attempt_id: UUID | None = None
    reference: str
    method: Method
    facility: str
    amount: YenField
    allocations: tuple[Allocation, ...]


class RefundSettled(RefundFact):
    """The provider accepted the refund; the payer gets the money. `by_us`: from our own account, past the provider."""

    TYPE: ClassVar[str] = "payments.refund.settled.v1"
    by_us: bool = False
    settled_at: Moment


class RefundFailed(RefundFact):
    """The provider refused the refund; a person must act."""

    TYPE: ClassVar[str] = "payments.refund.failed.v1"
    reason: str
    failed_at: Moment


class DisputeFact(Fact):
    """A payer contests a card payment with their bank."""

    AGGREGATE: ClassVar[str] = "dispute"

    dispute_id: UUID
    charge_id: UUID
    attempt_id: UUID | None = None
    method: str = ""
    reference: str
    facility: str
    amount: YenField
    reason: str


class DisputeOpened(DisputeFact):
    """The bank asks for evidence."""

    TYPE: ClassVar[str] = "payments.dispute.opened.v1"
    opened_at: Moment


class DisputeClosed(DisputeFact):
    """The bank has decided."""

    TYPE: ClassVar[str] = "payments.dispute.closed.v1"
    won: bool
    closed_at: Moment
