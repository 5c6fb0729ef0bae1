"""Rows of messages to collecting systems."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.rows import Transaction
from payments.callbacks.model import Message

CALLBACK_CHANNEL = "momiji_caller_messages"


async def add(
    tx: Transaction, message_id: UUID, caller: str, kind: str, *, charge_id: UUID, body: str, at: datetime
) -> None:
    """Insert a message if the caller is a collecting system, and wake the courier; one round trip."""
    await tx.execute(
        "WITH told AS (INSERT INTO caller_messages "
        "(id, system, type, charge_id, body, state, created_at, asked_at, next_try_at) "
        "SELECT :id, name, :kind, :charge_id, :body, CASE WHEN webhook_url IS NULL THEN 'kept' ELSE 'waiting' END, "
        "CAST(:at AS timestamptz), CAST(:at AS timestamptz), "
        "CASE WHEN webhook_url IS NULL THEN NULL ELSE CAST(:at AS timestamptz) END "
        "FROM collecting_systems WHERE name = :caller RETURNING 1) "
        f"SELECT pg_notify('{CALLBACK_CHANNEL}', '') FROM told",
        id=message_id,
        caller=caller,
        kind=kind,
        charge_id=charge_id,
        body=body,
        at=at,
    )


async def systems_due(tx: Transaction, *, at: datetime, limit: int) -> list[str]:
    """Return the systems that have something to be told now."""
    rows = await tx.execute(
        "SELECT name FROM collecting_systems s WHERE EXISTS "
        "(SELECT FROM caller_messages m WHERE m.system = s.name AND m.next_try_at <= :at) ORDER BY name LIMIT :limit",
        at=at,
        limit=limit,
    )
    return [row.name for row in rows]


async def due(tx: Transaction, system: str, *, at: datetime, limit: int, lease_until: datetime) -> list[Message]:
    """Lease and return a system's messages that are to be sent, oldest first; another courier skips them meanwhile."""
    rows = await tx.execute(
        "UPDATE caller_messages SET next_try_at = :lease WHERE id IN (SELECT id FROM caller_messages "
        "WHERE system = :system AND next_try_at <= :at ORDER BY next_try_at, id LIMIT :limit FOR UPDATE SKIP LOCKED) "
        "RETURNING *",
        system=system,
        at=at,
        limit=limit,
        lease=lease_until,
    )
    return sorted((_to_message(row) for row in rows), key=lambda each: each.id)


async def find(tx: Transaction, message_id: UUID, *, lock: bool = False) -> Message | None:
    """Return a message, locked for a change if wanted."""
    found = await tx.execute(
        f"SELECT * FROM caller_messages WHERE id = :id{' FOR UPDATE' if lock else ''}", id=message_id
    )
    row = found.one_or_none()
    return None if row is None else _to_message(row)


async def save(tx: Transaction, message: Message) -> None:
    """Write a message's new state."""
    await tx.execute(
        "UPDATE caller_messages SET state = :state, asked_at = :asked_at, tries = :tries, next_try_at = :next_try_at, "
        "last_tried_at = :last_tried_at, last_status = :last_status, last_problem = :last_problem, "
        "delivered_at = :delivered_at WHERE id = :id",
        id=message.id,
        state=message.state,
        asked_at=message.asked_at,
        tries=message.tries,
        next_try_at=message.next_try_at,
        last_tried_at=message.last_tried_at,
        last_status=message.last_status,
        last_problem=message.last_problem,
        delivered_at=message.delivered_at,
    )


async def listed(
    tx: Transaction,
    *,
    system: str | None = None,
    state: str | None = None,
    charge_id: UUID | None = None,
    before: UUID | None = None,
    limit: int,
) -> list[Message]:
    """Return messages, newest first (their ids sort by time)."""
    rows = await tx.execute(
        "SELECT * FROM caller_messages WHERE (CAST(:system AS text) IS NULL OR system = :system) "
        "AND (CAST(:state AS text) IS NULL OR state = :state) "
        "AND (CAST(:charge AS uuid) IS NULL OR charge_id = :charge) "
        "AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        system=system,
        state=state,
        charge=charge_id,
        before=before,
        limit=limit,
    )
    return [_to_message(row) for row in rows]


async def given_up(tx: Transaction) -> list[tuple[str, int]]:
    """Return (system, how many) of messages that a person must look at."""
    rows = await tx.execute(
        "SELECT system, count(*) AS number FROM caller_messages WHERE state = 'given_up' "
        "GROUP BY system ORDER BY system"
    )
    return [(row.system, row.number) for row in rows]


def _to_message(row: Any) -> Message:
    return Message(
        id=row.id,
        system=row.system,
        type=row.type,
        charge_id=row.charge_id,
        body=row.body,
        state=row.state,
        created_at=row.created_at,
        asked_at=row.asked_at,
        tries=row.tries,
        next_try_at=row.next_try_at,
        last_tried_at=row.last_tried_at,
        last_status=row.last_status,
        last_problem=row.last_problem,
        delivered_at=row.delivered_at,
    )
