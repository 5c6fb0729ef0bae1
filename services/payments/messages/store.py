"""Rows of what providers sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from kernel.rows import Transaction

MESSAGE_CHANNEL = "momiji_provider_messages"
TRIES_MAX = 20
PAUSE_SECONDS_FIRST = 10
PAUSE_SECONDS_MAX = 3_600


async def keep(tx: Transaction, *, method: str, event_id: str, reference: str, body: bytes, at: datetime) -> None:
    """Keep a message as it came and wake who reads its method's, in one statement; a repeat changes nothing."""
    await tx.execute(
        "WITH kept AS (INSERT INTO provider_messages (method, event_id, reference, body, received_at) "
        "VALUES (:method, :event_id, :reference, :body, :at) ON CONFLICT (method, event_id) DO NOTHING RETURNING 1) "
        f"SELECT pg_notify('{MESSAGE_CHANNEL}', :method) FROM kept",
        method=method,
        event_id=event_id[:255],
        reference=reference[:255],
        body=body,
        at=at,
    )


async def claim(tx: Transaction, methods: Sequence[str], *, at: datetime, limit: int) -> list[tuple[int, str, str]]:
    """Claim and return (id, method, reference) of some methods' messages that wait, oldest first.

    Each claim is a try, and the next one is due after a pause that grows: a crash, or a provider that does not answer
    now, loses no message; one that kills us every time ends after TRIES_MAX and is shown to people.
    """
    rows: Any = await tx.session.execute(
        text(
            "UPDATE provider_messages m SET tries = tries + 1, "
            "next_try_at = CAST(:at AS timestamptz) + least(:first * power(2, tries), :most) * interval '1 second' "
            "FROM (SELECT id FROM provider_messages WHERE processed_at IS NULL AND tries < :tries "
            "AND method = ANY(:methods) AND coalesce(next_try_at, :at) <= :at "
            "ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED) due "
            "WHERE m.id = due.id RETURNING m.id, m.method, m.reference"
        ),
        {
            "at": at,
            "methods": list(methods),
            "limit": limit,
            "tries": TRIES_MAX,
            "first": PAUSE_SECONDS_FIRST,
            "most": PAUSE_SECONDS_MAX,
        },
    )
    return sorted((row.id, row.method, row.reference) for row in rows)


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


async def finish(tx: Transaction, outcomes: Mapping[int, str], *, at: datetime) -> None:
    """Write down what came of messages, given by their ids."""
    await tx.execute(
        "UPDATE provider_messages m SET outcome = ended.outcome, processed_at = :at "
        "FROM unnest(CAST(:ids AS bigint[]), CAST(:outcomes AS text[])) AS ended (id, outcome) WHERE m.id = ended.id",
        ids=list(outcomes),
        outcomes=list(outcomes.values()),
        at=at,
    )
