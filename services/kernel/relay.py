"""The relay: sends what the outbox holds to the stream, in order per aggregate, and marks it sent."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from prometheus_client import Counter, Gauge

from kernel.contracts.envelope import cloud_event_headers
from kernel.outbox import OUTBOX_CHANNEL
from kernel.stream.protocol import (
    PARTITION_COUNT,
    EventStream,
    Record,
    RecordTooLargeError,
    StreamError,
    dead_letter_topic_of,
    topic_of,
)

log = logging.getLogger(__name__)

BATCH_EVENTS_MAX = 500
POLL_SECONDS = 0.5
BACKOFF_SECONDS_MAX = 10.0
RETENTION_DAYS = 30
PURGE_EVERY_SECONDS = 3_600.0
PURGE_ROWS_MAX = 5_000
SHARD_LOCKS = 0x6D6F  # The family of advisory locks under which shards are relayed.

RELAYED = Counter("momiji_relayed_total", "Events sent to the stream", ["service"])
TOO_LARGE = Counter("momiji_relay_too_large_total", "Events that the stream could not take", ["service"])
UNSENT = Gauge("momiji_outbox_unsent", "Events waiting in the outbox", ["service"])


class Relay:
    """One thread that relays a service's outbox. Several may run; each shard has one relay at a time.

    A shard's lock is held until its events are acknowledged and marked, so that a second relay never
    overtakes the first. A relay that dies between publishing and marking publishes again: consumers
    deduplicate by event id.
    """

    def __init__(self, url: str, *, service: str, stream: EventStream) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._service = service
        self._stream = stream
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{service}-relay", daemon=True)

    def start(self) -> None:
        """Start relaying."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batch under way; return when the thread has ended."""
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        backoff = 0.2
        purged_at = time.monotonic()
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {OUTBOX_CHANNEL}")
                    while not self._stop.is_set():
                        if not self.relay_once(connection):
                            for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                                pass
                        backoff = 0.2
                        if time.monotonic() - purged_at > PURGE_EVERY_SECONDS:
                            purged_at = time.monotonic()
                            self._purge(connection)
            except (psycopg.Error, StreamError) as problem:
                log.warning("the relay waits and tries again", extra={"problem": str(problem), "seconds": backoff})
                self._stop.wait(backoff)
                backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)
        with suppress(Exception):
            self._stream.close()

    def relay_once(self, connection: psycopg.Connection[Any]) -> bool:
        """Relay one batch; tell whether there may be more."""
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
            held = [
                shard
                for shard in waiting
                if connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (SHARD_LOCKS, shard)).fetchone()
                == (True,)
            ]
            if not held:
                UNSENT.labels(self._service).set(0)
                return False
            rows = connection.execute(
                "SELECT position, id, aggregatetype, aggregateid, aggregate_version, type, payload, correlation_id, "
                "occurred_at FROM outbox WHERE sent_at IS NULL AND shard = ANY(%s) ORDER BY position LIMIT %s",
                (held, BATCH_EVENTS_MAX),
            ).fetchall()
            UNSENT.labels(self._service).set(len(rows))
            self._publish([self._record(row) for row in rows])
            connection.execute(
                "UPDATE outbox SET sent_at = now() WHERE position = ANY(%s)", ([row[0] for row in rows],)
            )
            RELAYED.labels(self._service).inc(len(rows))
            return True

    def _publish(self, records: Sequence[Record]) -> None:
        try:
            self._stream.publish(records)
        except RecordTooLargeError:
            # The outbox refuses such an event when it is written. One that slipped through must not hold up its
            # shard in silence: the others go on, and a note of it goes where a person looks.
            for record in records:
                try:
                    self._stream.publish([record])
                except RecordTooLargeError:
                    log.exception("an event is too large for the stream", extra={"event": record.headers["ce_id"]})
                    TOO_LARGE.labels(self._service).inc()
                    note = json.dumps({"problem": "too large for the stream", "bytes": len(record.body)}).encode()
                    headers = dict(record.headers) | {"origin_topic": record.topic, "origin_problem": "too large"}
                    self._stream.publish([Record(dead_letter_topic_of(record.topic), record.key, headers, note)])

    def _record(self, row: tuple[Any, ...]) -> Record:
        _, event_id, _, subject, version, wire_type, payload, correlation_id, occurred_at = row
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

    @staticmethod
    def _purge(connection: psycopg.Connection[Any]) -> None:
        """Remove what was sent long ago, a little at a time."""
        connection.execute(
            "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox "
            "WHERE sent_at < now() - make_interval(days => %s) ORDER BY position LIMIT %s)",
            (RETENTION_DAYS, PURGE_ROWS_MAX),
        )
