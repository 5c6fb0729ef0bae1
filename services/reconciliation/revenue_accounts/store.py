"""Rows of revenue accounts, which are only added."""

from __future__ import annotations

from typing import Any, Final

from kernel.rows import Transaction
from reconciliation.revenue_accounts.model import Chart, Finding, Meaning, RevenueAccount, chart_of

# Codes in vouchers that stand on a day before which nobody said what they mean.
_FINDINGS: Final = """
SELECT p.revenue_account AS code, min(v.booked_on) AS first_day, count(DISTINCT v.number) AS vouchers,
    EXISTS (SELECT FROM revenue_accounts AS a WHERE a.code = p.revenue_account) AS said_later
FROM postings AS p JOIN vouchers AS v ON v.number = p.voucher
WHERE p.account IN ('revenue', 'refunds') AND NOT EXISTS (
    SELECT FROM revenue_accounts AS a WHERE a.code = p.revenue_account AND a.valid_from <= v.business_date)
GROUP BY p.revenue_account ORDER BY p.revenue_account LIMIT :limit
"""
FINDINGS_MAX: Final = 100


def _account(row: Any) -> RevenueAccount:
    meaning = Meaning(
        fund=row.fund,
        part=row.part,
        chapter=row.chapter,
        item=row.item,
        section=row.section,
        regime=row.regime,
        illustrative=row.illustrative,
    )
    return RevenueAccount(row.code, row.valid_from, meaning, row.made_by, row.made_at)


async def lock(tx: Transaction) -> None:
    """Let nobody else write what a code means meanwhile."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('revenue_accounts', 23))")


async def chart(tx: Transaction) -> Chart:
    """Return all versions of all codes, by code, the newest first."""
    rows = await tx.execute("SELECT * FROM revenue_accounts ORDER BY code, valid_from DESC")
    return chart_of(_account(row) for row in rows)


async def add(tx: Transaction, made: RevenueAccount) -> None:
    """Write a version; one of the same code and day fails."""
    said = made.meaning
    await tx.execute(
        "INSERT INTO revenue_accounts (code, valid_from, fund, part, chapter, item, section, regime, illustrative, "
        "made_by, made_at) VALUES (:code, :day, :fund, :part, :chapter, :item, :section, :regime, :illustrative, :by, "
        ":at)",
        code=made.code,
        day=made.valid_from,
        by=made.made_by,
        at=made.made_at,
        **said.model_dump(),
    )


async def findings(tx: Transaction) -> list[Finding]:
    """Return the codes that are booked and that nobody has explained for their day."""
    return [
        Finding(
            "without_account" if not row.code else "too_late" if row.said_later else "unknown",
            row.code,
            row.first_day,
            row.vouchers,
        )
        for row in await tx.execute(_FINDINGS, limit=FINDINGS_MAX)
    ]
