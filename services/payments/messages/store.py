"""Rows of what providers sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from kernel.rows import Transaction
from payments.messages.model import ProviderMessage, State

MESSAGE_CHANNEL = "momiji_provider_messages"
TRIES_MAX = 20
PAUSE_SECONDS_FIRST = 10
PAUSE_SECONDS_MAX = 3_600
STATE_SQL: Final[dict[State, str]] = {
    "waiting": f"processed_at IS NULL AND tries < {TRIES_MAX}",
    "given_up": f"processed_at IS NULL AND tries >= {TRIES_MAX}",
    "done": "processed_at IS NOT NULL",
}
COLUMNS = (
    "id, method, event_id, reference, outcome, tries, received_at, processed_at, next_try_at, body <> '' AS has_body"
)


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


async def listed(
    tx: Transaction,
    *,
    state: State | None = None,
    outcomes: Sequence[str] | None = None,
    method: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[ProviderMessage]:
    """Return messages, newest first: in a state, with one of some outcomes, of a method, if any is named."""
    where, values = ["true"], dict[str, Any](limit=limit)
    if state is not None:
        where.append(STATE_SQL[state])
    if outcomes is not None:
        where.append("outcome = ANY(:outcomes)")
        values["outcomes"] = list(outcomes)
    if method is not None:
        where.append("method = :method")
        values["method"] = method
    if before is not None:
        where.append("id < :before")
        values["before"] = before
    rows = await tx.execute(
        f"SELECT {COLUMNS} FROM provider_messages WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT :limit", **values
    )
    return [to_message(row) for row in rows]


async def naming(tx: Transaction, references: Sequence[str], *, limit: int) -> list[ProviderMessage]:
    """Return the messages that name one of some references, oldest first."""
    rows = await tx.execute(
        f"SELECT {COLUMNS} FROM provider_messages WHERE reference = ANY(:references) ORDER BY id LIMIT :limit",
        references=list(references),
        limit=limit,
    )
    return [to_message(row) for row in rows]


async def count(tx: Transaction, state: State) -> int:
    """Return how many messages are in a state that is not over."""
    rows = await tx.execute(f"SELECT count(*) FROM provider_messages WHERE {STATE_SQL[state]}")
    return int(rows.scalar_one())


async def find(tx: Transaction, message_id: int) -> ProviderMessage | None:
    """Return a message without its body."""
    rows = await tx.execute(f"SELECT {COLUMNS} FROM provider_messages WHERE id = :id", id=message_id)
    row = rows.one_or_none()
    return None if row is None else to_message(row)


async def body(tx: Transaction, message_id: int) -> bytes:
    """Return what was sent; empty when it is too old to be kept."""
    rows = await tx.execute("SELECT body FROM provider_messages WHERE id = :id", id=message_id)
    return bytes(rows.scalar_one())


async def wait_again(tx: Transaction, message_id: int) -> bool:
    """Let a message wait as if it had just come, and wake the processor; tell whether there is such a message."""
    rows = await tx.execute(
        "UPDATE provider_messages SET processed_at = NULL, outcome = NULL, tries = 0, next_try_at = NULL "
        "WHERE id = :id RETURNING method",
        id=message_id,
    )
    method = rows.scalar_one_or_none()
    if method is None:
        return False
    await tx.wake(MESSAGE_CHANNEL, method)
    return True


def to_message(row: Any) -> ProviderMessage:
    """Parse a row."""
    state: State = "done" if row.processed_at else "given_up" if row.tries >= TRIES_MAX else "waiting"
    return ProviderMessage(
        id=row.id,
        method=row.method,
        event_id=row.event_id,
        reference=row.reference,
        state=state,
        outcome=row.outcome,
        tries=row.tries,
        received_at=row.received_at,
        processed_at=row.processed_at,
        next_try_at=row.next_try_at,
        has_body=row.has_body,
    )
