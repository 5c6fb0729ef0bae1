"""The inbox: every event has its effect once per consumer, however often it is delivered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kernel.clock import Clock, SystemClock
from kernel.contracts.envelope import Envelope, Fact, UnknownEventError, open_envelope
from kernel.rows import Database, Transaction
from kernel.stream.protocol import (
    Delivered,
    EventStream,
    Record,
    StreamError,
    Subscription,
    dead_letter_topic_of,
)
from kernel.telemetry import correlation_id

log = logging.getLogger(__name__)

T = TypeVar("T")
Handler = Callable[[Transaction, Envelope], Awaitable[None]]

BATCH_EVENTS_MAX = 200
POLL_MS = 1_000
TRIES_MAX = 5
RETRY_SECONDS_FIRST = 0.1
AWAY_SECONDS_MAX = 5.0

CONSUMED = Counter("momiji_consumed_total", "Events whose effect is committed", ["consumer"])
DUPLICATES = Counter("momiji_duplicates_total", "Events that had their effect before", ["consumer"])
DEAD_LETTERS = Counter("momiji_dead_letters_total", "Events put aside for a person", ["consumer"])
LAG = Gauge("momiji_consumer_lag_seconds", "Age of the newest event consumed", ["consumer"])

_REMEMBER = text(
    "INSERT INTO inbox (consumer, event_id) VALUES (:consumer, :event_id) ON CONFLICT DO NOTHING RETURNING event_id"
)
_DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads which topics, and what each kind of fact sets in motion.

    A replay from zero uses a new name: under the old one the inbox knows every event already.
    """

    name: str
    topics: Sequence[str]
    handlers: Mapping[type[Fact], Handler]


class ConsumerRunner:
    """Runs one consumer until stopped: poll, effects and inbox rows in one transaction, then the offset."""

    def __init__(
        self, consumer: Consumer, *, database: Database, stream: EventStream, clock: Clock | None = None
    ) -> None:
        self._consumer = consumer
        self._database = database
        self._stream = stream
        self._clock = clock or SystemClock()
        # The subscription belongs to this one thread; the publisher of dead letters lives there too.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{consumer.name}-stream")

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until stop is set; whatever is away is waited for."""
        subscription = self._stream.subscribe(self._consumer.topics, group=self._consumer.name)
        away_seconds = RETRY_SECONDS_FIRST
        try:
            while not stop.is_set():
                try:
                    await self._round(subscription)
                    away_seconds = RETRY_SECONDS_FIRST
                except (StreamError, *_DATABASE_AWAY) as problem:
                    log.warning(
                        "a consumer waits and tries again",
                        extra={"consumer": self._consumer.name, "problem": str(problem), "seconds": away_seconds},
                    )
                    await self._in_thread(subscription.rewind)
                    await _sleep_until(stop, away_seconds)
                    away_seconds = min(away_seconds * 2, AWAY_SECONDS_MAX)
        finally:
            await self._in_thread(subscription.close)
            self._thread.shutdown()

    async def _round(self, subscription: Subscription) -> None:
        delivered = await self._in_thread(lambda: subscription.poll(timeout_ms=POLL_MS, records_max=BATCH_EVENTS_MAX))
        if not delivered:
            return
        try:
            await self._together(delivered)
        except (StreamError, *_DATABASE_AWAY):
            raise
        except Exception as problem:  # noqa: BLE001 - one of them is bad; one by one shows which
            log.info("a batch is taken one by one", extra={"consumer": self._consumer.name, "problem": str(problem)})
            for each in delivered:
                await self._alone(each)
        await self._in_thread(subscription.commit)

    async def _together(self, delivered: Sequence[Delivered]) -> None:
        """Apply a whole batch in one transaction: one commit for many events."""
        async with self._database.transaction("-") as tx:
            for each in delivered:
                await self._apply(tx, each)
        newest = max(each.headers.get("ce_time", "") for each in delivered)
        if newest:
            LAG.labels(self._consumer.name).set((self._clock.now() - datetime.fromisoformat(newest)).total_seconds())

    async def _alone(self, delivered: Delivered) -> None:
        """Apply one event, a few times if need be, then put it aside for a person."""
        wait = RETRY_SECONDS_FIRST
        tried = 0
        while True:
            tried += 1
            try:
                async with self._database.transaction("-") as tx:
                    await self._apply(tx, delivered)
            except _DATABASE_AWAY:
                raise
            except (UnknownEventError, ValueError) as problem:
                await self._put_aside(delivered, problem)
                return
            except Exception as problem:
                if tried >= TRIES_MAX:
                    log.exception("an event has no effect", extra=self._place(delivered))
                    await self._put_aside(delivered, problem)
                    return
                await asyncio.sleep(wait)
                wait *= 2
            else:
                return

    async def _apply(self, tx: Transaction, delivered: Delivered) -> None:
        event = open_envelope(delivered.headers, delivered.body)
        handler = self._consumer.handlers.get(type(event.fact))
        if handler is None:
            return
        new = await tx.session.execute(_REMEMBER, {"consumer": self._consumer.name, "event_id": event.id})
        if new.one_or_none() is None:
            DUPLICATES.labels(self._consumer.name).inc()
            return
        known = correlation_id.set(event.correlation_id)
        try:
            await handler(Transaction(tx.session, tx.service, event.correlation_id), event)
        finally:
            correlation_id.reset(known)
        CONSUMED.labels(self._consumer.name).inc()

    async def _put_aside(self, delivered: Delivered, problem: Exception) -> None:
        """Publish the event to the dead-letter topic with its origin; raises StreamError if that fails."""
        headers = dict(delivered.headers) | {
            "origin_topic": delivered.topic,
            "origin_partition": str(delivered.partition),
            "origin_offset": str(delivered.offset),
            "origin_consumer": self._consumer.name,
            "origin_problem": f"{type(problem).__name__}: {problem}"[:500],
            "origin_at": self._clock.now().isoformat(),
        }
        letter = Record(dead_letter_topic_of(delivered.topic), delivered.key, headers, delivered.body)
        await self._in_thread(lambda: self._stream.publish([letter]))
        DEAD_LETTERS.labels(self._consumer.name).inc()
        log.error("an event was put aside", extra=self._place(delivered) | {"problem": str(problem)[:500]})

    def _place(self, delivered: Delivered) -> dict[str, object]:
        return {
            "consumer": self._consumer.name,
            "topic": delivered.topic,
            "partition": delivered.partition,
            "offset": delivered.offset,
        }

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _sleep_until(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
