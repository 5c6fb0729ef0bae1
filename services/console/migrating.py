"""`momiji migrate`: bring databases, topics, facilities and ticket keys up to date."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from console.installation import SERVICES, CannotStartError, Installation
from kernel.clock import SystemClock
from kernel.migrations import migrate
from kernel.refusals import Refusal
from kernel.rows import Database
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
    load_examples(urls["reconciliation"])


def migrate_from_environment(environment: Mapping[str, str], *, only: str | None) -> None:
    """Migrate the databases that MOMIJI_*_DATABASE_URL name, create the topics, load the facilities once.

    Raises CannotStartError naming the variable that is missing.
    """
    for service in [only] if only else SERVICES:
        variable = f"MOMIJI_{service.upper()}_DATABASE_URL"
        if not environment.get(variable):
            raise CannotStartError(f"{variable} is not set. Give the address of the database to migrate.")
        migrate(service, environment[variable])
    create_topics(
        environment.get("MOMIJI_STREAM", "postgres"),
        environment.get("MOMIJI_STREAM_DATABASE_URL", ""),
        environment.get("MOMIJI_KAFKA_BOOTSTRAP", "127.0.0.1:9092"),
    )
    if only in {None, "ticketing"}:
        given = environment.get("MOMIJI_FACILITIES_FILE")
        load_facilities(
            environment["MOMIJI_TICKETING_DATABASE_URL"],
            Path(given) if given else Path(str(files("ticketing") / EXAMPLE_FACILITIES)),
        )
    # What is made up has no place in real books: there, accounting writes its own contracts and revenue accounts.
    if only in {None, "reconciliation"} and environment.get("MOMIJI_ENVIRONMENT") != "production":
        load_examples(environment["MOMIJI_RECONCILIATION_DATABASE_URL"])


def load_facilities(url: str, file: Path) -> int:
    """Import a facilities file into ticketing's database; return how many facilities changed."""
    from ticketing.facilities.actions import import_file

    async def load() -> int:
        database = Database(url, service="ticketing", pool_size_max=1)
        try:
            return await import_file(database, file, at=SystemClock().now(), by="momiji migrate")
        finally:
            await database.close()

    try:
        return asyncio.run(load())
    except Refusal as wrong:
        raise CannotStartError(f"{file}: {wrong.detail}") from wrong


def load_examples(url: str) -> int:
    """Take the example contracts and revenue accounts where there are none yet; return how many were taken."""
    from reconciliation.provider_contracts import actions as contracts
    from reconciliation.revenue_accounts import actions as revenue_accounts

    async def load() -> int:
        database = Database(url, service="reconciliation", pool_size_max=1)
        try:
            async with database.transaction("migrate") as tx:
                by, at = "momiji migrate", SystemClock().now()
                taken = await contracts.take_examples(tx, by=by, at=at)
                return taken + await revenue_accounts.take_examples(tx, by=by, at=at)
        finally:
            await database.close()

    return asyncio.run(load())


def create_topics(stream: str, stream_url: str, kafka_bootstrap: str) -> None:
    """Create each service's topic and its dead-letter topic."""
    opened = open_stream(
        "kafka" if stream == "kafka" else "postgres", postgres_url=stream_url, kafka_bootstrap=kafka_bootstrap
    )
    try:
        topics = [topic_of(service) for service in SERVICES]
        opened.create_topics([*topics, *(dead_letter_topic_of(topic) for topic in topics)])
    finally:
        opened.close()
