"""Payouts, deposits and open claims of a range of days, in SQL only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.cash_flow.model import Arrived, Deposit, Item, OpenClaims


async def payouts(tx: Transaction, *, first: date, last: date) -> list[Item]:
    """Return the payouts that arrive within days, each with how it came."""
    rows = await tx.execute(
        "SELECT p.*, coalesce(d.group_id, d.bank_line_id) AS match_id FROM payouts AS p "
        "LEFT JOIN deposit_legs AS d ON d.payout_id = p.id AND d.stands "
        "WHERE p.arrives_on BETWEEN :first AND :last AND (p.net <> 0 OR d.payout_id IS NOT NULL)",
        first=first,
        last=last,
    )
    found = rows.all()
    arrived = await _arrivals(tx, {row.match_id for row in found if row.match_id})
    return [_item(row, arrived.get(row.match_id)) for row in found]


def _item(row: Any, arrived: Arrived | None) -> Item:
    return Item(
        provider=row.provider,
        contract=row.contract,
        arrives_on=row.arrives_on,
        missed_after=max(row.missed_after, row.arrives_on),
        first_day=row.first_day,
        last_day=row.last_day,
        count=row.lines,
        gross=Yen(row.gross),
        kept=Yen(row.fee + row.tax + row.transfer_fee),
        payout_id=row.id,
        arrived=arrived,
    )


async def _arrivals(tx: Transaction, matches: Iterable[UUID]) -> dict[UUID, Arrived]:
    rows = await tx.execute(
        "SELECT coalesce(d.group_id, d.bank_line_id) AS id, max(b.booked_on) AS day, "
        "coalesce(sum(b.amount), 0)::bigint AS amount, sum(d.difference)::bigint AS difference, "
        "count(d.payout_id) AS payouts FROM deposit_legs AS d LEFT JOIN bank_lines AS b ON b.id = d.bank_line_id "
        "WHERE d.stands AND (d.group_id = ANY(:ids) OR (d.group_id IS NULL AND d.bank_line_id = ANY(:ids))) GROUP BY 1",
        ids=list(matches),
    )
    return {
        row.id: Arrived(row.id, row.day, Yen(row.amount), Yen(row.difference), row.payouts)
        for row in rows
        if row.day is not None
    }


_DEPOSITS = """
SELECT b.id, b.booked_on, b.amount, b.payer, b.account, m.match_id, coalesce((
    SELECT p.provider FROM deposit_legs AS g JOIN payouts AS p ON p.id = g.payout_id
    WHERE g.stands AND (g.group_id = m.match_id OR (g.group_id IS NULL AND g.bank_line_id = m.match_id))
    ORDER BY p.id LIMIT 1), '') AS provider
FROM bank_lines AS b LEFT JOIN LATERAL (
    SELECT coalesce(d.group_id, d.bank_line_id) AS match_id FROM deposit_legs AS d
    WHERE d.bank_line_id = b.id AND d.stands) AS m ON true
WHERE b.booked_on BETWEEN :first AND :last AND b.basis = 'statement' AND NOT b.cancelled AND b.amount > 0
ORDER BY b.booked_on, b.id
"""


async def deposits(tx: Transaction, *, first: date, last: date) -> list[Deposit]:
    """Return what came to the bank within days."""
    rows = await tx.execute(_DEPOSITS, first=first, last=last)
    return [
        Deposit(row.id, row.booked_on, Yen(row.amount), row.payer, row.account, row.provider, row.match_id)
        for row in rows
    ]


async def open_claims(tx: Transaction, *, since: date) -> list[OpenClaims]:
    """Return what is claimed from a day on and no line has told yet, added up."""
    rows = await tx.execute(
        "SELECT c.business_date AS day, c.method, c.facility, c.kind, count(*) AS number, "
        "sum(c.amount)::bigint AS amount "
        "FROM claims AS c WHERE c.business_date >= :since AND c.amount <> 0 "
        "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = c.id AND m.stands) GROUP BY 1, 2, 3, 4",
        since=since,
    )
    return [OpenClaims(row.day, row.method, row.facility, row.kind, row.number, Yen(row.amount)) for row in rows]


async def orders_of(tx: Transaction, lines: Iterable[UUID]) -> dict[UUID, tuple[str, str, str]]:
    """Return the order of each line that has one: its id, number and facility."""
    rows = await tx.execute(
        "SELECT l.id, c.order_id, coalesce(p.number, '') AS number, c.facility FROM settlement_lines AS l "
        "JOIN LATERAL (SELECT order_id, facility FROM claims WHERE attempt_id = l.attempt_id ORDER BY id LIMIT 1) AS c "
        "ON true LEFT JOIN order_positions AS p ON p.order_id = c.order_id WHERE l.id = ANY(:ids)",
        ids=list(lines),
    )
    return {row.id: (row.order_id, row.number, row.facility) for row in rows}


async def deposits_of(tx: Transaction, match_id: UUID) -> list[Deposit]:
    """Return the transfers of a match."""
    rows = await tx.execute(
        "SELECT b.id, b.booked_on, b.amount, b.payer, b.account FROM deposit_legs AS d "
        "JOIN bank_lines AS b ON b.id = d.bank_line_id "
        "WHERE d.stands AND (d.group_id = :id OR (d.group_id IS NULL AND d.bank_line_id = :id)) "
        "ORDER BY b.booked_on, b.id",
        id=match_id,
    )
    return [Deposit(row.id, row.booked_on, Yen(row.amount), row.payer, row.account, "", match_id) for row in rows]


async def payouts_of(tx: Transaction, match_id: UUID) -> list[UUID]:
    """Return the payouts of a match."""
    rows = await tx.execute(
        "SELECT payout_id FROM deposit_legs WHERE stands AND payout_id IS NOT NULL "
        "AND (group_id = :id OR (group_id IS NULL AND bank_line_id = :id)) ORDER BY payout_id",
        id=match_id,
    )
    return list(rows.scalars())
