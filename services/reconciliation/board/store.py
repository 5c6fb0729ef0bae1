"""The board's rows: days counted from the ledger, cash as it was entered, assumptions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.board.model import Assumed, Assumptions, Cash, DayFigures, Fees, Wait

# How long a transaction that began before a round may still take to commit its facts.
MARGIN: Final = "interval '10 minutes'"

_COUNT_DAYS: Final = """
INSERT INTO board_days (day, facility, method, taken, payments, tickets)
SELECT day, facility, method, sum(taken)::bigint, sum(payments)::integer, sum(tickets)::integer
FROM (
    SELECT business_date AS day, facility, method, coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0) AS taken,
        0 AS payments, coalesce(sum(quantity) FILTER (WHERE kind = 'sold' AND category <> ''), 0) AS tickets
    FROM entries WHERE business_date = ANY(:days) AND kind IN ('captured', 'sold') GROUP BY 1, 2, 3
    UNION ALL
    SELECT business_date, facility, method, 0, count(*), 0
    FROM claims WHERE business_date = ANY(:days) AND kind = 'charge' GROUP BY 1, 2, 3
) AS found GROUP BY 1, 2, 3
"""
# An order's day is the one on which it was sold. Clocks of two services may differ a little: nobody waits less than 0.
_COUNT_WAITS: Final = """
WITH sold AS (
    SELECT DISTINCT business_date AS day, order_id FROM entries WHERE business_date = ANY(:days) AND kind = 'sold'
), told AS (
    SELECT s.day, s.order_id,
        min(f.occurred_at) FILTER (WHERE f.type = 'ticketing.order.placed.v1') AS placed_at,
        max(f.occurred_at) FILTER (WHERE f.type = 'ticketing.ticket.issued.v1') AS issued_at
    FROM sold AS s JOIN facts AS f ON f.order_id = s.order_id AND f.order_id <> ''
    WHERE f.type IN ('ticketing.order.placed.v1', 'ticketing.ticket.issued.v1')
    GROUP BY 1, 2
), waited AS (
    SELECT t.day, p.method, w.since, greatest(0, ceil(10 * extract(epoch FROM t.issued_at - w.at)))::integer AS tenths
    FROM told AS t JOIN order_positions AS p USING (order_id)
    CROSS JOIN LATERAL (VALUES ('placed', t.placed_at), ('paid', p.captured_at)) AS w (since, at)
    WHERE t.issued_at IS NOT NULL AND w.at IS NOT NULL
)
INSERT INTO board_waits (day, method, since, tenths, orders)
SELECT day, method, since, CASE WHEN tenths < 100 THEN tenths WHEN tenths < 6000 THEN tenths / 10 * 10
        ELSE tenths / 600 * 600 END, count(*)
FROM waited GROUP BY 1, 2, 3, 4
"""


async def lock(tx: Transaction) -> None:
    """Let no other round count meanwhile."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('board', 187))")


async def note_stale_days(tx: Transaction) -> None:
    """Write down which days have new facts since the last round; at first, every day."""
    await tx.execute(
        "INSERT INTO board_stale (day) SELECT DISTINCT business_date FROM facts "
        f"WHERE recorded_at >= coalesce((SELECT max(facts_until) FROM board_progress) - {MARGIN}, '-infinity') "
        "ON CONFLICT DO NOTHING"
    )
    await tx.execute("DELETE FROM board_progress")
    await tx.execute("INSERT INTO board_progress (facts_until) VALUES (now())")  # by the clock of recorded_at


async def take_stale_days(tx: Transaction, limit: int) -> list[date]:
    """Return some days that are to be counted again; they are no longer stale."""
    rows = await tx.execute(
        "DELETE FROM board_stale WHERE day IN (SELECT day FROM board_stale ORDER BY day DESC LIMIT :limit) "
        "RETURNING day",
        limit=limit,
    )
    return sorted(rows.scalars())


async def count(tx: Transaction, days: Sequence[date]) -> None:
    """Count days again."""
    for statement in (
        "DELETE FROM board_days WHERE day = ANY(:days)",
        "DELETE FROM board_waits WHERE day = ANY(:days)",
    ):
        await tx.execute(statement, days=list(days))
    await tx.execute(_COUNT_DAYS, days=list(days))
    await tx.execute(_COUNT_WAITS, days=list(days))


async def counted_until(tx: Transaction) -> datetime | None:
    """Return until when facts are counted; None before the first round, or while days wait to be counted."""
    row = await tx.execute("SELECT max(facts_until) FROM board_progress WHERE NOT EXISTS (SELECT FROM board_stale)")
    found: datetime | None = row.scalar_one()
    return found


async def days(tx: Transaction, first: date, end: date) -> list[DayFigures]:
    """Return the figures of days before `end`."""
    rows = await tx.execute("SELECT * FROM board_days WHERE day >= :first AND day < :end", first=first, end=end)
    return [DayFigures(row.day, row.facility, row.method, Yen(row.taken), row.payments, row.tickets) for row in rows]


async def waits(tx: Transaction, first: date, end: date) -> list[Wait]:
    """Return how long orders waited, by month."""
    rows = await tx.execute(
        "SELECT date_trunc('month', day::timestamp)::date AS month, method, since, tenths, "
        "sum(orders)::integer AS orders "
        "FROM board_waits WHERE day >= :first AND day < :end GROUP BY 1, 2, 3, 4",
        first=first,
        end=end,
    )
    return [Wait(row.month, row.method, row.since, row.tenths, row.orders) for row in rows]


async def firsts(tx: Transaction) -> list[tuple[str, date]]:
    """Return each facility's first day with a cashless ticket sale."""
    rows = await tx.execute(
        "SELECT facility, min(day) AS day FROM board_days WHERE taken > 0 AND tickets > 0 GROUP BY facility"
    )
    return [(row.facility, row.day) for row in rows]


async def fees(tx: Transaction, first: date, end: date) -> list[Fees]:
    """Return what payouts kept, by the month of their last payment."""
    rows = await tx.execute(
        "SELECT date_trunc('month', last_day::timestamp)::date AS month, provider, sum(lines)::integer AS lines, "
        "sum(gross)::bigint AS gross, sum(fee + tax + transfer_fee)::bigint AS kept FROM payouts "
        "WHERE last_day >= :first AND last_day < :end GROUP BY 1, 2",
        first=first,
        end=end,
    )
    return [Fees(row.month, row.provider, row.lines, Yen(row.gross), Yen(row.kept)) for row in rows]


async def matched(tx: Transaction, first: datetime, end: datetime) -> dict[date, int]:
    """Return how many lines of providers the rules matched, by month in Japan."""
    rows = await tx.execute(
        "SELECT date_trunc('month', began_at AT TIME ZONE 'Asia/Tokyo')::date AS month, sum(lines)::integer AS lines "
        "FROM match_runs WHERE began_at >= :first AND began_at < :end GROUP BY 1",
        first=first,
        end=end,
    )
    return {row.month: row.lines for row in rows}


async def resolved(tx: Transaction, first: date, end: date) -> dict[date, int]:
    """Return how many discrepancies people settled, by the month that they are of."""
    rows = await tx.execute(
        "SELECT date_trunc('month', day::timestamp)::date AS month, count(*)::integer AS number FROM discrepancies "
        "WHERE state = 'resolved' AND day >= :first AND day < :end GROUP BY 1",
        first=first,
        end=end,
    )
    return {row.month: row.number for row in rows}


def _cash(row: Any) -> Cash:
    return Cash(
        row.facility,
        row.month,
        row.version,
        row.known,
        Yen(row.amount),
        row.payments,
        row.paper_tickets,
        row.made_by,
        row.made_at,
    )


async def cash(tx: Transaction, first: date, end: date) -> list[Cash]:
    """Return the newest version of each facility and month."""
    rows = await tx.execute(
        "SELECT DISTINCT ON (month, facility) * FROM counted_cash WHERE month >= :first AND month < :end "
        "ORDER BY month, facility, version DESC",
        first=first,
        end=end,
    )
    return [_cash(row) for row in rows]


async def lock_cash(tx: Transaction) -> None:
    """Let nobody else enter cash meanwhile."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('counted cash', 187))")


async def add_cash(tx: Transaction, made: Iterable[Cash]) -> None:
    """Write versions; one that is there already fails."""
    rows = [
        {
            "facility": each.facility,
            "month": each.month,
            "version": each.version,
            "known": each.known,
            "amount": each.amount.amount,
            "payments": each.payments,
            "paper_tickets": each.paper_tickets,
            "by": each.made_by,
            "at": each.made_at,
        }
        for each in made
    ]
    if rows:
        await tx.session.execute(
            "INSERT INTO counted_cash (facility, month, version, known, amount, payments, paper_tickets, made_by, "
            "made_at) VALUES (:facility, :month, :version, :known, :amount, :payments, :paper_tickets, :by, :at)",
            rows,
        )


def _assumed(row: Any) -> Assumed:
    values = Assumptions.model_validate_json(json.dumps(row.definition))
    return Assumed(row.version, values, row.reason, row.made_by, row.made_at)


async def assumptions(tx: Transaction) -> list[Assumed]:
    """Return every version, the newest first; the last is what Momiji begins with."""
    rows = await tx.execute("SELECT * FROM board_assumptions ORDER BY version DESC")
    return [*(_assumed(row) for row in rows), Assumed(0, Assumptions(), "", "momiji", None)]


async def lock_assumptions(tx: Transaction) -> None:
    """Let nobody else change them meanwhile."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('board assumptions', 187))")


async def add_assumptions(tx: Transaction, made: Assumed) -> None:
    """Write a version; one that is there already fails."""
    await tx.execute(
        "INSERT INTO board_assumptions (version, definition, reason, made_by, made_at) "
        "VALUES (:version, CAST(:definition AS jsonb), :reason, :by, :at)",
        version=made.version,
        definition=made.values.model_dump_json(),
        reason=made.reason,
        by=made.made_by,
        at=made.made_at,
    )
