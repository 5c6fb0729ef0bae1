"""Bringing the table of discrepancies up to what is found, in SQL: new ones, other amounts, and what agrees by now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.discrepancies.handling import BY_ITSELF, StepKind
from reconciliation.discrepancies.model import DAY_KINDS, ORDER_KINDS, Discrepancy, Position

APPLIED_DAYS_MAX: Final = 10_000  # of a portion's days, each with every version that it was ever closed as
_POSITION: Final = (
    "p.order_id, p.number, p.facility, p.method, p.due, p.sold, p.captured, p.unallocated, p.reversed, "
    "p.refund_requested, p.surplus_requested, p.refunded, p.refund_failures, p.people, p.admitted, p.was_paid, "
    "p.confirmed_at, p.sold_at, p.captured_at, p.unallocated_at, p.reversed_at, p.refund_requested_at, p.refunded_at, "
    "p.admitted_at, p.cancelled_at, p.expired_at, "
    "(SELECT count(*) FROM ticket_positions AS t WHERE t.order_id = p.order_id AND t.admissions > 0 "
    "AND t.voided_at IS NOT NULL) AS void_admitted"
)
_YEN: Final = (
    "due",
    "sold",
    "captured",
    "unallocated",
    "reversed",
    "refund_requested",
    "surplus_requested",
    "refunded",
)


def _position(row: Any) -> Position:
    values = row._asdict()
    return Position(**values | {name: Yen(values[name]) for name in _YEN})


async def find_position(tx: Transaction, wanted: str) -> Position | None:
    """Return an order's position by its id or its number."""
    answer = await tx.execute(
        f"SELECT {_POSITION} FROM order_positions AS p "
        "WHERE p.order_id = :wanted OR (p.number = :wanted AND :wanted <> '') LIMIT 1",
        wanted=wanted,
    )
    row = answer.one_or_none()
    return None if row is None else _position(row)


async def suspects_among(tx: Transaction, orders: Sequence[str]) -> list[Position]:
    """Return those of some orders that may not agree; the others agree for certain."""
    answer = await tx.execute(
        f"SELECT {_POSITION} FROM order_positions AS p WHERE p.order_id = ANY(:orders) AND (p.suspect OR EXISTS ("
        "SELECT FROM ticket_positions AS t WHERE t.order_id = p.order_id AND t.admissions > 0 "
        "AND t.voided_at IS NOT NULL))",
        orders=list(orders),
    )
    return [_position(row) for row in answer]


async def lock_orders(tx: Transaction) -> None:
    """Let nobody else judge touched orders until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('orders', 15))")


async def lock_items(tx: Transaction) -> None:
    """Let nobody else compare what matching leaves open until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('items', 15))")


async def any_due(tx: Transaction, *, at: datetime) -> bool:
    """Tell whether an order is to be judged."""
    return bool(
        (await tx.execute("SELECT EXISTS (SELECT FROM touched_orders WHERE due_at <= :at)", at=at)).scalar_one()
    )


async def take_due(tx: Transaction, *, at: datetime, limit: int) -> list[str]:
    """Take orders to judge off the list, as often as they are on it, at most `limit` rows."""
    taken = await tx.execute(
        "DELETE FROM touched_orders AS t USING (SELECT due_at, position FROM touched_orders WHERE due_at <= :at "
        "ORDER BY due_at, position LIMIT :limit) AS w WHERE t.due_at = w.due_at AND t.position = w.position "
        "RETURNING t.order_id",
        at=at,
        limit=limit,
    )
    return list(taken.scalars())


async def look_again(tx: Transaction, due: Mapping[str, datetime]) -> None:
    """Put orders on the list for a moment to come."""
    await tx.execute(
        "INSERT INTO touched_orders (order_id, due_at) "
        "SELECT * FROM unnest(CAST(:orders AS text[]), CAST(:moments AS timestamptz[]))",
        orders=list(due),
        moments=list(due.values()),
    )


async def arriving(tx: Transaction, *, at: datetime, limit: int) -> list[str]:
    """Return orders of which something may still be on its way."""
    found = await tx.execute(
        "SELECT DISTINCT order_id FROM (SELECT order_id FROM touched_orders WHERE due_at > :at LIMIT :limit) AS t",
        at=at,
        limit=limit,
    )
    return list(found.scalars())


async def lock_days(tx: Transaction) -> None:
    """Let nobody else compare days with their closings until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('days', 15))")


async def any_touched_day(tx: Transaction) -> bool:
    """Tell whether a day is to be compared with its closing."""
    return bool((await tx.execute("SELECT EXISTS (SELECT FROM touched_days)")).scalar_one())


async def take_touched_days(tx: Transaction, *, limit: int) -> list[date]:
    """Take at most `limit` days off the list, the oldest first."""
    taken = await tx.execute(
        "WITH taken AS (DELETE FROM touched_days WHERE day IN "
        "(SELECT DISTINCT day FROM touched_days ORDER BY day LIMIT :limit) RETURNING day) "
        "SELECT DISTINCT day FROM taken ORDER BY day",
        limit=limit,
    )
    return list(taken.scalars())


@dataclass(frozen=True, slots=True)
class Move:
    """What became of one discrepancy when it was looked at."""

    id: UUID
    version: int
    step: StepKind
    kind: str
    order_id: str
    number: str
    facility: str
    provider: str
    day: date
    amount: Yen


# A resolution holds for its amount and detail. Whoever changed a row since this statement began is met again next time:
# the version says so, and nothing that a person did is overwritten.
_STATE: Final = (
    "CASE WHEN f.id IS NULL THEN 'vanished' "
    "WHEN d.resolved_amount = f.amount AND d.resolved_detail = f.detail THEN 'resolved' "
    "WHEN d.state = 'proposed' AND d.amount = f.amount AND d.detail = f.detail THEN 'proposed' ELSE 'open' END"
)
_TOLD: Final = ("order_id", "number", "facility", "provider", "day")
_COLUMNS: Final = ("kind", "subject", *_TOLD, "amount", "since", "detail")


def _apply(found: str, scope: str, *, compared: Sequence[str]) -> str:
    """Return the statement that applies what `found` selects to the discrepancies of a scope."""
    either = ", ".join(f"coalesce(f.{name}, d.{name}) AS {name}" for name in _COLUMNS)
    ours, theirs = (f"({', '.join(f'{letter}.{name}' for name in compared)})" for letter in "df")
    return f"""
WITH found AS ({found}),
moves AS (
    SELECT DISTINCT ON (id) *, CASE WHEN old_version IS NULL THEN 'raised'
                   WHEN state = old_state AND amount = old_amount THEN NULL
                   WHEN state IN ('vanished', 'resolved') THEN state
                   WHEN old_state IN ('vanished', 'resolved') THEN 'reopened'
                   ELSE 'changed' END AS step
    FROM (SELECT coalesce(f.id, d.id) AS id, {either}, {_STATE} AS state, d.version AS old_version,
                 d.state AS old_state, d.amount AS old_amount
          FROM found AS f FULL JOIN (SELECT * FROM discrepancies WHERE {scope}) AS d ON d.id = f.id
          WHERE CASE WHEN f.id IS NULL THEN d.state IN ('open', 'proposed') WHEN d.id IS NULL THEN true
                     ELSE {_STATE} <> d.state OR {ours} IS DISTINCT FROM {theirs} END
          LIMIT :limit) AS both_sides
    ORDER BY id, amount
),
added AS (
    INSERT INTO discrepancies (id, {", ".join(_COLUMNS)}, state, raised_at, changed_at)
    SELECT id, {", ".join(_COLUMNS)}, state, :at, :at FROM moves WHERE old_version IS NULL RETURNING id
),
changed AS (
    UPDATE discrepancies AS d
    SET {", ".join(f"{name} = m.{name}" for name in (*_TOLD, "amount", "since", "detail", "state"))},
        version = d.version + CASE WHEN m.step IS NULL THEN 0 ELSE 1 END,
        changed_at = CASE WHEN m.step IS NULL THEN d.changed_at ELSE :at END,
        proposed_by = CASE WHEN m.step IS NULL THEN d.proposed_by ELSE '' END,
        approved_by = CASE WHEN m.step IS NULL THEN d.approved_by ELSE '' END
    FROM moves AS m WHERE d.id = m.id AND d.version = m.old_version RETURNING d.id
),
done AS (SELECT * FROM moves WHERE id IN (SELECT id FROM added UNION ALL SELECT id FROM changed)),
steps AS (
    INSERT INTO discrepancy_steps (discrepancy_id, version, step, at, by, amount)
    SELECT id, coalesce(old_version, 0) + 1, step, :at, '{BY_ITSELF}', amount FROM done WHERE step IS NOT NULL
)
SELECT id, coalesce(old_version, 0) + 1 AS version, step, kind, {", ".join(_TOLD)}, amount FROM done
"""


def _listed(kinds: Sequence[str]) -> str:
    return ", ".join(f"'{each}'" for each in kinds)


_FOUND: Final = (
    "SELECT * FROM json_to_recordset(CAST(:found AS json)) AS j(id uuid, kind text, subject text, order_id text, "
    "number text, facility text, provider text, day date, amount bigint, since timestamptz, detail text)"
)
_ORDER_KINDS: Final = _listed(ORDER_KINDS)
_OF_ORDERS: Final = _apply(
    _FOUND,
    f"order_id = ANY(:orders) AND order_id <> '' AND kind IN ({_ORDER_KINDS})",
    compared=(*_TOLD, "amount", "since"),
)
# As its index says it.
_OF_DAYS: Final = _apply(
    _FOUND,
    f"kind = {_listed(DAY_KINDS)} AND day = ANY(CAST(:days AS date[]))",
    compared=(*_TOLD, "amount", "detail"),
)
_OF_ITEMS: Final = _apply(
    "SELECT CAST(md5(kind || ':' || subject) AS uuid) AS id, "
    f"{', '.join(name for name in _COLUMNS if name != 'detail')}, '' AS detail FROM open_items",
    f"kind NOT IN ({_listed((*ORDER_KINDS, *DAY_KINDS))})",
    compared=(*_TOLD, "amount"),
)


def _moves(rows: Any) -> tuple[int, list[Move]]:
    moves = [
        Move(
            row.id,
            row.version,
            row.step,
            row.kind,
            row.order_id,
            row.number,
            row.facility,
            row.provider,
            row.day,
            Yen(row.amount),
        )
        for row in rows
        if row.step is not None
    ]
    return rows.rowcount, moves


async def apply_orders(
    tx: Transaction, orders: Sequence[str], found: Sequence[Discrepancy], *, at: datetime
) -> list[Move]:
    """Let the discrepancies of some orders be what was found of them."""
    limit = (len(ORDER_KINDS) + 1) * (len(orders) + 1)  # All of them: an order has each kind once at most.
    rows = await tx.execute(_OF_ORDERS, found=_written(found), orders=list(orders), at=at, limit=limit)
    return _moves(rows)[1]


async def apply_days(
    tx: Transaction, days: Sequence[date], found: Sequence[Discrepancy], *, at: datetime
) -> list[Move]:
    """Let the discrepancies of some days' closings be what was found of them."""
    rows = await tx.execute(_OF_DAYS, found=_written(found), days=list(days), at=at, limit=APPLIED_DAYS_MAX)
    return _moves(rows)[1]


def _written(found: Sequence[Discrepancy]) -> str:
    rows = [
        {
            "id": str(each.id),
            "kind": each.kind,
            "subject": each.about,
            "order_id": each.order_id,
            "number": each.number,
            "facility": each.facility,
            "provider": each.provider,
            "day": each.day.isoformat(),
            "amount": each.amount.amount,
            "since": each.since.isoformat(),
            "detail": each.detail,
        }
        for each in found
    ]
    return json.dumps(rows)


async def apply_items(tx: Transaction, *, at: datetime, limit: int) -> tuple[int, list[Move]]:
    """Let at most `limit` of the other discrepancies be what matching leaves open; return how many differed."""
    await tx.execute("SET LOCAL work_mem = '128MB'")
    await tx.execute("SET LOCAL statement_timeout = '5min'")  # Millions are compared whole.
    return _moves(await tx.execute(_OF_ITEMS, at=at, limit=limit))
