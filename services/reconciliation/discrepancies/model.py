"""What does not agree: judged of one order or closed day from its figures alone, or left open by matching. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, get_args
from uuid import UUID, uuid5

from kernel.clock import business_date
from kernel.money import ZERO, Yen
from kernel.refusals import Conflict, NotFound, Unavailable
from reconciliation.matching.model import OpenKind

OrderKind = Literal[
    "not_captured",
    "not_sold",
    "amounts_differ",
    "refund_outstanding",
    "refund_failed",
    "refunded_too_much",
    "unallocated",
    "admitted_though_void",
    "admitted_without_order",
]
DayKind = Literal["changed_after_closing"]
# What matching leaves open between our books, the providers' statements and the bank's: the view open_items.
ItemKind = OpenKind
Kind = OrderKind | DayKind | ItemKind
ORDER_KINDS: Final[tuple[str, ...]] = get_args(OrderKind)
DAY_KINDS: Final[tuple[str, ...]] = get_args(DayKind)
ITEM_KINDS: Final[tuple[str, ...]] = get_args(ItemKind)
FAMILY = UUID("5f0b6a52-0d0e-5b57-9a0e-8f6d4e6f2c10")  # Ids of an order's discrepancies follow from kind and order.


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
    """Something that does not agree. `pending`: young enough that events may still be on their way.

    `subject` is what it is about, such as line:… or deposit:…; an order unless it is said. `shows_on`: the day it
    counts on, where that is not the day of `since`. `detail`: what was found, where one amount does not say all of it.
    """

    kind: Kind
    order_id: str
    number: str
    facility: str
    amount: Yen
    since: datetime
    pending: bool = False
    subject: str = ""
    provider: str = ""
    shows_on: date | None = None
    detail: str = ""

    @property
    def about(self) -> str:
        """What it is about."""
        return self.subject or f"order:{self.order_id}"

    @property
    def id(self) -> UUID:
        """The id: the same for the same kind and subject, for ever."""
        if self.subject and self.kind not in ORDER_KINDS:
            return UUID(hashlib.md5(f"{self.kind}:{self.subject}".encode(), usedforsecurity=False).hexdigest())
        return uuid5(FAMILY, f"{self.kind}:{self.order_id}")

    @property
    def day(self) -> date:
        """The business day on which it shows."""
        return self.shows_on or business_date(self.since)


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
    """It was never raised, or is not yours."""

    slug = "unknown-discrepancy"
    advice = "There is no discrepancy {id} that you may see. Reload the list."


class StillArriving(Conflict):
    """Events may still be on their way."""

    slug = "discrepancy-pending"
    advice = "Events of this order may still be on their way. Try again in a few minutes."


class StillExamining(Unavailable):
    """So much came at once that not every order is judged yet."""

    slug = "still-examining"
    advice = "Many events came at once and are still being examined. Nothing was lost; try again in a minute."
