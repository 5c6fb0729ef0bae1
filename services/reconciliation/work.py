"""Reconciliation's other side: the ledger reads, statements are matched, the folder is watched, the relay sends.

Beside them discrepancies are brought up to date every few seconds, and every few minutes what agrees is closed.
Payments is asked now and then what providers paid out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError

from kernel.inbox import Consumer, ConsumerRunner
from kernel.relay import Relay
from kernel.settings import Settings
from kernel.stream import open_stream
from kernel.stream.protocol import topic_of
from reconciliation.board.rounds import keep_counting
from reconciliation.closing.rounds import keep_closing
from reconciliation.discrepancies import actions as discrepancies
from reconciliation.discrepancies import listing
from reconciliation.drops import actions as drops
from reconciliation.fetching.rounds import keep_fetching
from reconciliation.journal.rounds import keep_posted
from reconciliation.ledger import consumers as ledger_consumers
from reconciliation.matching import actions as matching
from reconciliation.matching.rounds import keep_matching
from reconciliation.settings import ReconciliationSettings
from reconciliation.wiring import Wiring, wire

log = logging.getLogger(__name__)

EXAMINE_SECONDS = 2.0
# What matching leaves open is compared as a whole: a round rests much longer than it took, however much there is.
ITEMS_SECONDS_MIN = 10.0
ITEMS_REST = 10
COMPACT_SECONDS = 600.0


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Run until stop is set."""
    assert isinstance(settings, ReconciliationSettings)  # noqa: S101 - `momiji work reconciliation` reads these settings
    wired = wire(settings)
    relay_stream = open_stream(
        settings.stream, postgres_url=settings.stream_database_url, kafka_bootstrap=settings.kafka_bootstrap
    )
    relay = Relay(settings.reconciliation_database_url, service="reconciliation", stream=relay_stream)
    relay.start()
    ledger = Consumer("ledger", [topic_of("ticketing"), topic_of("payments")], ledger_consumers.handlers())
    try:
        async with asyncio.TaskGroup() as group:
            runner = ConsumerRunner(ledger, database=wired.database, stream=wired.stream, clock=wired.clock)
            group.create_task(runner.run(stop))
            group.create_task(keep_matching(wired, stop))
            group.create_task(keep_closing(wired, stop))
            group.create_task(drops.watch(wired, stop))
            group.create_task(_every(EXAMINE_SECONDS, lambda: _examine(wired, stop), stop))
            group.create_task(_every(ITEMS_SECONDS_MIN, lambda: _examine_items(wired, stop), stop, rest=ITEMS_REST))
            group.create_task(_every(COMPACT_SECONDS, lambda: _compact(wired, stop), stop))
            group.create_task(keep_posted(wired, stop))
            group.create_task(keep_counting(wired, stop))
            group.create_task(keep_fetching(wired, stop))
    finally:
        await asyncio.to_thread(relay.stop)
        wired.stream.close()
        await wired.database.close()


async def _examine(wired: Wiring, stop: asyncio.Event) -> None:
    """Judge the orders and days that were touched, a portion in each transaction."""
    while not stop.is_set():
        async with wired.database.transaction("examine") as tx:
            days = await discrepancies.examine_days(tx, at=wired.clock.now())
            orders = await discrepancies.examine(tx, at=wired.clock.now(), grace=wired.grace)
        if days < discrepancies.PORTION_DAYS_MAX and orders < discrepancies.PORTION_TOUCHES_MAX:
            return


async def _examine_items(wired: Wiring, stop: asyncio.Event) -> None:
    """Compare discrepancies with what matching leaves open, a portion in each transaction; while it matches, wait."""
    while not stop.is_set():
        async with wired.database.transaction("examine") as tx:
            if await matching.is_behind(tx, at=wired.clock.now()):
                return
            done = await discrepancies.examine_items(tx, at=wired.clock.now())
        if done < discrepancies.PORTION_ITEMS_MAX:
            return
        await _compact(wired, stop)  # each portion counts anew


async def _compact(wired: Wiring, stop: asyncio.Event) -> None:
    """Fold together what the counts of discrepancies are kept as."""
    while not stop.is_set():
        async with wired.database.transaction("examine") as tx:
            done = await listing.compact_counts(tx)
        if done < listing.COMPACTED_MAX:
            return


async def _every(seconds: float, once: Callable[[], Awaitable[None]], stop: asyncio.Event, *, rest: int = 0) -> None:
    """Do a thing again and again, `seconds` apart or `rest` times as long as it took; a fault is tried again."""
    while not stop.is_set():
        began = time.monotonic()
        try:
            await once()
        except SQLAlchemyError as problem:
            log.warning("discrepancies are examined again", extra={"problem": str(problem)[:300]})
        except Exception:
            log.exception("discrepancies are examined again after an unexpected fault")
        try:
            await asyncio.wait_for(stop.wait(), max(seconds, rest * (time.monotonic() - began)))
        except TimeoutError:
            continue
