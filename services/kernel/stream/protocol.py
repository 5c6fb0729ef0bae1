"""What any event stream promises here: order per key, at-least-once, offsets kept per group.

Both adapters are synchronous and live in threads or processes of their own: the HTTP path
writes only the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

PARTITION_COUNT = 6  # Fixed for ever: another number would break the order per key.
RECORD_BYTES_MAX = 900_000  # Below Kafka's default of 1 MiB, headers included.


def partition_of(key: str) -> int:
    """Return the partition of a key: one rule for both adapters and for the outbox's shards."""
    return crc32(key.encode()) % PARTITION_COUNT


def topic_of(service: str) -> str:
    """Return the one topic that a service publishes to."""
    return f"{service}.events.v1"


def dead_letter_topic_of(topic: str) -> str:
    """Return where a topic's undeliverable events are kept for a person."""
    return f"{topic}.dlt"


@dataclass(frozen=True, slots=True)
class Record:
    """One event to be sent. Events with the same key keep their order."""

    topic: str
    key: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """One event as received, with the place it came from."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: Mapping[str, str]
    body: bytes


Place = tuple[str, int]  # A topic and one of its partitions.


@dataclass(frozen=True, slots=True)
class Extent:
    """What a partition holds: the first offset that is still there, and the one that its next event will have."""

    first: int
    next: int


class StreamError(Exception):
    """The stream did not take or give the events: nothing is lost, try again."""


class RecordTooLargeError(StreamError):
    """The record is above RECORD_BYTES_MAX; trying again will not help."""


class Subscription(Protocol):
    """One consumer of a group; used by one thread only."""

    def poll(self, *, timeout_ms: int, records_max: int) -> Sequence[Delivered]:
        """Return the next events, in order per key, or none when the time is over."""
        ...

    def commit(self) -> None:
        """Remember that everything polled so far is done, for the whole group."""
        ...

    def rewind(self) -> None:
        """Go back to the last commit, so that the next poll gives the same events again."""
        ...

    def close(self) -> None:
        """Leave the group at once, so that others take over."""
        ...


class EventStream(Protocol):
    """A place to publish events and to read them again."""

    def create_topics(self, topics: Sequence[str]) -> None:
        """Make sure that the topics exist, each with PARTITION_COUNT partitions."""
        ...

    def publish(self, records: Sequence[Record]) -> None:
        """Send records and return once every one is stored; raise StreamError otherwise.

        After an error some may be stored: sending the same again is right, consumers deduplicate.
        """
        ...

    def subscribe(self, topics: Sequence[str], *, group: str) -> Subscription:
        """Join a group; a new group starts at the earliest event."""
        ...

    def extents(self, topics: Sequence[str]) -> Mapping[Place, Extent]:
        """Return what each partition holds now; raise StreamError if a topic is not there."""
        ...

    def ping(self) -> None:
        """Return if the stream answers; raise StreamError otherwise."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def size_of(record: Record) -> int:
    """Return how many bytes a record takes on the wire, headers and key included."""
    headers = sum(len(name.encode()) + len(value.encode()) for name, value in record.headers.items())
    return len(record.body) + len(record.key.encode()) + headers


def complete(found: Mapping[Place, Extent], topics: Sequence[str]) -> Mapping[Place, Extent]:
    """Return extents if each topic has all its partitions; raise StreamError otherwise."""
    lacking = sorted({topic for topic in topics for p in range(PARTITION_COUNT) if (topic, p) not in found})
    if lacking:
        raise StreamError(f"One of these topics is not there: {', '.join(lacking)}. Run 'momiji migrate'.")
    return found
