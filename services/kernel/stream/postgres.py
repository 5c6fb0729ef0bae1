"""The event stream in PostgreSQL: gapless, commit-ordered offsets in a database of its own.

A partition's row is locked while its offsets are given out, so that a reader who saw offset n has
seen everything before it. NOTIFY only wakes; every wake-up is followed by a read. A consumer holds
its partitions by session advisory locks, and commits on the very connection that holds them: a
member whose connection died holds nothing and can commit nothing.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from kernel.stream.protocol import (
    PARTITION_COUNT,
    RECORD_BYTES_MAX,
    Delivered,
    Extent,
    Place,
    Record,
    RecordTooLargeError,
    StreamError,
    complete,
    partition_of,
    size_of,
)

log = logging.getLogger(__name__)

CHANNEL = "momiji_stream"
REBALANCE_SECONDS = 0.5
CONNECT_SECONDS_MAX = 5

# Nobody may hold up the others for long: a publisher that stalls in mid-transaction is cut off, and a member whose
# machine vanished is noticed in seconds, not after TCP's own hours.
LIMITS = {
    "lock_timeout": "10s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

SCHEMA = """
SELECT pg_advisory_xact_lock(7305);
CREATE TABLE IF NOT EXISTS part (
    topic text NOT NULL,
    p     smallint NOT NULL,
    next  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, p)
);
CREATE TABLE IF NOT EXISTS rec (
    topic   text NOT NULL,
    p       smallint NOT NULL,
    o       bigint NOT NULL,
    key     text NOT NULL,
    headers jsonb NOT NULL,
    body    bytea NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, p, o)
);
CREATE TABLE IF NOT EXISTS group_offset (
    name  text NOT NULL,
    topic text NOT NULL,
    p     smallint NOT NULL,
    next  bigint NOT NULL,
    PRIMARY KEY (name, topic, p)
);
"""

# Each partition's row is locked, in one order for all publishers, before its next offsets are given out: what a member
# reads up to an offset is all that will ever be below it.
_APPEND = """
WITH given AS (
    SELECT t, p, k, h, b, row_number() OVER (PARTITION BY t, p ORDER BY n) - 1 AS place
    FROM unnest(%s::text[], %s::smallint[], %s::text[], %s::jsonb[], %s::bytea[])
        WITH ORDINALITY AS given (t, p, k, h, b, n)
), counted AS (
    SELECT t, p, count(*) AS number FROM given GROUP BY t, p
), held AS (
    SELECT part.topic, part.p, part.next, counted.number
    FROM part JOIN counted ON counted.t = part.topic AND counted.p = part.p
    ORDER BY part.topic, part.p FOR UPDATE OF part
), moved AS (
    UPDATE part SET next = held.next + held.number FROM held WHERE part.topic = held.topic AND part.p = held.p
), added AS (
    INSERT INTO rec (topic, p, o, key, headers, body)
    SELECT given.t, given.p, held.next + given.place, k, h, b
    FROM given JOIN held ON held.topic = given.t AND held.p = given.p RETURNING 1
)
SELECT stored.number, pg_notify(%s, '') FROM (SELECT count(*) AS number FROM added) AS stored
"""


def _columns(records: Sequence[Record]) -> tuple[list[Any], ...]:
    """Return records as columns: topics, partitions, keys, headers, bodies."""
    return (
        [record.topic for record in records],
        [partition_of(record.key) for record in records],
        [record.key for record in records],
        [Jsonb(dict(record.headers)) for record in records],
        [record.body for record in records],
    )


def _number(*names: object) -> int:
    """Return the number of an advisory lock: 64 bits, so that two names do not meet in practice."""
    digest = blake2b("\x1f".join(str(name) for name in names).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def plain_url(url: str) -> str:
    """Return the address without SQLAlchemy's driver name."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _connect(url: str) -> psycopg.Connection[Any]:
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS_MAX,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=25_000,
        )
        connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS limits (name, value)",
            (list(LIMITS), list(LIMITS.values())),
        )
    except psycopg.Error as problem:
        raise StreamError("The stream's database does not answer; nothing is lost, try again.") from problem
    return connection


class PostgresStream:
    """The EventStream of a database. One publisher connection, made again after it broke.

    A relay and the consumers beside it may share one stream: publishing takes turns.
    """

    def __init__(self, url: str) -> None:
        self._url = plain_url(url)
        self._publisher: psycopg.Connection[Any] | None = None
        self._turn = threading.RLock()

    def create_topics(self, topics: Sequence[str]) -> None:
        """Create the tables and the topics that are not there yet."""
        try:
            with _connect(self._url) as connection, connection.transaction():
                connection.execute(SCHEMA)
                for topic in topics:
                    connection.execute(
                        "INSERT INTO part (topic, p) SELECT %s, generate_series(0, %s) ON CONFLICT DO NOTHING",
                        (topic, PARTITION_COUNT - 1),
                    )
        except psycopg.Error as problem:
            raise StreamError("The stream's tables could not be made; nothing is lost, try again.") from problem

    def publish(self, records: Sequence[Record]) -> None:
        """Store the records in one transaction; the rows of their partitions are locked in one fixed order."""
        if not records:
            return
        for record in records:
            if size_of(record) > RECORD_BYTES_MAX:
                raise RecordTooLargeError(f"An event of {size_of(record)} bytes is above {RECORD_BYTES_MAX}.")
        with self._turn:
            try:
                if self._publisher is None:
                    self._publisher = _connect(self._url)
                with self._publisher.transaction():
                    stored, _ = self._publisher.execute(_APPEND, (*_columns(records), CHANNEL)).fetchone() or (0, None)
                    if stored < len(records):
                        topics = ", ".join(sorted({record.topic for record in records}))
                        raise StreamError(f"One of these topics is not there: {topics}. Run 'momiji migrate'.")
            except psycopg.Error as problem:
                self.close()
                raise StreamError("The stream did not store the events; nothing is lost, try again.") from problem

    def subscribe(self, topics: Sequence[str], *, group: str) -> PostgresSubscription:
        """Join a group."""
        return PostgresSubscription(self._url, topics, group)

    def extents(self, topics: Sequence[str]) -> Mapping[Place, Extent]:
        """Return what each partition holds now."""
        try:
            with _connect(self._url) as connection:
                rows = connection.execute(
                    "SELECT topic, p, coalesce((SELECT min(o) FROM rec WHERE rec.topic = part.topic "
                    "AND rec.p = part.p), next), next FROM part WHERE topic = ANY(%s)",
                    (list(topics),),
                ).fetchall()
        except psycopg.Error as problem:
            raise StreamError("The stream's database does not say what it holds; try again.") from problem
        return complete({(topic, p): Extent(first, after) for topic, p, first, after in rows}, topics)

    def ping(self) -> None:
        """Return if the database answers."""
        _connect(self._url).close()

    def close(self) -> None:
        """Let go of the publisher's connection; publishing again opens another."""
        with self._turn:
            if self._publisher is not None:
                with suppress(psycopg.Error):
                    self._publisher.close()
                self._publisher = None


class PostgresSubscription:
    """One member of a group. Its connection, its leases and its right to commit live and die together."""

    def __init__(self, url: str, topics: Sequence[str], group: str) -> None:
        self._url = url
        self._topics = sorted(topics)
        self._group = group
        self._connection: psycopg.Connection[Any] | None = None
        self._committed: dict[Place, int] = {}
        self._positions: dict[Place, int] = {}
        self._balanced_at = -math.inf

    def poll(self, *, timeout_ms: int, records_max: int) -> Sequence[Delivered]:
        """Return the next events of the held partitions, or none when the time is over."""
        deadline = time.monotonic() + timeout_ms / 1000
        try:
            connection = self._connected()
            while True:
                self._balance(connection)
                found = self._read(connection, records_max)
                left = deadline - time.monotonic()
                if found or left <= 0:
                    return found
                for _ in connection.notifies(timeout=min(left, REBALANCE_SECONDS), stop_after=1):
                    pass
        except psycopg.Error as problem:
            self._drop()
            raise StreamError("The stream's database went away; polling again joins the group anew.") from problem

    def commit(self) -> None:
        """Keep the positions for the group; raise StreamError if the connection that held them is gone."""
        changed = {place: at for place, at in self._positions.items() if self._committed.get(place) != at}
        if not changed:
            return
        if self._connection is None:
            raise StreamError("This member lost its partitions; what it polled is delivered again.")
        try:
            self._connection.execute(
                "INSERT INTO group_offset (name, topic, p, next) "
                "SELECT %s, t, p, n FROM unnest(%s::text[], %s::smallint[], %s::bigint[]) AS given (t, p, n) "
                "ON CONFLICT (name, topic, p) DO UPDATE SET next = excluded.next",
                (self._group, [t for t, _ in changed], [p for _, p in changed], list(changed.values())),
            )
        except psycopg.Error as problem:
            self._drop()
            raise StreamError("The offsets were not kept; what was polled is delivered again.") from problem
        self._committed |= changed

    def rewind(self) -> None:
        """Go back to the last commit."""
        self._positions = dict(self._committed)

    def close(self) -> None:
        """Leave the group: the leases end with the connection."""
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None
        self._committed, self._positions = {}, {}
        self._balanced_at = -math.inf

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._drop()
            connection = _connect(self._url)
            connection.execute(f"LISTEN {CHANNEL}")
            connection.execute("SELECT pg_advisory_lock_shared(%s)", (self._member_number,))
            self._connection = connection
        return self._connection

    @property
    def _member_number(self) -> int:
        return _number("member", self._group, *self._topics)

    def _lease_number(self, place: Place) -> int:
        return _number("lease", self._group, *place)

    def _balance(self, connection: psycopg.Connection[Any]) -> None:
        """Hold a fair share of the partitions; give back only what has nothing uncommitted."""
        now = time.monotonic()
        if now - self._balanced_at < REBALANCE_SECONDS:
            return
        self._balanced_at = now
        members = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid::bigint << 32 | objid::bigint = %s AND objsubid = 1",
            (self._member_number,),
        ).fetchone()
        places = [(topic, partition) for topic in self._topics for partition in range(PARTITION_COUNT)]
        share = math.ceil(len(places) / max(1, members[0] if members else 1))
        settled = [place for place, at in self._positions.items() if self._committed[place] == at]
        for place in settled[: max(0, len(self._positions) - share)]:
            connection.execute("SELECT pg_advisory_unlock(%s)", (self._lease_number(place),))
            del self._positions[place], self._committed[place]
        for place in places:
            if len(self._positions) >= share:
                break
            if place not in self._positions:
                self._lease(connection, place)

    def _lease(self, connection: psycopg.Connection[Any], place: Place) -> None:
        taken = connection.execute("SELECT pg_try_advisory_lock(%s)", (self._lease_number(place),)).fetchone()
        if not taken or not taken[0]:
            return
        kept = connection.execute(
            "SELECT next FROM group_offset WHERE name = %s AND topic = %s AND p = %s", (self._group, *place)
        ).fetchone()
        self._committed[place] = self._positions[place] = kept[0] if kept else 0

    def _read(self, connection: psycopg.Connection[Any], records_max: int) -> list[Delivered]:
        if not self._positions:
            return []
        places = list(self._positions)
        rows = connection.execute(
            "SELECT rec.topic, rec.p, rec.o, rec.key, rec.headers, rec.body "
            "FROM unnest(%s::text[], %s::smallint[], %s::bigint[]) AS held (t, p, n) "
            "CROSS JOIN LATERAL (SELECT * FROM rec WHERE rec.topic = held.t AND rec.p = held.p AND rec.o >= held.n "
            "                    ORDER BY rec.o LIMIT %s) AS rec "
            "LIMIT %s",
            (
                [topic for topic, _ in places],
                [partition for _, partition in places],
                [self._positions[place] for place in places],
                records_max,
                records_max,
            ),
        ).fetchall()
        found = sorted((Delivered(*row) for row in rows), key=lambda each: each.offset)
        for each in found:
            place = (each.topic, each.partition)
            # Whoever was served goes to the end of the line, so that one busy partition does not starve the others.
            self._positions[place] = max(self._positions.pop(place), each.offset + 1)
        return found
