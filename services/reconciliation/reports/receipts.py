"""What came in and went back, by day, facility, account, method and tax rate: what several reports are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeVar

from kernel.money import Yen, tax_within, total
from kernel.rows import Transaction
from reconciliation.reports.model import ROWS_MAX, Asked, Column, Table, Text, entries_address, require_rows

Period = Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Receipts:
    """What one facility took for one revenue account by one method at one tax rate on one day.

    Of a month, `day` is its first one.
    """

    day: date
    facility: str
    revenue_account: str
    revenue_owner: str
    method: str
    tax_rate_percent: int
    count: int
    gross: Yen
    unallocated: Yen
    refunded: Yen
    reversed: Yen

    @property
    def net(self) -> Yen:
        """What stays of it."""
        return self.gross + self.unallocated - self.refunded - self.reversed


# A period is a day, or a month by its first day.
_RECEIPTS: Final = """
SELECT {period} AS day, facility, revenue_account, revenue_owner, method, tax_rate_percent,
    count(DISTINCT charge_id) FILTER (WHERE kind IN ('captured', 'unallocated')) AS count,
    coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0)::bigint AS gross,
    coalesce(sum(amount) FILTER (WHERE kind = 'unallocated'), 0)::bigint AS unallocated,
    coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0)::bigint AS refunded,
    coalesce(sum(amount) FILTER (WHERE kind = 'reversed'), 0)::bigint AS reversed
FROM entries
WHERE business_date BETWEEN :first AND :last AND kind IN ('captured', 'unallocated', 'refunded', 'reversed')
  AND (CAST(:facilities AS text[]) IS NULL OR facility = ANY(CAST(:facilities AS text[])))
GROUP BY 1, facility, revenue_account, revenue_owner, method, tax_rate_percent
ORDER BY 1, facility, revenue_account, revenue_owner, method, tax_rate_percent
LIMIT :limit
"""
_PERIODS: Final[dict[Period, str]] = {
    "day": "business_date",
    "month": "CAST(date_trunc('month', business_date) AS date)",
}


async def receipts(
    tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date, by: Period = "day"
) -> list[Receipts]:
    """Return the receipts of days, of some facilities or (None) of all, by day or month; raise TooManyRows."""
    answer = await tx.execute(
        _RECEIPTS.format(period=_PERIODS[by]),
        first=first,
        last=last,
        facilities=list(facilities) if facilities is not None else None,
        limit=ROWS_MAX + 1,
    )
    found = [
        Receipts(
            day=row.day,
            facility=row.facility,
            revenue_account=row.revenue_account,
            revenue_owner=row.revenue_owner,
            method=row.method,
            tax_rate_percent=row.tax_rate_percent,
            count=row.count,
            gross=Yen(row.gross),
            unallocated=Yen(row.unallocated),
            refunded=Yen(row.refunded),
            reversed=Yen(row.reversed),
        )
        for row in answer
    ]
    require_rows(found)
    return found


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of several receipts."""

    count: int
    gross: Yen
    unallocated: Yen
    refunded: Yen
    reversed: Yen

    @property
    def net(self) -> Yen:
        """What stays of it."""
        return self.gross + self.unallocated - self.refunded - self.reversed


def sums_of(rows: Iterable[Receipts]) -> Sums:
    """Add receipts up."""
    kept = list(rows)
    return Sums(
        sum(each.count for each in kept),
        total(each.gross for each in kept),
        total(each.unallocated for each in kept),
        total(each.refunded for each in kept),
        total(each.reversed for each in kept),
    )


Key = TypeVar("Key")


def grouped(rows: Iterable[Receipts], by: Callable[[Receipts], Key]) -> dict[Key, Sums]:
    """Return the sums by a key, in the order in which the keys come."""
    found: dict[Key, list[Receipts]] = {}
    for each in rows:
        found.setdefault(by(each), []).append(each)
    return {key: sums_of(members) for key, members in found.items()}


COUNT: Final = Column("件数", "count", 8, "Payments", entries="captured,unallocated")
GROSS: Final = Column("収納額", "yen", 13, "Received", entries="captured")
TAX: Final = Column("うち消費税額", "yen", 13, "Tax within")
MONEY: Final = (
    Column("過誤納額", "yen", 11, "Over-receipt", entries="unallocated"),
    Column("還付額", "yen", 11, "Given back", entries="refunded"),
    Column("取消額", "yen", 11, "Taken back", entries="reversed"),
    Column("差引収納額", "yen", 13, "Net", entries="captured,unallocated,refunded,reversed"),
)


def money_of(sums: Sums) -> tuple[int, ...]:
    """Return the cells of MONEY."""
    return sums.unallocated.amount, sums.refunded.amount, sums.reversed.amount, sums.net.amount


def by_facility(rows: Sequence[Receipts], asked: Asked) -> Table:
    """Return the sums by facility."""
    columns = (Column("施設名", "text", 28, "Facility"), COUNT, GROSS, *MONEY)
    found = sorted(grouped(rows, lambda each: each.facility).items())
    return Table(
        asked.say(Text("施設別", "By facility")),
        columns,
        tuple((asked.names.facility(code), sums.count, sums.gross.amount, *money_of(sums)) for code, sums in found),
        links=tuple(entries_address(asked.first, asked.last, facility=code) for code, _ in found),
        beside=True,
    )


def by_method(rows: Sequence[Receipts], asked: Asked) -> Table:
    """Return the sums by way to pay."""
    columns = (
        Column("決済方法", "text", 24, "Way to pay"),
        COUNT,
        GROSS,
        *MONEY,
    )
    found = sorted(grouped(rows, lambda each: each.method).items())
    return Table(
        asked.say(Text("決済方法別", "By way to pay")),
        columns,
        tuple((asked.names.method(method), sums.count, sums.gross.amount, *money_of(sums)) for method, sums in found),
        links=tuple(
            entries_address(asked.first, asked.last, facility=asked.facility, method=method) for method, _ in found
        ),
        beside=True,
    )


def by_rate(rows: Sequence[Receipts], asked: Asked) -> Table:
    """Return the sums by tax rate, the tax rounded once for each rate, as on any document."""
    columns = (
        Column("税率(%)", "percent", 9, "Tax rate (%)"),
        GROSS,
        TAX,
        *MONEY,
    )
    found = sorted(grouped(rows, lambda each: each.tax_rate_percent).items())
    return Table(
        asked.say(Text("税率別", "By tax rate")),
        columns,
        tuple((rate, sums.gross.amount, tax_within(sums.gross, rate).amount, *money_of(sums)) for rate, sums in found),
        links=tuple(entries_address(asked.first, asked.last, facility=asked.facility, rate=rate) for rate, _ in found),
        beside=True,
    )
