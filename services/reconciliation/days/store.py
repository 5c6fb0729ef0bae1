"""A day's figures out of the ledger, set-based."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.days.figures import DayRow

# Money is read from the index alone. Entrances carry no method and a reversed one no gate: the order knows the one,
# the entrance undone the other.
_ROWS = """
WITH money AS (
    SELECT business_date, facility, method,
        sum(amount) FILTER (WHERE kind = 'sold') AS sold,
        sum(quantity) FILTER (WHERE kind = 'sold') AS sold_count,
        sum(amount) FILTER (WHERE kind = 'captured') AS captured,
        sum(amount) FILTER (WHERE kind = 'refunded') AS refunded,
        sum(amount) FILTER (WHERE kind = 'reversed') AS reversed,
        sum(amount) FILTER (WHERE kind = 'unallocated') AS unallocated,
        0 AS admitted
    FROM entries
    WHERE business_date BETWEEN :first AND :last
      AND kind IN ('sold', 'captured', 'refunded', 'reversed', 'unallocated')
    GROUP BY business_date, facility, method
), people AS (
    SELECT e.business_date, CASE WHEN e.kind = 'admission_reversed' THEN coalesce(
            (SELECT a.facility FROM entries AS a WHERE a.kind = 'admitted' AND a.scan_id = e.scan_id LIMIT 1),
            e.facility) ELSE e.facility END AS facility,
        coalesce(p.method, '') AS method, 0, 0, 0, 0, 0, 0, sum(e.quantity) AS admitted
    FROM entries AS e
    LEFT JOIN order_positions AS p ON p.order_id = e.order_id
    WHERE e.business_date BETWEEN :first AND :last AND e.kind IN ('admitted', 'admission_reversed')
    GROUP BY 1, 2, 3
)
SELECT business_date AS day, facility, method,
    coalesce(sum(sold), 0)::bigint AS sold,
    coalesce(sum(sold_count), 0)::bigint AS sold_count,
    coalesce(sum(captured), 0)::bigint AS captured,
    coalesce(sum(refunded), 0)::bigint AS refunded,
    coalesce(sum(reversed), 0)::bigint AS reversed,
    coalesce(sum(unallocated), 0)::bigint AS unallocated,
    coalesce(sum(admitted), 0)::bigint AS admitted
FROM (SELECT * FROM money UNION ALL SELECT * FROM people) AS figures
WHERE CAST(:facilities AS text[]) IS NULL OR facility = ANY(CAST(:facilities AS text[]))
GROUP BY business_date, facility, method
ORDER BY business_date, facility, method
"""


async def rows(tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date) -> list[DayRow]:
    """Return the figures of days, by day, facility and method; of some facilities or (None) of all."""
    answer = await tx.execute(
        _ROWS, first=first, last=last, facilities=list(facilities) if facilities is not None else None
    )
    return [
        DayRow(
            day=row.day,
            facility=row.facility,
            method=row.method,
            sold=Yen(row.sold),
            sold_count=row.sold_count,
            captured=Yen(row.captured),
            refunded=Yen(row.refunded),
            reversed=Yen(row.reversed),
            unallocated=Yen(row.unallocated),
            admitted=row.admitted,
        )
        for row in answer
    ]
