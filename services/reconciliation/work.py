"""Reconciliation's other side: the ledger reads, statements are matched, the folder is watched, the relay sends."""

from __future__ import annotations

import asyncio

from kernel.inbox import Consumer, ConsumerRunner
from kernel.relay import Relay
from kernel.settings import Settings
from kernel.stream import open_stream
from kernel.stream.protocol import topic_of
from reconciliation.drops import actions as drops
from reconciliation.ledger import consumers as ledger_consumers
from reconciliation.matching import consumers as matching_consumers
from reconciliation.settings import ReconciliationSettings
from reconciliation.wiring import wire


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Run until stop is set."""
    assert isinstance(settings, ReconciliationSettings)  # noqa: S101 - `momiji work reconciliation` reads these settings
    wired = wire(settings)
    relay_stream = open_stream(
        settings.stream, postgres_url=settings.stream_database_url, kafka_bootstrap=settings.kafka_bootstrap
    )
    relay = Relay(settings.reconciliation_database_url, service="reconciliation", stream=relay_stream)
    relay.start()
    consumers = (
        Consumer("ledger", [topic_of("ticketing"), topic_of("payments")], ledger_consumers.handlers()),
        Consumer("matching", [topic_of("reconciliation")], matching_consumers.handlers()),
    )
    try:
        async with asyncio.TaskGroup() as group:
            for each in consumers:
                runner = ConsumerRunner(each, database=wired.database, stream=wired.stream, clock=wired.clock)
                group.create_task(runner.run(stop))
            group.create_task(drops.watch(wired, stop))
    finally:
        await asyncio.to_thread(relay.stop)
        wired.stream.close()
        await wired.database.close()
