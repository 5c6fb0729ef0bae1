"""A day's figures out of the ledger, set-based."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.days.figures import DayRow, Totals

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


# From the index alone, and without asking any order: a month of a million entries in 0.2 s instead of 0.7 s. Where a
# reversed entrance was is asked of the few that there are, and only by those who see some facilities.
_TOTALS = """
WITH figures AS (
    SELECT business_date AS day, kind, sum(amount) AS amount, sum(quantity) AS quantity
    FROM entries
    WHERE business_date BETWEEN :first AND :last
      AND kind IN ('sold', 'captured', 'refunded', 'reversed', 'unallocated', 'admitted')
      AND (CAST(:facilities AS text[]) IS NULL OR facility = ANY(CAST(:facilities AS text[])))
    GROUP BY business_date, kind
    UNION ALL
    SELECT business_date, 'admitted', 0, sum(quantity)
    FROM entries AS e
    WHERE business_date BETWEEN :first AND :last AND kind = 'admission_reversed'
      AND (CAST(:facilities AS text[]) IS NULL OR coalesce(
            (SELECT a.facility FROM entries AS a WHERE a.kind = 'admitted' AND a.scan_id = e.scan_id LIMIT 1),
            facility) = ANY(CAST(:facilities AS text[])))
    GROUP BY business_date
)
SELECT day,
    coalesce(sum(amount) FILTER (WHERE kind = 'sold'), 0)::bigint AS sold,
    coalesce(sum(quantity) FILTER (WHERE kind = 'sold'), 0)::bigint AS sold_count,
    coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0)::bigint AS captured,
    coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0)::bigint AS refunded,
    coalesce(sum(amount) FILTER (WHERE kind = 'reversed'), 0)::bigint AS reversed,
    coalesce(sum(amount) FILTER (WHERE kind = 'unallocated'), 0)::bigint AS unallocated,
    coalesce(sum(quantity) FILTER (WHERE kind = 'admitted'), 0)::bigint AS admitted
FROM figures GROUP BY day
"""


async def totals(tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date) -> dict[date, Totals]:
    """Return the sums of each day that has any; of some facilities or (None) of all."""
    answer = await tx.execute(
        _TOTALS, first=first, last=last, facilities=list(facilities) if facilities is not None else None
    )
    return {
        row.day: Totals(
            sold=Yen(row.sold),
            sold_count=row.sold_count,
            captured=Yen(row.captured),
            refunded=Yen(row.refunded),
            reversed=Yen(row.reversed),
            unallocated=Yen(row.unallocated),
            admitted=row.admitted,
        )
        for row in answer
    }
