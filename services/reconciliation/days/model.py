"""A business day as accounting sees it, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from kernel.refusals import Invalid
from reconciliation.closing.model import Closing
from reconciliation.days.figures import DayRow, Totals
from reconciliation.discrepancies.model import Discrepancy

State = Literal["none", "agrees", "pending", "disagrees"]


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One business day, summed up."""

    date: date
    totals: Totals
    disagreements: tuple[Discrepancy, ...]
    pending: tuple[Discrepancy, ...]
    closing: Closing | None

    @property
    def state(self) -> State:
        """How the day stands."""
        if self.disagreements:
            return "disagrees"
        if self.pending:
            return "pending"
        return "agrees" if self.totals else "none"


@dataclass(frozen=True, slots=True)
class Day(CalendarDay):
    """One business day as accounting sees it, by facility and method."""

    rows: tuple[DayRow, ...]


class TooManyDays(Invalid):
    """The range is the wrong way round or too long."""

    slug = "bad-range"
    advice = "Choose a first day that is not after the last one, and at most {days_max} days."


def require_range(first: date, last: date, *, days_max: int) -> None:
    """Raise TooManyDays unless the range is in order and short enough."""
    if last < first or (last - first).days >= days_max:
        raise TooManyDays(days_max=days_max)
