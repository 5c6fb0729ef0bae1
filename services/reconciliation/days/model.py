"""A business day's figures: rows by facility and method, totals, and how a day stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from kernel.money import ZERO, Yen, total
from kernel.refusals import Conflict, Invalid
from reconciliation.discrepancies.model import Discrepancy

State = Literal["none", "agrees", "pending", "disagrees"]


@dataclass(frozen=True, slots=True)
class DayRow:
    """The figures of one facility and method on one day. Sales are gross, refunds stand beside them."""

    day: date
    facility: str
    method: str
    sold: Yen
    sold_count: int
    captured: Yen
    refunded: Yen
    reversed: Yen
    unallocated: Yen
    admitted: int

    @property
    def net(self) -> Yen:
        """What stays of all money that came in on the day, over-receipts included."""
        return self.captured + self.unallocated - self.refunded - self.reversed


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of a whole day: yen, tickets, people."""

    sold: Yen
    sold_count: int
    captured: Yen
    refunded: Yen
    reversed: Yen
    unallocated: Yen
    admitted: int

    @property
    def net(self) -> Yen:
        """What stays of all money that came in on the day, over-receipts included."""
        return self.captured + self.unallocated - self.refunded - self.reversed

    def __bool__(self) -> bool:
        return any(
            (self.sold, self.sold_count, self.captured, self.refunded, self.reversed, self.unallocated, self.admitted)
        )


def totals_of(rows: Sequence[DayRow]) -> Totals:
    """Add up rows."""
    return Totals(
        sold=total(row.sold for row in rows),
        sold_count=sum(row.sold_count for row in rows),
        captured=total(row.captured for row in rows),
        refunded=total(row.refunded for row in rows),
        reversed=total(row.reversed for row in rows),
        unallocated=total(row.unallocated for row in rows),
        admitted=sum(row.admitted for row in rows),
    )


@dataclass(frozen=True, slots=True)
class Closing:
    """A day's figures as they were when somebody closed it."""

    day: date
    sold: Yen
    captured: Yen
    refunded: Yen
    admitted: int
    closed_by: str
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """One business day as accounting sees it."""

    date: date
    rows: tuple[DayRow, ...]
    disagreements: tuple[Discrepancy, ...]
    pending: tuple[Discrepancy, ...]
    closing: Closing | None

    @property
    def totals(self) -> Totals:
        """The sums of the rows."""
        return totals_of(self.rows)

    @property
    def state(self) -> State:
        """How the day stands."""
        if self.disagreements:
            return "disagrees"
        if self.pending:
            return "pending"
        return "agrees" if self.totals else "none"


def changed_since(closing: Closing, totals: Totals) -> Discrepancy | None:
    """Return how a closed day differs from its closing, if it does."""
    differences = (totals.sold - closing.sold, totals.captured - closing.captured, totals.refunded - closing.refunded)
    amount = next((each for each in differences if each), ZERO)
    if not amount and totals.admitted == closing.admitted:
        return None
    return Discrepancy("changed_after_closing", f"day:{closing.day}", "", "", amount, closing.closed_at)


class DayNotOver(Conflict):
    """The day still runs."""

    slug = "day-not-over"
    advice = "{day} is not over yet. Close it from the next morning on."


class DayDisagrees(Conflict):
    """Something is not explained yet."""

    slug = "day-disagrees"
    advice = "{day} cannot be closed: {count} things do not agree yet. Settle or explain each of them first."


class DayClosedAlready(Conflict):
    """Somebody closed it before."""

    slug = "day-closed-already"
    advice = "{day} was closed already. Later corrections belong to an open day."


class TooManyDays(Invalid):
    """The range is the wrong way round or too long."""

    slug = "bad-range"
    advice = "Choose a first day that is not after the last one, and at most {days_max} days."


def require_range(first: date, last: date, *, days_max: int) -> None:
    """Raise TooManyDays unless the range is in order and short enough."""
    if last < first or (last - first).days >= days_max:
        raise TooManyDays(days_max=days_max)
