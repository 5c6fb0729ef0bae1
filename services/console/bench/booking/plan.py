"""What is to be made: how many orders, over which days, and how each ends; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from console.bench.reconciling.plan import PAYMENTS_MAX
from console.bench.reconciling.stories import GOOD, ORDER_FAULTS, End
from kernel.clock import JAPAN

ORDERS_MIN: Final = 300
DAYS_MIN: Final = 21
LATER_DAYS_MAX: Final = 30  # from an order to its visit, cancellation or refund
FAULTS_EVERY_DAYS: Final = 3
"""What is wrong shows on every third day, so that the days between agree and close by themselves."""
LOOKED_AT_DAYS: Final = 45  # after the last day: everything is over by then


@dataclass(frozen=True, slots=True)
class Plan:
    """Books to make. The same plan is the same books. Orders are placed from `first` to `last`, both inclusive."""

    seed: int
    orders: int
    first: date = date(2025, 4, 1)
    last: date = date(2026, 3, 31)

    def __post_init__(self) -> None:
        if not ORDERS_MIN <= self.orders <= PAYMENTS_MAX:
            raise ValueError(f"Books have {ORDERS_MIN} to {PAYMENTS_MAX} orders, not {self.orders}.")
        if self.days < DAYS_MIN:
            raise ValueError(f"Books have at least {DAYS_MIN} days, not {self.days}.")

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    @property
    def at(self) -> datetime:
        """The moment at which all of it is looked at."""
        return datetime.combine(self.last + timedelta(days=LOOKED_AT_DAYS), time(12), JAPAN)

    @property
    def ends(self) -> tuple[tuple[End, int], ...]:
        """How many orders end how; every fault several times, and the rest are visits."""
        few = max(4, self.orders // 4_000)
        some: list[tuple[End, int]] = [(each, few) for each in ORDER_FAULTS]
        many: dict[End, int] = {"cancelled": self.orders * 3 // 100, "expired": self.orders // 50}
        many["stayed_away"] = self.orders // 10
        some += [(each, many.get(each, few)) for each in GOOD if each != "visited"]
        return (*some, ("visited", self.orders - sum(count for _, count in some)))
