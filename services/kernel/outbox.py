"""The outbox: events are written in the business transaction, and sent by the relay after it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID
from zlib import crc32

from sqlalchemy import text

from kernel.contracts.envelope import Fact
from kernel.stream.protocol import PARTITION_COUNT

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
_WAKE = text("SELECT pg_notify(:channel, '')").bindparams(channel=OUTBOX_CHANNEL)


def shard_of(subject: str) -> int:
    """Return which of PARTITION_COUNT shards an aggregate's events are relayed in."""
    return crc32(subject.encode()) % PARTITION_COUNT


async def write_event(tx: Transaction, fact: Fact, *, subject: str, version: int, event_id: UUID, at: datetime) -> None:
    """Insert one event into the outbox of this transaction and wake the relay on commit."""
    await tx.session.execute(
        _INSERT,
        {
            "id": event_id,
            "aggregatetype": fact.AGGREGATE,
            "aggregateid": subject,
            "version": version,
            "type": fact.TYPE,
            "payload": fact.model_dump_json(),
            "correlation_id": tx.correlation_id,
            "shard": shard_of(subject),
            "at": at,
        },
    )
    await tx.session.execute(_WAKE)
