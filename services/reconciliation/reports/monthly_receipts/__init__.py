"""収納月計表: what came in and went back each month, by facility, account and tax rate, and since the year began."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from kernel.clock import FISCAL_YEAR_FIRST_MONTH, fiscal_year
from kernel.money import ZERO, Yen, tax_within
from kernel.rows import Transaction
from reconciliation.reports.model import (
    Asked,
    Bar,
    Chart,
    Column,
    Document,
    Report,
    Rows,
    Table,
    Text,
    entries_address,
    era_year,
)
from reconciliation.reports.owners import OWNER_COLUMNS, owner_cells
from reconciliation.reports.receipts import (
    COUNT,
    GROSS,
    MONEY,
    TAX,
    Receipts,
    Sums,
    by_method,
    by_rate,
    grouped,
    money_of,
    receipts,
    sums_of,
)

TITLE = Text("収納月計表", "Monthly receipts")
SINCE = Column("年度累計", "yen", 14, "Net since April")
COLUMNS = (
    Column("月", "text", 9, "Month", paper=False),
    Column("和暦", "text", 14, "Month (era)", page=False, whole=True),
    Column("施設コード", "text", 22, "Facility code", paper=False, page=False),
    Column("施設名", "text", 28, "Facility"),
    Column("歳入科目", "text", 28, "Revenue account"),
    *OWNER_COLUMNS,
    Column("税率(%)", "percent", 9, "Tax rate (%)"),
    COUNT,
    GROSS,
    TAX,
    *MONEY,
    SINCE,
)
NOTES = (
    Text(
        "年度累計は、4月1日からその月の末日(期間の最終月は期間の末日)までの差引収納額です。",
        "Net since April goes from 1 April to the end of the month, in the last month to the end of the period.",
    ),
    Text(
        "金額は税込みです。消費税額は各行で1円未満を切り捨てています。税率別の表は、税率ごとの合計額から1回だけ端数処理しています。",
        "Amounts include tax. The tax of each row is rounded down; the table by tax rate rounds once for each rate.",
    ),
)
_Group = tuple[str, str, str, int]


def _group(each: Receipts) -> _Group:
    return each.facility, each.revenue_account, each.revenue_owner, each.tax_rate_percent


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)


def _days(month: date, asked: Asked) -> tuple[date, date]:
    """Return the days of a month that are asked for."""
    end = month.replace(day=calendar.monthrange(month.year, month.month)[1])
    return max(month, asked.first), min(end, asked.last)


def document(found: Sequence[Receipts], before: Sequence[Receipts], asked: Asked) -> Document:
    """Return the document of receipts by month; `before`: those of the fiscal year before the first day."""
    title, months = asked.say(TITLE), list(_months(asked.first, asked.last))
    since: dict[_Group, Yen] = {key: sums.net for key, sums in grouped(before, _group).items()}
    year = fiscal_year(asked.first)
    rows: list[tuple[str | int, ...]] = []
    links: list[str] = []
    for month in months:
        if fiscal_year(month) != year:
            since, year = {}, fiscal_year(month)
        sums = grouped([each for each in found if each.day == month], _group)
        for key, each in sums.items():
            since[key] = since.get(key, ZERO) + each.net
        days = _days(month, asked)
        for key in sorted(since):
            rows.append(_row(month, key, sums.get(key, sums_of(())), since[key], asked))
            links.append(entries_address(*days, facility=key[0], account=key[1], owner=key[2], rate=key[3]))
    columns = (*COLUMNS[:-1], replace(SINCE, summed=len(months) == 1))
    table: Rows = tuple(rows)
    return Document(
        title,
        asked.period,
        asked.place,
        (Table(title, columns, table, tuple(links)), by_method(found, asked), by_rate(found, asked)),
        tuple(asked.say(each) for each in NOTES),
        _chart(found, months, asked),
    )


def _row(month: date, key: _Group, sums: Sums, since: Yen, asked: Asked) -> tuple[str | int, ...]:
    facility, account, owner, rate = key
    return (
        f"{month.year}-{month.month:02}",
        f"{era_year(month.year)}{month.month}月",
        facility,
        asked.names.facility(facility),
        account,
        *owner_cells(owner, asked.names),
        rate,
        sums.count,
        sums.gross.amount,
        tax_within(sums.gross, rate).amount,
        *money_of(sums),
        since.amount,
    )


def _chart(found: Sequence[Receipts], months: Sequence[date], asked: Asked) -> Chart | None:
    """Return the net of each month, or of each facility where there is but one month."""
    if len(months) > 1:
        sums = grouped(found, lambda each: each.day)
        bars = [
            Bar(
                f"{month.year}-{month.month:02}",
                sums[month].net.amount if month in sums else 0,
                entries_address(*_days(month, asked), facility=asked.facility),
            )
            for month in months
        ]
        return Chart(asked.say(Text("月別の差引収納額", "Net by month")), "yen", tuple(bars), in_time=True)
    places = sorted(grouped(found, lambda each: each.facility).items(), key=lambda each: (-each[1].net.amount, each[0]))
    if len(places) < 2:  # noqa: PLR2004 - one bar compares nothing
        return None
    return Chart(
        asked.say(Text("施設別の差引収納額", "Net by facility")),
        "yen",
        tuple(
            Bar(
                asked.names.facility(facility),
                each.net.amount,
                entries_address(asked.first, asked.last, facility=facility),
            )
            for facility, each in places
        ),
    )


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the receipts of the months, and those of the fiscal year before them."""
    begins = date(fiscal_year(asked.first), FISCAL_YEAR_FIRST_MONTH, 1)
    found = await receipts(tx, asked.facilities, first=asked.first, last=asked.last, by="month")
    before = await receipts(tx, asked.facilities, first=begins, last=asked.first - timedelta(days=1), by="month")
    return document(found, before, asked)


REPORT = Report(
    "monthly_receipts",
    TITLE,
    Text(
        "月ごとの収納を施設・歳入科目・税率の別に、年度累計とともに示します。",
        "What came in and went back each month, by facility, revenue account and tax rate, and since April.",
    ),
    20,
    read,
)
