"""The outbox: events are written in the business transaction, and sent by the relay after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from kernel.contracts.envelope import Fact
from kernel.stream.protocol import RECORD_BYTES_MAX
from kernel.stream.protocol import partition_of as shard_of

if TYPE_CHECKING:
    from kernel.rows import Transaction

OUTBOX_CHANNEL = "momiji_outbox"

_INSERT = text(
    """
    INSERT INTO outbox
        (id, aggregatetype, aggregateid, aggregate_version, type, payload, correlation_id, shard, occurred_at)
    VALUES (:id, :aggregatetype, :aggregateid, :version, :type, CAST(:payload AS jsonb), :correlation_id, :shard, :at)
    """
)
_WAKE = text("SELECT pg_notify(:channel, '')")


class EventTooLargeError(ValueError):
    """The event would not fit into the stream; carry less, or a reference."""


HEADER_BYTES_RESERVED = 4_096  # For the headers and the key, which are written by the relay.


def _payload_of(fact: Fact, subject: str) -> str:
    payload = fact.model_dump_json()
    bytes_count = len(payload.encode())
    if bytes_count > RECORD_BYTES_MAX - HEADER_BYTES_RESERVED:
        raise EventTooLargeError(
            f"{fact.TYPE} of {subject} takes {bytes_count} bytes, above the stream's {RECORD_BYTES_MAX}. Carry less."
        )
    return payload


async def write_event(tx: Transaction, fact: Fact, *, subject: str, version: int, event_id: UUID, at: datetime) -> None:
    """Insert one event into the outbox of this transaction and wake the relay on commit.

    Raises EventTooLargeError before anything is written.
    """
    payload = _payload_of(fact, subject)
    await tx.session.execute(
        _INSERT,
        {
            "id": event_id,
            "aggregatetype": fact.AGGREGATE,
            "aggregateid": subject,
            "version": version,
            "type": fact.TYPE,
            "payload": payload,
            "correlation_id": tx.correlation_id,
            "shard": shard_of(subject),
            "at": at,
        },
    )
    await tx.session.execute(_WAKE, {"channel": OUTBOX_CHANNEL})


@dataclass(frozen=True, slots=True)
class Pending:
    """One of many events of a transaction, each with the correlation id of its own request."""

    fact: Fact
    subject: str
    version: int
    event_id: UUID
    correlation_id: str
    at: datetime


INSERT_MANY = """
    INSERT INTO outbox
        (id, aggregatetype, aggregateid, aggregate_version, type, payload, correlation_id, shard, occurred_at)
    SELECT e.id, e.aggregatetype, e.aggregateid, e.version, e.type, e.payload, e.correlation_id, e.shard, e.at
    FROM json_to_recordset(CAST(:events AS json)) AS e(
        id uuid, aggregatetype text, aggregateid text, version integer, type text, payload jsonb,
        correlation_id text, shard smallint, at timestamptz)
"""


async def write_events(tx: Transaction, events: Sequence[Pending]) -> None:
    """Insert many events in one statement, in their order, and wake the relay on commit.

    Raises EventTooLargeError before anything is written.
    """
    await tx.write(events=events)


def parameters_of(events: Sequence[Pending]) -> dict[str, str]:
    """Return the parameters with which INSERT_MANY writes events. Raises EventTooLargeError."""
    given = (
        f'{{"id":"{each.event_id}","aggregatetype":"{each.fact.AGGREGATE}","aggregateid":{json.dumps(each.subject)},'
        f'"version":{each.version},"type":"{each.fact.TYPE}","payload":{_payload_of(each.fact, each.subject)},'
        f'"correlation_id":{json.dumps(each.correlation_id)},"shard":{shard_of(each.subject)},'
        f'"at":"{each.at.isoformat()}"}}'
        for each in events
    )
    return {"events": f"[{','.join(given)}]"}
