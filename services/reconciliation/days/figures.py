"""The figures of days: rows by facility and method, and their sums. Pure; days and closings are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from kernel.money import Yen, total


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
    """The figures of a whole day or period: yen, tickets, people."""

    sold: Yen
    sold_count: int
    captured: Yen
    refunded: Yen
    reversed: Yen
    unallocated: Yen
    admitted: int

    @property
    def net(self) -> Yen:
        """What stays of all money that came in, over-receipts included."""
        return self.captured + self.unallocated - self.refunded - self.reversed

    def __bool__(self) -> bool:
        return any(
            (self.sold, self.sold_count, self.captured, self.refunded, self.reversed, self.unallocated, self.admitted)
        )

    def __sub__(self, other: Totals) -> Totals:
        return Totals(
            sold=self.sold - other.sold,
            sold_count=self.sold_count - other.sold_count,
            captured=self.captured - other.captured,
            refunded=self.refunded - other.refunded,
            reversed=self.reversed - other.reversed,
            unallocated=self.unallocated - other.unallocated,
            admitted=self.admitted - other.admitted,
        )


def totals_of(rows: Sequence[DayRow | Totals]) -> Totals:
    """Add up rows, or totals."""
    return Totals(
        sold=total(row.sold for row in rows),
        sold_count=sum(row.sold_count for row in rows),
        captured=total(row.captured for row in rows),
        refunded=total(row.refunded for row in rows),
        reversed=total(row.reversed for row in rows),
        unallocated=total(row.unallocated for row in rows),
        admitted=sum(row.admitted for row in rows),
    )


NOTHING: Final = totals_of(())
