"""Ticketing's other side: the relay, the consumer of payments' events, and the sweeper of holds."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from kernel.inbox import Consumer, ConsumerRunner
from kernel.relay import Relay
from kernel.settings import Settings
from kernel.stream import open_stream
from kernel.stream.protocol import topic_of
from ticketing.orders import actions
from ticketing.orders.consumers import handlers
from ticketing.settings import TicketingSettings
from ticketing.wiring import Wiring, wire

log = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Run until stop is set."""
    assert isinstance(settings, TicketingSettings)  # noqa: S101 - `momiji work ticketing` reads these settings
    wired = wire(settings)
    await wired.books.start()
    await wired.keyring.start()
    relay_stream = open_stream(
        settings.stream, postgres_url=settings.stream_database_url, kafka_bootstrap=settings.kafka_bootstrap
    )
    relay = Relay(settings.ticketing_database_url, service="ticketing", stream=relay_stream)
    relay.start()
    consumer = Consumer("ticketing", [topic_of("payments")], handlers(rules=wired.rules, clock=wired.clock))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(ConsumerRunner(consumer, database=wired.database, stream=wired.stream).run(stop))
            group.create_task(_sweep(wired, stop))
    finally:
        await asyncio.to_thread(relay.stop)
        await wired.books.stop()
        await wired.charges.close()
        wired.stream.close()
        await wired.database.close()


async def _sweep(wired: Wiring, stop: asyncio.Event) -> None:
    """Expire orders whose hold is over, a batch at a time."""
    while not stop.is_set():
        count = 0
        try:
            async with wired.database.transaction("sweep") as tx:
                count = await actions.expire_due(tx, rules=wired.rules, at=wired.clock.now())
        except SQLAlchemyError as problem:
            log.warning("the sweep is tried again", extra={"problem": str(problem)})
        if count < actions.DUE_ORDERS_MAX:
            try:
                await asyncio.wait_for(stop.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue
