"""Replaying: read everything, compare, and put the serving ledger right if that was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from kernel.contracts import Envelope
from kernel.contracts.envelope import open_envelope
from kernel.rows import Database, Transaction
from kernel.stream.protocol import Delivered, EventStream, Extent, Place, topic_of
from reconciliation.ledger import actions as ledger
from reconciliation.ledger.consumers import SOURCES
from reconciliation.replay import store
from reconciliation.replay.model import (
    TABLES,
    AnotherReplayRuns,
    CannotSwap,
    Compared,
    Findings,
    Swapped,
    TooMuchComes,
)
from reconciliation.replay.reading import Reading

Stage = Literal["reading", "waiting", "comparing", "swapping"]
Tell = Callable[[Stage, int, int], None]  # a stage, how far it is, how far it goes
TOPICS = (topic_of("ticketing"), topic_of("payments"))
LATER_EVENTS_MAX = 100_000
WAIT_SECONDS_MAX = 60
CORRELATION = "replay"


def _quietly(_stage: Stage, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass
class Replay:
    """One replay while it runs. The serving ledger is only read, but in `swap`."""

    database: Database
    reading: Reading
    tell: Tell = _quietly
    wait_seconds: int = WAIT_SECONDS_MAX
    events: int = 0
    unreadable: int = 0
    facts: int = 0
    _later: list[Envelope] = field(default_factory=list)

    async def read(self) -> None:
        """Read all that the stream holds now into a new shadow."""
        async with self.database.transaction(CORRELATION) as tx:
            await store.make_shadow(tx)
        until = await asyncio.to_thread(self.reading.extents)
        total = self.reading.left(until)
        self.tell("reading", 0, total)
        async for events in self._stretch(until):
            async with self.database.transaction(CORRELATION) as tx:
                await store.write_to_shadow(tx)
                self.facts += await ledger.record_all(tx, events)
            self.tell("reading", total - self.reading.left(until), total)

    async def _stretch(self, until: Mapping[Place, Extent]) -> AsyncIterator[list[Envelope]]:
        portions = self.reading.portions(until)
        while (portion := await asyncio.to_thread(next, portions, None)) is not None:
            yield self._opened(portion)

    def _opened(self, portion: Sequence[Delivered]) -> list[Envelope]:
        """Return the events of the ledger's own kinds; one that nobody can read was put aside for a person before."""
        opened = []
        for each in portion:
            self.events += 1
            if not each.headers.get("ce_type", "").startswith(SOURCES):
                continue
            try:
                opened.append(open_envelope(each.headers, each.body))
            except ValueError:
                self.unreadable += 1
        return opened

    async def wait(self) -> None:
        """Wait until the serving ledger took what was read, for a while."""
        for second in range(self.wait_seconds):
            async with self.database.transaction(CORRELATION) as tx:
                await store.write_to_shadow(tx)
                count, _ = await store.lacking(tx)
            if not count:
                return
            self.tell("waiting", second, self.wait_seconds)
            await asyncio.sleep(1)

    async def compare(self) -> Findings:
        """Compare both ledgers as of one moment, the shadow brought up to what the serving one has by then."""
        async with self.database.transaction(CORRELATION) as tx:
            await store.see_one_moment(tx)
            lacking, first = await store.lacking(tx)
            await self._catch_up(tx)
            lost = await store.note_lost(tx)
            await store.note_older_forms(tx)
            columns = await store.columns(tx)
            compared: list[Compared] = []
            differing = lacking
            for number, table in enumerate(TABLES):
                self.tell("comparing", number, len(TABLES))
                found = await store.compare(tx, table, columns[table])
                compared.append(found)
                if found.serving != found.replayed:
                    count, difference = await store.differences(tx, table, columns[table])
                    differing, first = differing + count, first or difference
            self.tell("comparing", len(TABLES), len(TABLES))
        return Findings(self.events, self.unreadable, self.facts, lacking, lost, tuple(compared), differing, first)

    async def _catch_up(self, tx: Transaction) -> None:
        """Give the shadow what the serving ledger took meanwhile; keep in mind what it has not taken yet."""
        until = await asyncio.to_thread(self.reading.extents)
        async for events in self._stretch(until):
            taken = await store.known(tx, [event.id for event in events])
            self.facts += await ledger.record_all(tx, [event for event in events if event.id in taken])
            self._later += [event for event in events if event.id not in taken]
            if len(self._later) > LATER_EVENTS_MAX:
                raise TooMuchComes(count=LATER_EVENTS_MAX)

    async def swap(self) -> Swapped:
        """Make the serving ledger what the replayed one is, in one transaction, while nobody else writes it.

        Raises CannotSwap where a fact would be lost or changed.
        """
        async with self.database.transaction(CORRELATION) as tx:
            await store.write_to_shadow(tx)
            await store.hold_still(tx)
            self.facts += await ledger.record_all(tx, self._later)
            until = await asyncio.to_thread(self.reading.extents)
            async for events in self._stretch(until):
                self.facts += await ledger.record_all(tx, events)
            lost = await store.note_lost(tx)
            changed = await store.note_older_forms(tx)
            if lost or changed:
                raise CannotSwap(lost=lost.facts if lost else 0, changed=changed)
            columns = await store.columns(tx)
            await store.write_to_serving(tx)
            rows: dict[str, int] = {}
            for number, table in enumerate(TABLES):
                self.tell("swapping", number, len(TABLES))
                rows[table] = await store.put_right(tx, table, columns[table])
            self.tell("swapping", len(TABLES), len(TABLES))
        return Swapped(rows)

    async def drop(self) -> None:
        """Remove the shadow."""
        async with self.database.transaction(CORRELATION) as tx:
            await store.drop_shadow(tx)


@asynccontextmanager
async def replaying(
    database: Database,
    stream: EventStream,
    *,
    run_id: UUID,
    tell: Tell = _quietly,
    wait_seconds: int = WAIT_SECONDS_MAX,
    topics: Sequence[str] = TOPICS,
) -> AsyncIterator[Replay]:
    """Begin a replay; raise AnotherReplayRuns if one is under way.

    A crash leaves at most a shadow, which nobody reads and the next replay removes.
    """
    async with database.at_once(CORRELATION) as turn:
        if not await store.take_turn(turn):
            raise AnotherReplayRuns
        # A name of its own: under the ledger's the stream would go on where the ledger is.
        reading = Reading(stream, topics, name=f"replay-{run_id.hex}")
        try:
            yield Replay(database, reading, tell, wait_seconds)
        finally:
            await asyncio.to_thread(reading.close)
            await store.give_back(turn)
