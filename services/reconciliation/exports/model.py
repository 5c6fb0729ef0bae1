"""The table that every export writes, pure: daily receipts (収納日計表) by facility, account, method and tax rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from kernel.money import Yen, tax_within
from kernel.refusals import Invalid, NotFound

CellKind = Literal["date", "text", "percent", "count", "yen"]
Cell = str | int | date


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, what its cells are, and its width in characters."""

    name: str
    kind: CellKind
    width: int


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table whose rows have one cell for each column."""

    title: str
    period: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Receipts:
    """What one facility took for one revenue account by one method at one tax rate on one day."""

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


COLUMNS = (
    Column("収納日", "date", 12),
    Column("和暦", "text", 18),
    Column("施設コード", "text", 22),
    Column("施設名", "text", 28),
    Column("歳入科目", "text", 28),
    Column("歳入帰属", "text", 20),
    Column("決済方法", "text", 18),
    Column("税率(%)", "percent", 9),
    Column("件数", "count", 8),
    Column("収納額", "yen", 13),
    Column("うち消費税額", "yen", 13),
    Column("過誤納額", "yen", 11),
    Column("還付額", "yen", 11),
    Column("取消額", "yen", 11),
    Column("差引収納額", "yen", 13),
)


def wareki(day: date) -> str:
    """Return a day since 2019-05-01 with its Japanese era year, such as 令和8年11月23日; before, the plain year."""
    if day < date(2019, 5, 1):
        return f"{day.year}年{day.month}月{day.day}日"
    year = day.year - 2018
    return f"令和{'元' if year == 1 else year}年{day.month}月{day.day}日"


def table_of(
    receipts: Sequence[Receipts],
    *,
    first: date,
    last: date,
    facility_name: Callable[[str], str],
    method_name: Callable[[str], str],
) -> Table:
    """Return the table of receipts. Tax is within the gross amount, rounded down once per row."""
    return Table(
        title="収納日計表",
        period=f"{wareki(first)}から{wareki(last)}まで",
        columns=COLUMNS,
        rows=tuple(
            (
                each.day,
                wareki(each.day),
                each.facility,
                facility_name(each.facility),
                each.revenue_account,
                each.revenue_owner,
                method_name(each.method),
                each.tax_rate_percent,
                each.count,
                each.gross.amount,
                tax_within(each.gross, each.tax_rate_percent).amount,
                each.unallocated.amount,
                each.refunded.amount,
                each.reversed.amount,
                each.net.amount,
            )
            for each in receipts
        ),
    )


@dataclass(frozen=True, slots=True)
class Format:
    """One file format, found in a folder of its own. The same table gives the same bytes."""

    name: str
    title_ja: str
    title_en: str
    media_type: str
    suffix: str
    write: Callable[[Table], bytes]


class UnknownFormat(NotFound):
    """No folder holds this format."""

    slug = "unknown-format"
    advice = "There is no export format {format}. There are: {known}."


class Unmappable(Invalid):
    """A character that the file's encoding does not have."""

    slug = "unmappable-character"
    advice = (
        "Row {row}, column {column}: the character {character} does not exist in {encoding}. "
        "Change the name, or choose the UTF-8 file."
    )
