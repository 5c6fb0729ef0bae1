"""調定簿: what was assessed each day by revenue account, gross, and what was taken off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kernel.clock import fiscal_year
from kernel.money import Yen, tax_within
from kernel.rows import Transaction
from reconciliation.journal.sources import ENTRY_LINES
from reconciliation.reports.accounts import ACCOUNT_COLUMNS, RevenueAccounts, revenue_accounts
from reconciliation.reports.model import (
    ROWS_MAX,
    Asked,
    Column,
    Document,
    Report,
    Rows,
    Table,
    Text,
    entries_address,
    require_rows,
    wareki,
)
from reconciliation.reports.owners import OWNER_COLUMNS, owner_cells

TITLE = Text("調定簿", "Assessments")
COLUMNS = (
    Column("調定日", "date", 12, "Day", paper=False),
    Column("和暦", "text", 18, "Day (era)", page=False, whole=True),
    Column("年度", "text", 8, "Fiscal year"),
    Column("施設コード", "text", 22, "Facility code", paper=False, page=False),
    Column("施設名", "text", 26, "Facility"),
    *ACCOUNT_COLUMNS,
    *OWNER_COLUMNS,
    Column("税率(%)", "percent", 9, "Tax rate (%)"),
    Column("件数", "count", 8, "Orders", entries="sold"),
    Column("枚数", "count", 8, "Tickets", entries="sold"),
    Column("調定額", "yen", 13, "Assessed", entries="sold"),
    Column("うち消費税額", "yen", 12, "Tax within"),
    Column("調定減額", "yen", 11, "Taken off", entries="reversed"),
    Column("差引調定額", "yen", 13, "Net"),
)
NOTES = (
    Text(
        "調定は、提供者が手数料を差し引いて払う場合も総額です。納入の通知によらないため、代金を受け取った日に調定します。",
        "Assessed is gross, whatever a provider keeps. Without a notice it is assessed on the day its money came.",
    ),
    Text(
        "調定減額は、銀行が支払いを取り消し、注文も取り消されたものです。払戻しは還付として別に記します。",
        "Taken off is what a bank took back for a cancelled order. A refund stands as given back instead.",
    ),
)
_ASSESSED = f"""{ENTRY_LINES}, taken AS (
    SELECT day, facility, revenue_account, revenue_owner, tax_rate_percent, 0 AS orders, 0 AS tickets,
        0 AS assessed, amount AS taken_off
    FROM lines WHERE rule = 'unsold'
    UNION ALL
    SELECT business_date, facility, revenue_account, revenue_owner, tax_rate_percent, count(DISTINCT order_id),
        sum(quantity), sum(amount), 0
    FROM entries WHERE business_date = ANY(CAST(:days AS date[])) AND kind = 'sold'
    GROUP BY 1, 2, 3, 4, 5
)
SELECT day, facility, revenue_account, revenue_owner, tax_rate_percent, CAST(sum(orders) AS bigint) AS orders,
    CAST(sum(tickets) AS bigint) AS tickets, CAST(sum(assessed) AS bigint) AS assessed,
    CAST(sum(taken_off) AS bigint) AS taken_off
FROM taken WHERE day BETWEEN :first AND :last
    AND (CAST(:facilities AS text[]) IS NULL OR facility = ANY(CAST(:facilities AS text[])))
GROUP BY 1, 2, 3, 4, 5 HAVING sum(assessed) <> 0 OR sum(taken_off) <> 0 OR sum(orders) <> 0
ORDER BY 1, 2, 3, 4, 5 LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Assessed:
    """What was assessed on one day at one facility for one account."""

    day: date
    facility: str
    revenue_account: str
    revenue_owner: str
    tax_rate_percent: int
    orders: int
    tickets: int
    assessed: Yen
    taken_off: Yen


def document(found: Sequence[Assessed], accounts: RevenueAccounts, asked: Asked) -> Document:
    """Return the document of assessments."""
    title = asked.say(TITLE)
    rows: Rows = tuple(
        (
            each.day,
            wareki(each.day),
            str(fiscal_year(each.day)),
            each.facility,
            asked.names.facility(each.facility),
            *accounts.on(each.revenue_account, each.day),
            *owner_cells(each.revenue_owner, asked.names),
            each.tax_rate_percent,
            each.orders,
            each.tickets,
            each.assessed.amount,
            tax_within(each.assessed, each.tax_rate_percent).amount,
            each.taken_off.amount,
            (each.assessed - each.taken_off).amount,
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
            rate=each.tax_rate_percent,
        )
        for each in found
    )
    notes = tuple(asked.say(each) for each in NOTES)
    return Document(title, asked.period, asked.place, (Table(title, COLUMNS, rows, links),), notes)


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the assessments of the days."""
    days = await tx.execute(
        "SELECT DISTINCT business_date FROM entries WHERE business_date BETWEEN :first AND :last",
        first=asked.first,
        last=asked.last,
    )
    rows = await tx.execute(
        _ASSESSED,
        days=list(days.scalars()),
        first=asked.first,
        last=asked.last,
        facilities=None if asked.facilities is None else list(asked.facilities),
        limit=ROWS_MAX + 1,
    )
    found = [_assessed(row) for row in rows]
    require_rows(found)
    return document(found, await revenue_accounts(tx), asked)


def _assessed(row: Any) -> Assessed:
    return Assessed(
        row.day,
        row.facility,
        row.revenue_account,
        row.revenue_owner,
        row.tax_rate_percent,
        row.orders,
        row.tickets,
        Yen(row.assessed),
        Yen(row.taken_off),
    )


REPORT = Report(
    "assessments",
    TITLE,
    Text(
        "日ごとの調定額を会計・款・項・目・節の別に示します。",
        "What was assessed each day, by fund, part, chapter, item and section.",
    ),
    30,
    read,
)
