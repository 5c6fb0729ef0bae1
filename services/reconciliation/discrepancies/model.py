"""What does not agree about one order: judged from its position alone, pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from kernel.clock import business_date
from kernel.money import ZERO, Yen
from kernel.refusals import Conflict, NotFound

Kind = Literal[
    "not_captured",
    "not_sold",
    "amounts_differ",
    "refund_outstanding",
    "refund_failed",
    "refunded_too_much",
    "unallocated",
    "admitted_though_void",
    "admitted_without_order",
    "changed_after_closing",
]
FAMILY = UUID("5f0b6a52-0d0e-5b57-9a0e-8f6d4e6f2c10")  # Ids of discrepancies follow from their kind and order.

# What is wrong and what to do; gettext messages, {amount} is filled in.
EXPLANATIONS: dict[Kind, tuple[str, str]] = {
    "not_captured": (
        "Tickets for {amount} were sold, but no payment has come.",
        "Look the order up at the payment provider. If it was never paid, cancel the order in the office.",
    ),
    "not_sold": (
        "{amount} was paid, but there is no sale for it.",
        "Open the order in the office: confirm it, or give the money back.",
    ),
    "amounts_differ": (
        "The payment and the sale differ by {amount}.",
        "Compare the order with the provider's receipt, and give back or collect the difference.",
    ),
    "refund_outstanding": (
        "A refund of {amount} has been asked for and has not been made.",
        "Check the refund at the payment provider. If it is not there, start it again.",
    ),
    "refund_failed": (
        "The provider refused a refund of {amount}.",
        "Ask the visitor for another way, such as a bank transfer, and note it here.",
    ),
    "refunded_too_much": (
        "{amount} more was given back than had been paid.",
        "Check whether a refund was made twice, and claim the difference back.",
    ),
    "unallocated": (
        "{amount} came in that belongs to no order (over-receipt).",
        "Give it back to the payer, or allocate it to the right order.",
    ),
    "admitted_though_void": (
        "Somebody entered with a ticket that was cancelled or refunded.",
        "Check the times at the gate. If the entry was right, note the reason; if not, tell the facility.",
    ),
    "admitted_without_order": (
        "Somebody entered with a ticket whose sale is not known here.",
        "Wait for the events of the order; if they do not come, ask whoever runs the system.",
    ),
    "changed_after_closing": (
        "The day's figures have changed by {amount} since it was closed.",
        "Compare the orders of the day with the closed figures, and book the difference in an open day.",
    ),
}


@dataclass(frozen=True, slots=True)
class Position:
    """Everything that is known of one order. Amounts are gross."""

    order_id: str
    number: str
    facility: str
    method: str
    due: Yen
    sold: Yen
    captured: Yen
    unallocated: Yen
    reversed: Yen
    refund_requested: Yen
    surplus_requested: Yen
    refunded: Yen
    refund_failures: int
    people: int
    admitted: int
    void_admitted: int
    was_paid: bool
    confirmed_at: datetime | None
    sold_at: datetime | None
    captured_at: datetime | None
    unallocated_at: datetime | None
    reversed_at: datetime | None
    refund_requested_at: datetime | None
    refunded_at: datetime | None
    admitted_at: datetime | None
    cancelled_at: datetime | None
    expired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that does not agree. `pending`: young enough that events may still be on their way."""

    kind: Kind
    order_id: str
    number: str
    facility: str
    amount: Yen
    since: datetime
    pending: bool = False

    @property
    def id(self) -> UUID:
        """The id: the same for the same kind and order, for ever."""
        return uuid5(FAMILY, f"{self.kind}:{self.order_id}")

    @property
    def day(self) -> date:
        """The business day on which it shows."""
        return business_date(self.since)


def judge(order: Position, *, at: datetime, grace: timedelta) -> list[Discrepancy]:
    """Return what does not agree about an order at a moment."""
    return [
        Discrepancy(
            kind,
            order.order_id,
            order.number,
            order.facility,
            amount,
            since or at,
            pending=waits and since is not None and at - since < grace,
        )
        for kind, amount, since, waits in _findings(order)
    ]


_Finding = tuple[Kind, Yen, datetime | None, bool]


def _findings(order: Position) -> Iterator[_Finding]:
    booked = order.captured - order.reversed - order.surplus_requested
    due_back = order.refund_requested
    # What a bank took back for a cancelled sale is missed by nobody.
    paid = booked if order.cancelled_at is None else booked + order.reversed
    if order.cancelled_at is not None and order.was_paid and not due_back:
        due_back = max(ZERO, booked)
    if order.confirmed_at is None:
        if booked > ZERO:
            yield "not_sold", booked, order.captured_at, True
        if order.admitted > 0:
            yield "admitted_without_order", ZERO, order.admitted_at, True
    elif paid != order.sold:
        kind: Kind = "amounts_differ" if order.captured > ZERO and booked > ZERO else "not_captured"
        since = order.reversed_at if order.reversed else order.sold_at
        yield kind, (paid - order.sold if kind == "amounts_differ" else order.sold - paid), since, True
    if order.refunded < due_back:
        asked = order.refund_requested_at or order.cancelled_at
        failed = order.refund_failures > 0
        yield "refund_failed" if failed else "refund_outstanding", due_back - order.refunded, asked, not failed
    received = order.captured + order.unallocated - order.reversed
    if order.refunded > received:
        yield "refunded_too_much", order.refunded - received, order.refunded_at, True
    given_beyond = max(ZERO, order.refunded - due_back)
    if order.unallocated > given_beyond:
        yield "unallocated", order.unallocated - given_beyond, order.unallocated_at, False
    if order.void_admitted > 0 or (order.cancelled_at is not None and order.admitted > 0):
        yield "admitted_though_void", ZERO, order.admitted_at, False


class UnknownDiscrepancy(NotFound):
    """It is not open, or not yours."""

    slug = "unknown-discrepancy"
    advice = "There is no open discrepancy {id}. It may have been settled already; reload the day."


class StillArriving(Conflict):
    """Events may still be on their way."""

    slug = "discrepancy-pending"
    advice = "Events of this order may still be on their way. Try again in a few minutes."
