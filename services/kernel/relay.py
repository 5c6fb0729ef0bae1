"""The relay: sends what the outbox holds to the stream, in order per aggregate, and marks it sent."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg
from prometheus_client import Counter, Gauge

from kernel.contracts.envelope import cloud_event_headers
from kernel.outbox import OUTBOX_CHANNEL
from kernel.stream.protocol import (
    PARTITION_COUNT,
    RECORD_BYTES_MAX,
    EventStream,
    Record,
    StreamError,
    dead_letter_topic_of,
    size_of,
    topic_of,
)

log = logging.getLogger(__name__)

BATCH_EVENTS_MAX = 500
POLL_SECONDS = 0.5
# A lone event leaves at once. In a rush the next ones gather for so long: a few large batches cost the relay, the
# stream and every consumer far less than many small ones.
GATHER_SECONDS = 0.015
BACKOFF_SECONDS_FIRST = 0.2
BACKOFF_SECONDS_MAX = 5.0
RETENTION_DAYS = 30
PURGE_EVERY_SECONDS = 3_600.0
PURGE_ROWS_MAX = 5_000
MEASURE_EVERY_SECONDS = 5.0
UNSENT_COUNTED_MAX = 10_000
NOTE_CHARACTERS_MAX = 200
STOP_SECONDS_MAX = 30.0
# A relay that stalls in mid-batch is cut off by the server, so that another takes its shards; what the stalled one
# still publishes afterwards are duplicates, which consumers absorb.
LIMITS = (
    "-c lock_timeout=10s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
SHARD_LOCKS = 0x6D6F  # The family of advisory locks under which shards are relayed.

RELAYED = Counter("momiji_relayed_total", "Events sent to the stream", ["service"])
TOO_LARGE = Counter("momiji_relay_too_large_total", "Events that the stream could not take", ["service"])
UNSENT = Gauge("momiji_outbox_unsent", f"Events waiting in the outbox, at most {UNSENT_COUNTED_MAX}", ["service"])
WAITING = Gauge("momiji_outbox_waiting_seconds", "Age of the oldest of the events waiting", ["service"])

# Each shard is read by its own part of the index: a long backlog is not sorted again for every batch.
_NEXT = """
SELECT waiting.* FROM unnest(%s::smallint[]) AS held (s)
CROSS JOIN LATERAL (
    SELECT position, id, aggregateid, aggregate_version, type, payload, correlation_id, occurred_at
    FROM outbox WHERE shard = held.s AND sent_at IS NULL ORDER BY position LIMIT %s
) AS waiting
ORDER BY waiting.position LIMIT %s
"""


class Relay:
    """One thread that relays a service's outbox. Several may run; each shard has one relay at a time.

    A shard's lock is held until its events are acknowledged and marked, so that a second relay never
    overtakes the first. A relay that dies between publishing and marking publishes again: consumers
    deduplicate by event id.
    """

    def __init__(self, url: str, *, service: str, stream: EventStream, retention_days: int = RETENTION_DAYS) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._service = service
        self._stream = stream
        self._retention_days = retention_days
        self._measured_at = self._purged_at = -math.inf
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{service}-relay", daemon=True)

    def start(self) -> None:
        """Start relaying."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batch under way; return when the thread has ended."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_SECONDS_MAX)

    def _run(self) -> None:
        backoff = BACKOFF_SECONDS_FIRST
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"LISTEN {OUTBOX_CHANNEL}")
                    while not self._stop.is_set():
                        self._housekeep(connection)
                        relayed = self.relay_once(connection)
                        if not relayed:
                            for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                                pass
                        elif relayed < BATCH_EVENTS_MAX:
                            self._stop.wait(GATHER_SECONDS)
                        backoff = BACKOFF_SECONDS_FIRST
            except Exception as problem:
                said = {"relay": self._service, "problem": str(problem), "seconds": backoff}
                if isinstance(problem, psycopg.Error | StreamError):
                    log.warning("the relay waits and tries again", extra=said)
                else:
                    # Whatever it is, a relay that ended in silence would be worse: events would wait unseen.
                    log.exception("the relay met a fault of its own and tries again", extra=said)
                self._stop.wait(backoff)
                backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)
        with suppress(Exception):
            self._stream.close()

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._url,
            autocommit=True,
            options=LIMITS,
            connect_timeout=5,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=25_000,
        )

    def relay_once(self, connection: psycopg.Connection[Any]) -> int:
        """Relay one batch; return how many events it had, at most BATCH_EVENTS_MAX."""
        with connection.transaction():
            # Waiting shards first, then their locks: without a plan barrier PostgreSQL may lock shards it then drops.
            waiting = [
                row[0]
                for row in connection.execute(
                    "SELECT s FROM generate_series(0, %s) AS s "
                    "WHERE EXISTS (SELECT FROM outbox WHERE shard = s AND sent_at IS NULL)",
                    (PARTITION_COUNT - 1,),
                )
            ]
            locks = "SELECT s, pg_try_advisory_xact_lock(%s, s) FROM unnest(%s::integer[]) AS waiting (s)"
            tried = connection.execute(locks, (SHARD_LOCKS, waiting)).fetchall() if waiting else []
            held = [shard for shard, free in tried if free]
            if not held:
                return 0
            rows = connection.execute(_NEXT, (held, BATCH_EVENTS_MAX, BATCH_EVENTS_MAX)).fetchall()
            # One call, which returns only once every event is acknowledged.
            self._stream.publish([self._fitting(self._record(row)) for row in rows])
            connection.execute(
                "UPDATE outbox SET sent_at = now() WHERE position = ANY(%s)", ([row[0] for row in rows],)
            )
        RELAYED.labels(self._service).inc(len(rows))
        return len(rows)

    def _fitting(self, record: Record) -> Record:
        """Return the record, or a note for a person in place of one that the stream cannot take.

        The outbox refuses such an event when it is written. One that slipped through must neither hold up its
        shard nor vanish: it stays in the outbox, marked, until the retention ends, and the note names it.
        """
        if size_of(record) <= RECORD_BYTES_MAX:
            return record
        log.error("an event is too large for the stream", extra={"event": record.headers["ce_id"]})
        TOO_LARGE.labels(self._service).inc()
        headers = {name: value[:NOTE_CHARACTERS_MAX] for name, value in record.headers.items()}
        headers |= {"origin_topic": record.topic, "origin_problem": "too large"}
        note = json.dumps({"problem": "too large for the stream", "bytes": size_of(record)}).encode()
        return Record(dead_letter_topic_of(record.topic), record.key[:NOTE_CHARACTERS_MAX], headers, note)

    def _record(self, row: tuple[Any, ...]) -> Record:
        _, event_id, subject, version, wire_type, payload, correlation_id, occurred_at = row
        headers = cloud_event_headers(
            id=event_id,
            type=wire_type,
            source=f"momiji/{self._service}",
            subject=subject,
            aggregate_version=version,
            time=occurred_at,
            correlation_id=correlation_id,
        )
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return Record(topic_of(self._service), subject, headers, body)

    def _housekeep(self, connection: psycopg.Connection[Any]) -> None:
        """Measure what waits, and remove what was sent long ago, each when it is due."""
        now = time.monotonic()
        if now - self._measured_at >= MEASURE_EVERY_SECONDS:
            self._measured_at = now
            count, seconds = connection.execute(
                "SELECT count(*), coalesce(extract(epoch FROM now() - min(occurred_at)), 0)::float8 "
                "FROM (SELECT occurred_at FROM outbox WHERE sent_at IS NULL LIMIT %s) AS waiting",
                (UNSENT_COUNTED_MAX,),
            ).fetchone() or (0, 0.0)
            UNSENT.labels(self._service).set(count)
            WAITING.labels(self._service).set(max(0.0, seconds))
        if now - self._purged_at >= PURGE_EVERY_SECONDS and self.purge(connection) < PURGE_ROWS_MAX:
            self._purged_at = now  # A full portion means that there is more: the next one follows the next batch.

    def purge(self, connection: psycopg.Connection[Any]) -> int:
        """Remove one portion of what was sent before the retention; return how many rows that were."""
        # Only the oldest rows are looked at, so that finding nothing is as quick as finding much.
        return connection.execute(
            "DELETE FROM outbox WHERE position IN ("
            "SELECT position FROM (SELECT position, sent_at FROM outbox ORDER BY position LIMIT %s) AS oldest "
            "WHERE sent_at < now() - make_interval(days => %s))",
            (PURGE_ROWS_MAX, self._retention_days),
        ).rowcount
