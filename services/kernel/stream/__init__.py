"""The event stream: one protocol, a Kafka adapter and a PostgreSQL adapter."""

from __future__ import annotations

from typing import Literal

from kernel.stream.protocol import EventStream


def open_stream(kind: Literal["postgres", "kafka"], *, postgres_url: str, kafka_bootstrap: str) -> EventStream:
    """Return the adapter that the settings name; nothing is connected yet."""
    # Each adapter is loaded only where it is used: a process on PostgreSQL does not pay for Kafka's client.
    match kind:
        case "kafka":
            from kernel.stream.kafka import KafkaStream

            return KafkaStream(kafka_bootstrap)
        case "postgres":
            from kernel.stream.postgres import PostgresStream

            return PostgresStream(postgres_url)
