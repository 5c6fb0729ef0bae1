"""What accounting is told in the morning, judged from what other slices know: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from kernel.money import Yen
from reconciliation.board.model import Share
from reconciliation.days.model import CalendarDay

STALE_DAYS: Final = 3  # a statement that ends earlier is said to be missing
CHART_DAYS: Final = 30
CHART_MONTHS: Final = 6


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many of a kind are open, and over how much, whichever way."""

    kind: str
    items: int
    size: Yen


@dataclass(frozen=True, slots=True)
class DueToday:
    """What one provider is to transfer today, and whether a deposit explains it."""

    provider: str
    net: Yen
    came: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """Until which day somebody's statements tell; None: none has come."""

    name: str
    until: date | None

    def missing_on(self, today: date) -> bool:
        """Tell whether a statement is due."""
        return self.until is None or self.until < today - timedelta(days=STALE_DAYS)


@dataclass(frozen=True, slots=True)
class Books:
    """What only those see who see all facilities. `late`: payouts that were due and have not come.

    `unmatched`: files that came and should be matched by now, and are not.
    """

    due: tuple[DueToday, ...]
    came: Yen
    late: int
    late_amount: Yen
    providers: tuple[Reach, ...]
    accounts: tuple[Reach, ...]
    unmatched: int
    open_days: int
    first_open_day: date | None
    suggestions: int
    approvals: int
    reopenings: int

    @property
    def waiting(self) -> int:
        """How many things wait for somebody's decision."""
        return self.suggestions + self.approvals + self.reopenings


@dataclass(frozen=True, slots=True)
class Fee:
    """What a provider kept of a month's payments."""

    month: date
    provider: str
    kept: Yen


@dataclass(frozen=True, slots=True)
class Overview:
    """A morning's overview. `kinds`: the most frequent first; `books`: None for those who see some facilities."""

    yesterday: CalendarDay
    kinds: tuple[KindCount, ...]
    books: Books | None
    takings: tuple[tuple[date, str, Yen], ...]
    shares: tuple[tuple[date, Share], ...]
    fees: tuple[Fee, ...]

    @property
    def open_items(self) -> int:
        """How many things do not agree, of any day."""
        return sum(each.items for each in self.kinds)

    @property
    def open_size(self) -> Yen:
        """Over how much."""
        return Yen(sum(each.size.amount for each in self.kinds))


def most_first(counts: Sequence[KindCount]) -> tuple[KindCount, ...]:
    """Return kinds in the order of their numbers, ties by how much is at stake."""
    return tuple(sorted(counts, key=lambda each: (-each.items, -each.size.amount, each.kind)))


def months_before(today: date, count: int) -> list[date]:
    """Return the first days of the last months, this one included."""
    found = [today.replace(day=1)]
    while len(found) < count:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[::-1]
