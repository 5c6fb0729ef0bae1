"""Tickets sold, visitors and takings by facility, by product and category, by hour of the day: set-based."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.reports.model import ROWS_MAX, require_rows


@dataclass(frozen=True, slots=True)
class Attendance:
    """What was sold, taken and entered under one key: a facility, a product and category, or an hour.

    `orders`: those whose first line is of it, so that each counts once.
    """

    facility: str
    product: str
    category: str
    hour: int
    orders: int
    tickets: int
    sold: Yen
    captured: Yen
    given_back_tickets: int
    given_back: Yen
    visitors: int


# An undone entrance subtracts where and when the entrance was that it undoes. What has no category is money by product
# only: receipts are told by product, sales and refunds asked for by category too. A refund of money that no order has
# gives back no sale. An order counts where its first line is: once, whatever is asked.
_LINES: Final = """
WITH lines AS (
    SELECT kind, position, product, category, quantity, amount, facility, fact_id FROM entries
    WHERE business_date BETWEEN :first AND :last AND kind IN ('sold', 'captured', 'refund_requested', 'admitted')
      AND NOT (kind = 'refund_requested' AND surplus)
    UNION ALL
    SELECT e.kind, e.position, e.product, e.category, e.quantity, e.amount, coalesce(a.facility, e.facility),
        coalesce(a.fact_id, e.fact_id)
    FROM entries AS e LEFT JOIN LATERAL (
        SELECT b.facility, b.fact_id FROM entries AS b
        WHERE b.kind = 'admitted' AND b.scan_id = e.scan_id ORDER BY b.fact_id LIMIT 1
    ) AS a ON true
    WHERE e.business_date BETWEEN :first AND :last AND e.kind = 'admission_reversed'
), keyed AS (
    SELECT l.*, {hour} AS hour FROM lines AS l {facts}
    WHERE CAST(:facilities AS text[]) IS NULL OR l.facility = ANY(CAST(:facilities AS text[]))
)
SELECT {keys},
    count(*) FILTER (WHERE kind = 'sold' AND position = 0) AS orders,
    coalesce(sum(quantity) FILTER (WHERE kind = 'sold'), 0) AS tickets,
    coalesce(sum(amount) FILTER (WHERE kind = 'sold'), 0)::bigint AS sold,
    coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0)::bigint AS captured,
    coalesce(sum(quantity) FILTER (WHERE kind = 'refund_requested'), 0) AS given_back_tickets,
    coalesce(sum(amount) FILTER (WHERE kind = 'refund_requested'), 0)::bigint AS given_back,
    coalesce(sum(quantity) FILTER (WHERE kind IN ('admitted', 'admission_reversed')), 0) AS visitors
FROM keyed GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT :limit
"""
# When somebody entered or paid, by the clock in Japan: the fact tells it, however late it came.
_HOUR: Final = (
    "CAST(extract(hour FROM CAST(coalesce(f.payload ->> 'admitted_at', f.payload ->> 'received_at', "
    "f.payload ->> 'captured_at', f.payload ->> 'requested_at', f.payload ->> 'reversed_at') AS timestamptz) "
    "AT TIME ZONE 'Asia/Tokyo') AS integer)"
)
_BY_FACILITY: Final = _LINES.format(hour="0", facts="", keys="facility, '' AS product, '' AS category, hour")
_BY_PRODUCT: Final = _LINES.format(hour="0", facts="", keys="facility, product, category, hour")
_BY_HOUR: Final = _LINES.format(
    hour=_HOUR,
    facts="JOIN facts AS f ON f.event_id = l.fact_id",
    keys="'' AS facility, '' AS product, '' AS category, hour",
)


async def by_facility(
    tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date
) -> list[Attendance]:
    """Return the figures of days by facility, of some facilities or (None) of all."""
    return await _read(tx, _BY_FACILITY, facilities, first, last)


async def by_product(tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date) -> list[Attendance]:
    """Return the figures of days by facility, product and category; raise TooManyRows."""
    return await _read(tx, _BY_PRODUCT, facilities, first, last)


async def by_hour(tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date) -> list[Attendance]:
    """Return the figures of days by the hour in Japan in which it was paid or entered."""
    return await _read(tx, _BY_HOUR, facilities, first, last)


async def _read(
    tx: Transaction, sql: str, facilities: Sequence[str] | None, first: date, last: date
) -> list[Attendance]:
    rows = await tx.execute(
        sql,
        first=first,
        last=last,
        facilities=None if facilities is None else list(facilities),
        limit=ROWS_MAX + 1,
    )
    found = [_attendance(row) for row in rows]
    require_rows(found)
    return found


def _attendance(row: Any) -> Attendance:
    return Attendance(
        facility=row.facility,
        product=row.product,
        category=row.category,
        hour=row.hour,
        orders=row.orders,
        tickets=row.tickets,
        sold=Yen(row.sold),
        captured=Yen(row.captured),
        given_back_tickets=row.given_back_tickets,
        given_back=Yen(row.given_back),
        visitors=row.visitors,
    )
