"""The inbox: every event has its effect once per consumer, however often it is delivered."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kernel.clock import Clock, SystemClock
from kernel.contracts.envelope import Envelope, Fact, open_envelope, registry
from kernel.rows import Database, Transaction
from kernel.stream.protocol import (
    RECORD_BYTES_MAX,
    Delivered,
    EventStream,
    Record,
    StreamError,
    Subscription,
    dead_letter_topic_of,
    size_of,
)
from kernel.telemetry import correlation_id

log = logging.getLogger(__name__)

T = TypeVar("T")
Handler = Callable[[Transaction, Envelope], Awaitable[None]]

BATCH_EVENTS_MAX = 200
POLL_MS = 1_000
TRIES_MAX = 5
CONTENTION_TRIES_MAX = 15
RETRY_SECONDS_FIRST = 0.1
RETRY_SECONDS_MAX = 5.0
PROBLEM_CHARACTERS_MAX = 500
NOTE_CHARACTERS_MAX = 200

CONSUMED = Counter("momiji_consumed_total", "Events whose effect is committed", ["consumer"])
DUPLICATES = Counter("momiji_duplicates_total", "Events that had their effect before", ["consumer"])
DEAD_LETTERS = Counter("momiji_dead_letters_total", "Events put aside for a person", ["consumer"])
LAG = Gauge("momiji_consumer_lag_seconds", "Age of the newest event of the last batch; 0 when idle", ["consumer"])

_REMEMBER = text(
    # In one order, so that two members who overlap after a rebalance wait for each other instead of deadlocking.
    "INSERT INTO inbox (consumer, event_id) SELECT :consumer, given.id FROM unnest(CAST(:ids AS uuid[])) AS given (id) "
    "ORDER BY given.id ON CONFLICT DO NOTHING RETURNING event_id"
)

# SQLSTATE classes in which the database is in trouble, whatever the event: connection, resources, shutdown, system
# error, read-only after a fail-over. https://www.postgresql.org/docs/18/errcodes-appendix.html
_AWAY_STATES = ("08", "53", "57P", "58", "25006")
# Deadlock and serialization, a lock that was not free, a statement that took too long: often over in a while.
_CONTENTION_STATES = ("40", "55P03", "57014")


def _state_of(problem: Exception) -> str | None:
    return getattr(problem.orig, "sqlstate", None) if isinstance(problem, DBAPIError) else None


def _is_away(problem: Exception) -> bool:
    """Tell whether stream or database is the trouble, and not the event: that is waited for, however long."""
    if isinstance(problem, StreamError | PoolTimeoutError):
        return True
    if not isinstance(problem, DBAPIError):
        return False
    state = _state_of(problem)
    if problem.connection_invalidated or state is None:
        return problem.connection_invalidated or isinstance(problem, OperationalError | InterfaceError)
    return state.startswith(_AWAY_STATES)


def _tries_max(problem: Exception) -> int:
    return CONTENTION_TRIES_MAX if (_state_of(problem) or "").startswith(_CONTENTION_STATES) else TRIES_MAX


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
        self._batch_max = BATCH_EVENTS_MAX
        # The subscription belongs to this one thread; dead letters are published from it too.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{consumer.name}-stream")

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until stop is set; whatever is away is waited for, and no fault ends the consumer."""
        subscription = self._stream.subscribe(self._consumer.topics, group=self._consumer.name)
        wait = RETRY_SECONDS_FIRST
        try:
            while not stop.is_set():
                try:
                    await self._round(subscription, stop)
                    wait = RETRY_SECONDS_FIRST
                except Exception as problem:
                    said = {"consumer": self._consumer.name, "problem": str(problem), "seconds": wait}
                    if _is_away(problem):
                        log.warning("a consumer waits and tries again", extra=said)
                    else:
                        log.exception("a consumer met a fault of its own and tries again", extra=said)
                    await self._in_thread(lambda: _start_over(subscription))
                    await _sleep_until(stop, wait)
                    wait = min(wait * 2, RETRY_SECONDS_MAX)
        finally:
            await self._in_thread(subscription.close)
            self._thread.shutdown()

    async def _round(self, subscription: Subscription, stop: asyncio.Event) -> None:
        delivered = await self._in_thread(lambda: subscription.poll(timeout_ms=POLL_MS, records_max=self._batch_max))
        if not delivered:
            LAG.labels(self._consumer.name).set(0)
            return
        try:
            await self._together(delivered)
        except Exception as problem:
            if _is_away(problem):
                raise
            if len(delivered) > 1:
                # One of them is bad. Single events show which, and keep each round short: a member that is silent
                # for minutes while it retries a whole batch would lose its partitions and begin again for ever.
                log.info(
                    "events are taken one by one", extra={"consumer": self._consumer.name, "problem": str(problem)}
                )
                self._batch_max = 1
                await self._in_thread(subscription.rewind)
                return
            if not await self._retry(delivered[0], problem, stop):
                return
        await self._in_thread(subscription.commit)
        self._batch_max = min(self._batch_max * 2, BATCH_EVENTS_MAX)

    async def _together(self, delivered: Sequence[Delivered]) -> None:
        """Apply a batch in one transaction: one commit for many events."""
        events = [open_envelope(each.headers, each.body) for each in delivered if self._wants(each)]
        if not events:
            return
        done = 0
        async with self._database.transaction("-") as tx:
            ids = [event.id for event in events]
            answer = await tx.session.execute(_REMEMBER, {"consumer": self._consumer.name, "ids": ids})
            new: set[UUID] = set(answer.scalars())
            for event in events:
                if event.id in new:
                    new.remove(event.id)  # The same event may lie twice in one batch.
                    await self._apply(tx, event)
                    done += 1
        CONSUMED.labels(self._consumer.name).inc(done)
        DUPLICATES.labels(self._consumer.name).inc(len(events) - done)
        age = self._clock.now() - max(event.time for event in events)
        LAG.labels(self._consumer.name).set(max(0.0, age.total_seconds()))

    def _wants(self, delivered: Delivered) -> bool:
        """Tell whether an event is to be opened: known kinds that nobody handles here are passed over."""
        fact = registry.get(delivered.headers.get("ce_type", ""))
        return fact is None or fact in self._consumer.handlers

    async def _apply(self, tx: Transaction, event: Envelope) -> None:
        known = correlation_id.set(event.correlation_id)
        try:
            handler = self._consumer.handlers[type(event.fact)]
            await handler(Transaction(tx.session, tx.service, event.correlation_id), event)
        finally:
            correlation_id.reset(known)

    async def _retry(self, delivered: Delivered, problem: Exception, stop: asyncio.Event) -> bool:
        """Try one failed event a few more times, then put it aside; False if stopped in the middle."""
        try:
            open_envelope(delivered.headers, delivered.body)
        except ValueError as unreadable:
            await self._put_aside(delivered, unreadable)
            return True
        wait = RETRY_SECONDS_FIRST
        tried = 1
        while tried < _tries_max(problem):
            await _sleep_until(stop, wait)
            if stop.is_set():
                return False
            wait = min(wait * 2, RETRY_SECONDS_MAX)
            tried += 1
            try:
                await self._together([delivered])
            except Exception as again:
                if _is_away(again):
                    raise
                problem = again
            else:
                return True
        await self._put_aside(delivered, problem)
        return True

    async def _put_aside(self, delivered: Delivered, problem: Exception) -> None:
        """Publish the event to the dead-letter topic with its origin; raises StreamError if that fails."""
        origin = {
            "origin_topic": delivered.topic,
            "origin_partition": str(delivered.partition),
            "origin_offset": str(delivered.offset),
            "origin_consumer": self._consumer.name,
            # PostgreSQL's text holds no NUL, and a problem must not keep its own report from being written.
            "origin_problem": f"{type(problem).__name__}: {problem}".replace("\0", "")[:PROBLEM_CHARACTERS_MAX],
            "origin_at": self._clock.now().isoformat(),
        }
        topic = dead_letter_topic_of(delivered.topic)
        letter = Record(topic, delivered.key, dict(delivered.headers) | origin, delivered.body)
        if size_of(letter) > RECORD_BYTES_MAX:
            # With its origin it no longer fits; the origin says where the whole event lies.
            note = json.dumps({"problem": "too large for a dead letter", "bytes": len(delivered.body)}).encode()
            some = {name: value[:NOTE_CHARACTERS_MAX] for name, value in delivered.headers.items() if name[:3] == "ce_"}
            letter = Record(topic, delivered.key[:NOTE_CHARACTERS_MAX], some | origin, note)
        await self._in_thread(lambda: self._stream.publish([letter]))
        DEAD_LETTERS.labels(self._consumer.name).inc()
        log.error(
            "an event was put aside",
            extra={
                "consumer": self._consumer.name,
                "topic": delivered.topic,
                "partition": delivered.partition,
                "offset": delivered.offset,
            },
            exc_info=problem,
        )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _start_over(subscription: Subscription) -> None:
    """Go back to the last commit; where even that fails, leave the group and join again at the next poll."""
    try:
        subscription.rewind()
    except Exception:
        log.exception("a subscription is opened again")
        subscription.close()


async def _sleep_until(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
