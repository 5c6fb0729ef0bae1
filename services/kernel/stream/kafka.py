"""The event stream in Apache Kafka, by kafka-python: idempotent, every acknowledgement awaited."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

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

ACKNOWLEDGE_SECONDS_MAX = 15
BLOCK_MS_MAX = 10_000
SESSION_TIMEOUT_MS = 10_000
HEARTBEAT_MS = 1_000
# Who joins before the broker told of a topic's partitions is given none of them until it is asked again.
METADATA_MS_MAX = 5_000
POLL_INTERVAL_MS_MAX = 300_000
CLOSE_SECONDS_MAX = 5
# A broker that is away is said to be away within seconds, and found again within one when it is back.
REACH: dict[str, int] = {"bootstrap_timeout_ms": 5_000, "reconnect_backoff_max_ms": 1_000}


class KafkaStream:
    """The EventStream of a Kafka cluster. One producer, made again after a fatal error.

    A relay and the consumers beside it may share one stream: publishing takes turns.
    """

    def __init__(
        self, bootstrap: str, *, session_timeout_ms: int = SESSION_TIMEOUT_MS, replication_factor: int = -1
    ) -> None:
        self._bootstrap = [address.strip() for address in bootstrap.split(",")]
        self._session_timeout_ms = session_timeout_ms
        self._replication_factor = replication_factor
        self._producer: Any = None
        self._turn = threading.RLock()

    def create_topics(self, topics: Sequence[str]) -> None:
        """Create the topics that are not there yet."""
        try:
            admin = KafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=BLOCK_MS_MAX, **REACH)
            try:
                for topic in topics:
                    wish = NewTopic(topic, num_partitions=PARTITION_COUNT, replication_factor=self._replication_factor)
                    with suppress(TopicAlreadyExistsError):
                        admin.create_topics([wish])
            finally:
                admin.close()
        except (KafkaError, OSError) as problem:
            raise StreamError(f"Kafka does not create topics: {problem}") from problem

    def publish(self, records: Sequence[Record]) -> None:
        """Send the records and wait for each acknowledgement."""
        for record in records:
            if size_of(record) > RECORD_BYTES_MAX:
                raise RecordTooLargeError(f"An event of {size_of(record)} bytes is above {RECORD_BYTES_MAX}.")
        if records:
            with self._turn:
                self._send(records)

    def _send(self, records: Sequence[Record]) -> None:
        try:
            if self._producer is None:
                self._producer = KafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=0,
                    max_block_ms=BLOCK_MS_MAX,
                    delivery_timeout_ms=ACKNOWLEDGE_SECONDS_MAX * 1000,
                    request_timeout_ms=BLOCK_MS_MAX,
                    **REACH,
                )
            waiting = [
                self._producer.send(
                    record.topic,
                    key=record.key.encode(),
                    value=record.body,
                    headers=[(name, value.encode()) for name, value in record.headers.items()],
                    partition=partition_of(record.key),
                )
                for record in records
            ]
            for sent in waiting:
                # A little longer than the producer's own limit: by then each event has arrived or has been given up,
                # so that nothing of this attempt can still arrive after the next one.
                sent.get(timeout=ACKNOWLEDGE_SECONDS_MAX + 5)
        except Exception as problem:
            # After any failure the producer's state is not to be trusted (fenced, unknown id): a new one is made.
            self.close()
            raise StreamError(f"Kafka did not acknowledge every event ({type(problem).__name__}).") from problem

    def subscribe(self, topics: Sequence[str], *, group: str) -> KafkaSubscription:
        """Join a group; what cannot be reached now is reached by a later poll."""
        return KafkaSubscription(self._bootstrap, topics, group, self._session_timeout_ms)

    def extents(self, topics: Sequence[str]) -> Mapping[Place, Extent]:
        """Return what each partition holds now."""
        try:
            consumer = KafkaConsumer(bootstrap_servers=self._bootstrap, request_timeout_ms=BLOCK_MS_MAX, **REACH)
            try:
                places = [
                    TopicPartition(topic, number)
                    for topic in topics
                    for number in consumer.partitions_for_topic(topic) or ()
                ]
                firsts, nexts = consumer.beginning_offsets(places), consumer.end_offsets(places)
            finally:
                consumer.close(autocommit=False, timeout_ms=CLOSE_SECONDS_MAX * 1000)
        except (KafkaError, OSError) as problem:
            raise StreamError("Kafka does not say what it holds; try again.") from problem
        return complete({(at.topic, at.partition): Extent(firsts[at], nexts[at]) for at in places}, topics)

    def ping(self) -> None:
        """Return if a broker answers."""
        try:
            admin = KafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=5_000, **REACH)
            try:
                admin.describe_cluster()
            finally:
                admin.close()
        except (KafkaError, OSError) as problem:
            raise StreamError("Kafka does not answer.") from problem

    def close(self) -> None:
        """Let go of the producer without waiting long for a broker that is away."""
        with self._turn:
            producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                producer.close(timeout=CLOSE_SECONDS_MAX)


def _text(value: bytes | None) -> str:
    """Return the text of a key or header; what is not UTF-8 stays visible and stops nobody."""
    return (value or b"").decode(errors="backslashreplace")


class _Rebalanced(ConsumerRebalanceListener):  # type: ignore[misc]
    """Sets a flag and nothing more: it runs on the heartbeat's loop."""

    def __init__(self) -> None:
        self.happened = False

    def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002 - the library's signature
        self.happened = True

    def on_partitions_assigned(self, assigned: object) -> None:  # noqa: ARG002 - the library's signature
        self.happened = True


class KafkaSubscription:
    """One member of a consumer group, used by one thread; offsets are committed by hand."""

    def __init__(self, bootstrap: Sequence[str], topics: Sequence[str], group: str, session_timeout_ms: int) -> None:
        self._bootstrap = list(bootstrap)
        self._topics = list(topics)
        self._group = group
        self._session_timeout_ms = session_timeout_ms
        self._consumer: Any = None
        self._rebalanced = _Rebalanced()
        self._firsts: dict[TopicPartition, int] = {}  # The first uncommitted offset of each partition.
        self._nexts: dict[TopicPartition, int] = {}

    def poll(self, *, timeout_ms: int, records_max: int) -> Sequence[Delivered]:
        """Return the next events, or none when the time is over."""
        try:
            answer = dict(self._connected().poll(timeout_ms=timeout_ms, max_records=records_max))
            if self._rebalanced.happened:
                # What another member may hold by now is not ours to commit. What is still ours comes again: the
                # library keeps its position over a rebalance, so it is set back by hand.
                self._rebalanced.happened = False
                for place in self._firsts:
                    answer.pop(place, None)
                self.rewind()
        except Exception as problem:
            self.close()
            raise StreamError(f"Kafka gave no events ({type(problem).__name__}).") from problem
        found: list[Delivered] = []
        for place, records in answer.items():
            self._firsts.setdefault(place, records[0].offset)
            self._nexts[place] = records[-1].offset + 1
            found.extend(
                Delivered(
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    key=_text(record.key),
                    headers={name: _text(value) for name, value in record.headers},
                    body=record.value or b"",
                )
                for record in records
            )
        return found

    def commit(self) -> None:
        """Keep the positions for the group, synchronously."""
        if not self._nexts:
            return
        if self._consumer is None:
            raise StreamError("This member lost its partitions; what it polled is delivered again.")
        try:
            self._consumer.commit(
                {place: OffsetAndMetadata(at, "", -1) for place, at in self._nexts.items()}, timeout_ms=BLOCK_MS_MAX
            )
        except Exception as problem:
            self.close()
            raise StreamError(f"The offsets were not kept ({type(problem).__name__}).") from problem
        self._firsts, self._nexts = {}, {}

    def rewind(self) -> None:
        """Go back to the last commit."""
        if self._consumer is not None:
            held = self._consumer.assignment()
            for place, offset in self._firsts.items():
                if place in held:
                    self._consumer.seek(place, offset)
        self._firsts, self._nexts = {}, {}

    def close(self) -> None:
        """Leave the group at once."""
        consumer, self._consumer = self._consumer, None
        self._firsts, self._nexts = {}, {}
        if consumer is not None:
            with suppress(Exception):
                consumer.close(autocommit=False, timeout_ms=CLOSE_SECONDS_MAX * 1000)

    def _connected(self) -> Any:
        if self._consumer is None:
            consumer = KafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=self._session_timeout_ms,
                heartbeat_interval_ms=min(HEARTBEAT_MS, self._session_timeout_ms // 3),
                max_poll_interval_ms=POLL_INTERVAL_MS_MAX,
                metadata_max_age_ms=METADATA_MS_MAX,
                **REACH,
            )
            self._rebalanced.happened = False
            consumer.subscribe(self._topics, listener=self._rebalanced)
            self._consumer = consumer
        return self._consumer
