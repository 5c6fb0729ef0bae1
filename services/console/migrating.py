"""`momiji migrate`: bring databases, topics, facilities and ticket keys up to date."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.resources import files

from console.installation import SERVICES, Installation
from kernel.migrations import migrate
from kernel.stream import open_stream
from kernel.stream.protocol import dead_letter_topic_of, topic_of

EXAMPLE_FACILITIES = "facilities/data/hiroshima.json"


def migrate_all(
    installation: Installation, urls: Mapping[str, str], *, stream: str, environment: Mapping[str, str]
) -> None:
    """Migrate every database of an embedded installation, create the topics, load the facilities."""
    for service in SERVICES:
        migrate(service, urls[service])
    create_topics(stream, urls["stream"], environment.get("MOMIJI_KAFKA_BOOTSTRAP", "127.0.0.1:9092"))
    if not installation.facilities_file.exists():
        shutil.copyfile(str(files("ticketing") / EXAMPLE_FACILITIES), installation.facilities_file)
    load_facilities(urls["ticketing"], installation.facilities_file)


def create_topics(stream: str, stream_url: str, kafka_bootstrap: str) -> None:
    """Create each service's topic and its dead-letter topic."""
    kind = "kafka" if stream == "kafka" else "postgres"
    opened = open_stream(kind, postgres_url=stream_url, kafka_bootstrap=kafka_bootstrap)
    try:
        topics = [topic_of(service) for service in SERVICES]
        opened.create_topics([*topics, *(dead_letter_topic_of(topic) for topic in topics)])
    finally:
        opened.close()
