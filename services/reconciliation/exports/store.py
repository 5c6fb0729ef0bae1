"""Receipts out of the ledger, and the log of who fetched what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.exports.model import Receipts

_RECEIPTS = """
SELECT business_date AS day, facility, revenue_account, revenue_owner, method, tax_rate_percent,
    count(DISTINCT charge_id) FILTER (WHERE kind IN ('captured', 'unallocated')) AS count,
    coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0)::bigint AS gross,
    coalesce(sum(amount) FILTER (WHERE kind = 'unallocated'), 0)::bigint AS unallocated,
    coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0)::bigint AS refunded,
    coalesce(sum(amount) FILTER (WHERE kind = 'reversed'), 0)::bigint AS reversed
FROM entries
WHERE business_date BETWEEN :first AND :last AND kind IN ('captured', 'unallocated', 'refunded', 'reversed')
  AND (CAST(:facilities AS text[]) IS NULL OR facility = ANY(CAST(:facilities AS text[])))
GROUP BY business_date, facility, revenue_account, revenue_owner, method, tax_rate_percent
ORDER BY business_date, facility, revenue_account, revenue_owner, method, tax_rate_percent
"""


async def receipts(tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date) -> list[Receipts]:
    """Return the receipts of days, of some facilities or (None) of all."""
    answer = await tx.execute(
        _RECEIPTS, first=first, last=last, facilities=list(facilities) if facilities is not None else None
    )
    return [
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


async def log_export(
    tx: Transaction, *, by: str, format_name: str, first: date, last: date, facility: str, sha256: str, at: datetime
) -> None:
    """Write who fetched which file."""
    await tx.execute(
        "INSERT INTO export_log (at, fetched_by, format, first_day, last_day, facility, sha256) "
        "VALUES (:at, :by, :format, :first, :last, :facility, :sha256)",
        at=at,
        by=by,
        format=format_name,
        first=first,
        last=last,
        facility=facility,
        sha256=sha256,
    )
