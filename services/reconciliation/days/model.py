"""A business day as accounting sees it, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from kernel.money import Yen
from kernel.refusals import Invalid
from reconciliation.closing.model import Closing
from reconciliation.days.figures import DayRow, Totals
from reconciliation.discrepancies.model import Discrepancy

State = Literal["none", "agrees", "pending", "disagrees"]


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One business day, summed up: how many things do not agree, over how much, whichever way.

    `behind`: so much came at once that not every order is judged yet.
    """

    date: date
    totals: Totals
    open_count: int
    stake: Yen
    pending: tuple[Discrepancy, ...]
    closing: Closing | None
    behind: bool

    @property
    def state(self) -> State:
        """How the day stands."""
        if self.open_count:
            return "disagrees"
        if self.pending or self.behind:
            return "pending"
        return "agrees" if self.totals else "none"


@dataclass(frozen=True, slots=True)
class Day(CalendarDay):
    """One business day as accounting sees it, by facility and method; `disagreements`: the oldest of those open."""

    disagreements: tuple[Discrepancy, ...]
    rows: tuple[DayRow, ...]


class TooManyDays(Invalid):
    """The range is the wrong way round or too long."""

    slug = "bad-range"
    advice = "Choose a first day that is not after the last one, and at most {days_max} days."


def require_range(first: date, last: date, *, days_max: int) -> None:
    """Raise TooManyDays unless the range is in order and short enough."""
    if last < first or (last - first).days >= days_max:
        raise TooManyDays(days_max=days_max)
