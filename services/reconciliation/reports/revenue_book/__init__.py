"""歳入簿: what is assessed, received, written off, outstanding and over-received by account, as the journal has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from kernel.clock import fiscal_year
from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.reports.accounts import ACCOUNT_COLUMNS, RevenueAccounts, revenue_accounts
from reconciliation.reports.model import Asked, Column, Document, Report, Rows, Table, Text, entries_address, era_year
from reconciliation.reports.owners import OWNER_COLUMNS, owner_cells
from reconciliation.reports.periods import year_of

TITLE = Text("歳入簿", "Revenue book")
SETTLEMENT_ENDS: Final = (5, 31)  # 出納閉鎖 (地方自治法235条の5)
COLUMNS = (
    *ACCOUNT_COLUMNS,
    Column("歳入科目", "text", 28, "Revenue account", paper=False, page=False),
    *OWNER_COLUMNS,
    Column("調定額", "yen", 14, "Assessed", entries="sold"),
    Column("収入済額", "yen", 14, "Received", entries="captured,set_aside,reversed"),
    Column("不納欠損額", "yen", 12, "Written off"),
    Column("収入未済額", "yen", 13, "Outstanding"),
    Column("還付額", "yen", 12, "Given back", entries="refunded"),
    Column("過誤納額", "yen", 12, "Over-receipt", entries="unallocated,set_aside"),
)
GROUPED_BY: Final = (1, 2, 3)  # 款・項・目
SUM: Final = Text("計", "total")
NOTES = (
    Text(
        "年度の初めから末日までに仕訳帳に記帳したものです。4月・5月は、前年度の出納整理期間の分を前年度の表に含みます。",
        "What the journal has booked from the beginning of the year; in April and May for the old year too.",
    ),
    Text(
        "収入未済額は、調定額から収入済額と不納欠損額を引いた額です。過誤納額は、注文に充てられない入金のうち未還付の額です。",
        "Outstanding is assessed less received and written off; over-receipt is what no order could take, still held.",
    ),
    Text(
        "不納欠損額は、収入未済(未収金)を減らす手書きの伝票によります。還付額は歳入の戻出で、収入済額からは引いていません。",
        "Written off is by vouchers by hand that lessen what visitors owe. Given back is not taken off received.",
    ),
)
# A reversal counts as what it reverses.
_BOOK: Final = """
WITH said AS (
    SELECT v.fiscal_year, coalesce(o.kind, v.kind) AS kind, p.account, p.revenue_account, p.revenue_owner,
        CASE p.side WHEN 'credit' THEN p.amount ELSE -p.amount END AS amount
    FROM vouchers AS v LEFT JOIN vouchers AS o ON o.number = v.reverses JOIN postings AS p ON p.voucher = v.number
    WHERE v.booked_on <= :last AND v.fiscal_year = ANY(CAST(:years AS integer[]))
      AND p.account IN ('revenue', 'visitor_receivable', 'refunds', 'over_receipt')
      AND (CAST(:facilities AS text[]) IS NULL OR p.facility = ANY(CAST(:facilities AS text[])))
)
SELECT fiscal_year, revenue_account, revenue_owner,
    CAST(coalesce(sum(amount) FILTER (WHERE account = 'revenue'), 0) AS bigint) AS assessed,
    CAST(coalesce(sum(amount) FILTER (WHERE account = 'visitor_receivable' AND kind IN ('receipts', 'reversals')), 0)
        AS bigint) AS received,
    CAST(coalesce(sum(amount) FILTER (WHERE account = 'visitor_receivable' AND kind = 'manual'), 0) AS bigint)
        AS written_off,
    CAST(coalesce(-sum(amount) FILTER (WHERE account = 'visitor_receivable'), 0) AS bigint) AS outstanding,
    CAST(coalesce(-sum(amount) FILTER (WHERE account = 'refunds'), 0) AS bigint) AS given_back,
    CAST(coalesce(sum(amount) FILTER (WHERE account = 'over_receipt'), 0) AS bigint) AS over_receipt
FROM said GROUP BY fiscal_year, revenue_account, revenue_owner ORDER BY fiscal_year, revenue_account, revenue_owner
"""


@dataclass(frozen=True, slots=True)
class BookLine:
    """What the journal says of one account and owner in one fiscal year."""

    fiscal_year: int
    revenue_account: str
    revenue_owner: str
    assessed: Yen
    received: Yen
    written_off: Yen
    outstanding: Yen
    given_back: Yen
    over_receipt: Yen


def years_on(day: date) -> tuple[int, ...]:
    """Return the fiscal years whose books are open on a day: in April and May the old one too."""
    year = fiscal_year(day)
    return (year - 1, year) if day <= date(year, *SETTLEMENT_ENDS) else (year,)


def document(found: Sequence[BookLine], accounts: RevenueAccounts, asked: Asked) -> Document:
    """Return the document, a table for each fiscal year that is open on the last day."""
    years = years_on(asked.last)
    tables = tuple(
        _table([each for each in found if each.fiscal_year == year], year, accounts, asked) for year in years
    )
    return Document(asked.say(TITLE), asked.as_of, asked.place, tables, tuple(asked.say(each) for each in NOTES))


def _table(found: Sequence[BookLine], year: int, accounts: RevenueAccounts, asked: Asked) -> Table:
    first, last = year_of(year)
    found = sorted(found, key=lambda each: (accounts.on(each.revenue_account, first), each.revenue_account))
    rows: Rows = tuple(
        (
            *accounts.on(each.revenue_account, first),
            each.revenue_account,
            *owner_cells(each.revenue_owner, asked.names),
            each.assessed.amount,
            each.received.amount,
            each.written_off.amount,
            each.outstanding.amount,
            each.given_back.amount,
            each.over_receipt.amount,
        )
        for each in found
    )
    links = tuple(
        entries_address(
            first,
            min(last, asked.last),
            facility=asked.facility,
            account=each.revenue_account,
            owner=each.revenue_owner,
        )
        for each in found
    )
    title = asked.say(Text(f"{era_year(year)}度 {TITLE.ja}", f"{TITLE.en}, fiscal year {year}"))
    return Table(title, COLUMNS, rows, links, grouped_by=GROUPED_BY, sum_word=asked.say(SUM))


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the book as of the last day."""
    rows = await tx.execute(
        _BOOK,
        last=asked.last,
        years=list(years_on(asked.last)),
        facilities=None if asked.facilities is None else list(asked.facilities),
    )
    return document([_line(row) for row in rows], await revenue_accounts(tx), asked)


def _line(row: Any) -> BookLine:
    return BookLine(
        row.fiscal_year,
        row.revenue_account,
        row.revenue_owner,
        Yen(row.assessed),
        Yen(row.received),
        Yen(row.written_off),
        Yen(row.outstanding),
        Yen(row.given_back),
        Yen(row.over_receipt),
    )


REPORT = Report(
    "revenue_book",
    TITLE,
    Text(
        "会計・款・項・目・節ごとの調定額・収入済額・不納欠損額・収入未済額・過誤納額を年度の累計で示します。",
        "Assessed, received, written off, outstanding and over-received by account since the fiscal year began.",
    ),
    40,
    read,
    one_day=True,
)
