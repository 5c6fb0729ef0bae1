"""収納日計表: what came in and went back each day, by facility, account, way to pay and tax rate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from kernel.money import tax_within
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
    wareki,
)
from reconciliation.reports.owners import OWNER_COLUMNS, owner_cells
from reconciliation.reports.receipts import (
    COUNT,
    GROSS,
    MONEY,
    TAX,
    Receipts,
    by_facility,
    by_method,
    by_rate,
    grouped,
    money_of,
    receipts,
    sums_of,
)

TITLE = Text("収納日計表", "Daily receipts")
COLUMNS = (
    Column("収納日", "date", 12, "Day", paper=False),
    Column("和暦", "text", 18, "Day (era)", page=False, whole=True),
    Column("施設コード", "text", 22, "Facility code", paper=False, page=False),
    Column("施設名", "text", 28, "Facility"),
    Column("歳入科目", "text", 28, "Revenue account"),
    *OWNER_COLUMNS,
    Column("決済方法", "text", 18, "Way to pay"),
    Column("税率(%)", "percent", 9, "Tax rate (%)"),
    COUNT,
    GROSS,
    TAX,
    *MONEY,
)
NOTES = (
    Text(
        "金額は税込みです。消費税額は各行で1円未満を切り捨てています。税率別の表は、税率ごとの合計額から1回だけ端数処理しています。",
        "Amounts include tax. The tax of each row is rounded down; the table by tax rate rounds once for each rate.",
    ),
    Text(
        "過誤納額は注文に充てられない入金です。差引収納額は、収納額に過誤納額を加え、還付額と取消額を引いた額です。",
        "Over-receipts are money that no order could take. Net is what came in, less what was given and taken back.",
    ),
)


def document(found: Sequence[Receipts], asked: Asked) -> Document:
    """Return the document of receipts. Tax is within the gross amount, rounded down once per row."""
    title = asked.say(TITLE)
    rows: Rows = tuple(
        (
            each.day,
            wareki(each.day),
            each.facility,
            asked.names.facility(each.facility),
            each.revenue_account,
            *owner_cells(each.revenue_owner, asked.names),
            asked.names.method(each.method),
            each.tax_rate_percent,
            each.count,
            each.gross.amount,
            tax_within(each.gross, each.tax_rate_percent).amount,
            *money_of(sums_of([each])),
        )
        for each in found
    )
    links = tuple(
        entries_address(
            each.day,
            each.day,
            facility=each.facility,
            account=each.revenue_account,
            owner=each.revenue_owner,
            method=each.method,
            rate=each.tax_rate_percent,
        )
        for each in found
    )
    sums = grouped(found, lambda each: each.day)
    span = (max(sums) - min(sums)).days + 1 if sums else 0
    bars = tuple(
        Bar(
            f"{day.month}/{day.day}",
            sums[day].net.amount if day in sums else 0,
            entries_address(day, day, facility=asked.facility),
        )
        for day in (min(sums) + timedelta(days=number) for number in range(span))
    )
    return Document(
        title,
        asked.period,
        asked.place,
        (Table(title, COLUMNS, rows, links), by_facility(found, asked), by_method(found, asked), by_rate(found, asked)),
        tuple(asked.say(each) for each in NOTES),
        Chart(asked.say(Text("日別の差引収納額", "Net by day")), "yen", bars, in_time=True) if len(bars) > 1 else None,
    )


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the receipts of the days."""
    return document(await receipts(tx, asked.facilities, first=asked.first, last=asked.last), asked)


REPORT = Report(
    "daily_receipts",
    TITLE,
    Text(
        "日ごとの収納を施設・歳入科目・決済方法・税率の別に示します。",
        "What came in and went back each day, by facility, revenue account, way to pay and tax rate.",
    ),
    10,
    read,
)
