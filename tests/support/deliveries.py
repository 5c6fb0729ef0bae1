"""A little service of its own for delivery tests: one table of effects, fed by ticket events."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy import text

from kernel.clock import new_id
from kernel.contracts.ticketing import TicketIssued
from kernel.inbox import Consumer, ConsumerRunner
from kernel.money import Yen
from kernel.relay import Relay
from kernel.rows import Database
from kernel.stream.postgres import PostgresStream
from kernel.stream.protocol import dead_letter_topic_of, topic_of

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TOPIC = topic_of("ticketing")
SCHEMA = (Path(__file__).parents[2] / "services/kernel/schema/2026_11_23_kernel.sql").read_text(encoding="utf-8")
EFFECTS = "CREATE TABLE effects (position bigint GENERATED ALWAYS AS IDENTITY, consumer text, key text, version int)"


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def prepare(url: str, stream: PostgresStream) -> None:
    """Create the service's tables and topics."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.execute(EFFECTS)
    stream.create_topics([TOPIC, dead_letter_topic_of(TOPIC)])


def fact_of(ticket: int) -> TicketIssued:
    return TicketIssued(
        ticket_id=UUID(int=ticket),
        order_id=UUID(int=1),
        facility="hpam",
        product="collection",
        category="adult",
        visit_date=date(2026, 11, 23),
        price=Yen(510),
        issued_at=NOW,
    )


async def write(url: str, *, tickets: int, versions: int) -> None:
    """Write events: so many tickets, each with so many versions, in order."""
    database = Database(url, service="ticketing")
    for version in range(1, versions + 1):
        async with database.transaction("corr-test") as tx:
            for ticket in range(tickets):
                await tx.publish(fact_of(ticket), subject=UUID(int=ticket), version=version, event_id=new_id(), at=NOW)
    await database.close()


def effects(url: str, consumer: str) -> dict[str, list[int]]:
    """Return what a consumer did, by key and in order."""
    found: dict[str, list[int]] = {}
    with psycopg.connect(plain(url)) as connection:
        for key, version in connection.execute(
            "SELECT key, version FROM effects WHERE consumer = %s ORDER BY position", (consumer,)
        ):
            found.setdefault(key, []).append(version)
    return found


def unsent(url: str) -> int:
    with psycopg.connect(plain(url)) as connection:
        return connection.execute("SELECT count(*) FROM outbox WHERE sent_at IS NULL").fetchone()[0]


async def consume(url: str, stream, name: str, *, until, seconds: float = 30, handler=None) -> None:
    """Run one consumer until a condition holds."""
    database = Database(url, service="reconciliation")

    async def effect(tx, event) -> None:
        await tx.session.execute(
            text("INSERT INTO effects (consumer, key, version) VALUES (:c, :k, :v)"),
            {"c": name, "k": event.subject, "v": event.aggregate_version},
        )

    stop = asyncio.Event()
    consumer = Consumer(name, [TOPIC], {TicketIssued: handler or effect})
    running = asyncio.create_task(ConsumerRunner(consumer, database=database, stream=stream).run(stop))
    try:
        async with asyncio.timeout(seconds):
            while not until():
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await running
        await database.close()


class Dying(PostgresStream):
    """A stream whose process dies by kill -9 after its first publish, before the relay can mark."""

    def publish(self, records) -> None:
        super().publish(records)
        os.kill(os.getpid(), signal.SIGKILL)


def relay_that_dies(url: str, stream_url: str) -> None:
    """Run a relay whose process is killed between publishing and marking (entry for a subprocess)."""
    relay = Relay(url, service="ticketing", stream=Dying(stream_url))
    relay.start()
    threading.Event().wait(20)


def consumer_that_dies(url: str, stream_url: str, name: str) -> None:
    """Run a consumer whose process is killed between effect and offset (entry for a subprocess)."""
    stream = PostgresStream(stream_url)
    inner = stream.subscribe

    def subscribe(topics, *, group):
        subscription = inner(topics, group=group)
        subscription.commit = lambda: os.kill(os.getpid(), signal.SIGKILL)
        return subscription

    stream.subscribe = subscribe
    asyncio.run(consume(url, stream, name, until=lambda: False, seconds=20))
