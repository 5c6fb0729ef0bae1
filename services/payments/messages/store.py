"""Rows of what providers sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text

from kernel.rows import Transaction

MESSAGE_CHANNEL = "momiji_provider_messages"
TRIES_MAX = 20


async def keep(tx: Transaction, *, method: str, event_id: str, reference: str, body: bytes, at: datetime) -> bool:
    """Keep a message as it came and wake the processor; tell whether it is new."""
    found = await tx.session.execute(
        text(
            "INSERT INTO provider_messages (method, event_id, reference, body, received_at) "
            "VALUES (:method, :event_id, :reference, :body, :at) ON CONFLICT (method, event_id) DO NOTHING RETURNING id"
        ),
        {"method": method, "event_id": event_id[:255], "reference": reference[:255], "body": body, "at": at},
    )
    new = found.one_or_none() is not None
    await tx.wake(MESSAGE_CHANNEL)
    return new


async def waiting(tx: Transaction, *, limit: int) -> list[tuple[int, str, str]]:
    """Lock and return (id, method, reference) of messages that wait, oldest first."""
    rows: Any = await tx.session.execute(
        text(
            "SELECT id, method, reference FROM provider_messages WHERE processed_at IS NULL AND tries < :tries "
            "ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"limit": limit, "tries": TRIES_MAX},
    )
    return [(row.id, row.method, row.reference) for row in rows]


async def forget_bodies(tx: Transaction, *, before: datetime) -> int:
    """Drop the bodies of old messages: they may name a payer. What came of them stays."""
    found = await tx.session.execute(
        text(
            "UPDATE provider_messages SET body = '' WHERE id IN (SELECT id FROM provider_messages "
            "WHERE received_at < :before AND body <> '' ORDER BY id LIMIT 1000) RETURNING id"
        ),
        {"before": before},
    )
    return len(found.all())


async def finish(tx: Transaction, message_id: int, outcome: str | None, *, at: datetime) -> None:
    """Write down what came of a message; without an outcome it is tried again."""
    await tx.session.execute(
        text(
            "UPDATE provider_messages SET tries = tries + 1, outcome = :outcome, "
            "processed_at = CASE WHEN CAST(:outcome AS text) IS NULL THEN NULL ELSE CAST(:at AS timestamptz) END "
            "WHERE id = :id"
        ),
        {"id": message_id, "outcome": outcome, "at": at},
    )
