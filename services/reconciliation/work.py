"""Reconciliation's other side: the ledger reads what the others publish, the relay sends what is decided here."""

from __future__ import annotations

import asyncio

from kernel.inbox import Consumer, ConsumerRunner
from kernel.relay import Relay
from kernel.settings import Settings
from kernel.stream import open_stream
from kernel.stream.protocol import topic_of
from reconciliation.ledger.consumers import handlers
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
    ledger = Consumer("ledger", [topic_of("ticketing"), topic_of("payments")], handlers())
    try:
        await ConsumerRunner(ledger, database=wired.database, stream=wired.stream, clock=wired.clock).run(stop)
    finally:
        await asyncio.to_thread(relay.stop)
        wired.stream.close()
        await wired.database.close()
