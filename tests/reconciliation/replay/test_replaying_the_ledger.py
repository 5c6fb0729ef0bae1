"""The ledger is made again from the stream from zero beside the one that serves: both are the same, or it is said."""

import asyncio
import itertools
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from kernel.stream import open_stream
from kernel.stream.protocol import Record, topic_of
from reconciliation.replay import actions, store
from reconciliation.replay.model import AnotherReplayRuns, CannotSwap
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ENDS = ("admitted", "cancelled", "undone", "unallocated", "abandoned", "short", "late", "reversed")
runs = itertools.count(1)


def events_of(seed, ends=ENDS):
    dice = random.Random(seed)
    return [event for end in ends for event in order_story(dice, AT, end=end).events]


class Stream:
    """A stream with topics of its own, as one broker serves all tests."""

    def __init__(self, kind, *, url="", kafka=""):
        self.url = url.replace("+psycopg", "")
        self.opened = open_stream(kind, postgres_url=url, kafka_bootstrap=kafka)
        self.prefix = f"r{next(runs)}."
        self.topics = [self.prefix + topic_of(name) for name in ("ticketing", "payments")]

    async def publish(self, events):
        records = [
            Record(
                self.prefix + topic_of(event.type.split(".", maxsplit=1)[0]),
                event.subject,
                event.headers(),
                event.fact.model_dump_json().encode(),
            )
            for event in events
        ]
        await asyncio.to_thread(self.opened.publish, records)


async def opened(stream):
    await asyncio.to_thread(stream.opened.create_topics, stream.topics)
    yield stream
    stream.opened.close()


@pytest.fixture(params=["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
async def either(request, fresh_database):
    """A stream of each kind."""
    kafka = request.getfixturevalue("kafka_broker") if request.param == "kafka" else ""
    async for each in opened(Stream(request.param, url="" if kafka else fresh_database("stream"), kafka=kafka)):
        yield each


@pytest.fixture
async def stream(fresh_database):
    """A stream in PostgreSQL, where the kind makes no difference."""
    async for each in opened(Stream("postgres", url=fresh_database("stream"))):
        yield each


@asynccontextmanager
async def a_replay(books, stream, **more):
    async with actions.replaying(
        books.wiring.database,
        stream.opened,
        run_id=UUID(int=next(runs), version=4),
        wait_seconds=1,
        topics=stream.topics,
        **more,
    ) as running:
        yield running


async def replayed(books, stream):
    async with a_replay(books, stream) as running:
        await running.read()
        await running.wait()
        return await running.compare()


async def do(books, statement):
    async with books.wiring.database.transaction("test") as tx:
        return await tx.execute(statement)


async def serving_digest(books):
    async with books.wiring.database.transaction("test") as tx:
        columns = await store.columns(tx)
        return [
            row[0]
            for table, names in columns.items()
            for row in await tx.execute(f"SELECT t::text FROM (SELECT {', '.join(names)} FROM {table}) AS t ORDER BY 1")
        ]


async def test_a_ledger_of_the_stream_s_events_is_identical(books, either):
    events = events_of(1)
    await either.publish(events)
    await either.publish(events[:9])  # at least once: some lie there twice
    await books.take(random.Random(2).sample(events, len(events)))
    found = await replayed(books, either)
    assert found.verdict == "identical"
    assert found.facts == len(events)
    assert {each.table for each in found.compared} == set(store.TABLES)
    assert all(each.rows and each.serving == each.replayed for each in found.compared)


async def test_what_comes_meanwhile_changes_nothing(books, either):
    first, meanwhile, later = events_of(3), events_of(4), events_of(5)
    await either.publish(first)
    await books.take(first)
    async with a_replay(books, either) as running:
        await running.read()
        await either.publish([*meanwhile, *later])
        await books.take(meanwhile)  # `later` has not reached the ledger yet
        found = await running.compare()
    assert found.verdict == "identical"
    assert found.facts == len(first) + len(meanwhile)


TAMPERED = {
    "UPDATE entries SET amount = amount + 1 WHERE kind = 'sold' AND amount > 0": "entries",
    "DELETE FROM entries WHERE kind = 'captured'": "entries",
    "UPDATE order_positions SET captured = captured + 1": "order_positions",
    "DELETE FROM ticket_positions": "ticket_positions",
    "UPDATE claims SET facility = 'elsewhere'": "claims",
}


@pytest.mark.parametrize("statement", TAMPERED)
async def test_books_that_were_tampered_with_are_told_with_the_first_order(books, stream, statement):
    events = events_of(6)
    await stream.publish(events)
    await books.take(events)
    await do(books, statement)
    found = await replayed(books, stream)
    orders = {event.fact.order_id for event in events if hasattr(event.fact, "order_id")}
    assert found.verdict == "differs"
    assert found.difference.table == TAMPERED[statement]
    assert found.difference.order_id in {str(each) for each in orders}


async def test_swapping_puts_right_what_differs_and_nothing_else(books, either):
    events, later = events_of(7), events_of(8, ("admitted",))
    await either.publish(events)
    await books.take(events)
    right = await serving_digest(books)
    await do(books, "UPDATE entries SET amount = amount + 1 WHERE kind = 'sold' AND amount > 0")
    await do(books, "DELETE FROM order_positions WHERE captured > 0")
    untouched = {row.ctid for row in await do(books, "SELECT ctid::text FROM entries WHERE kind <> 'sold'")}
    async with a_replay(books, either) as running:
        await running.read()
        assert (await running.compare()).verdict == "differs"
        await running.swap()
        await running.drop()
    assert await serving_digest(books) == right
    assert untouched <= {row.ctid for row in await do(books, "SELECT ctid::text FROM entries")}
    await either.publish(later)
    await books.take(later)
    assert (await replayed(books, either)).verdict == "identical"


async def test_swapping_brings_events_that_the_ledger_lacks(books, stream):
    events = events_of(9)
    await stream.publish(events)
    await books.take(events[:-3])
    async with a_replay(books, stream) as running:
        await running.read()
        found = await running.compare()
        assert (found.verdict, found.lacking) == ("differs", 3)
        await running.swap()
    await books.take(events)  # when they come after all, each has had its effect
    assert (await replayed(books, stream)).verdict == "identical"


async def forget_before(fresh_url, offset):
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute("DELETE FROM rec WHERE o < %s", (offset,))


async def test_what_the_stream_no_longer_has_is_said_and_never_swapped(books, stream):
    events = events_of(10)
    await stream.publish(events)
    await books.take(events)
    before = await serving_digest(books)
    await forget_before(stream.url, 3)
    async with a_replay(books, stream) as running:
        await running.read()
        found = await running.compare()
        assert found.verdict == "unproven"
        assert found.lost.facts == len(events) - found.facts > 0
        with pytest.raises(CannotSwap):
            await running.swap()
    assert await serving_digest(books) == before


async def test_a_fact_that_an_older_version_kept_is_the_same_fact(books, stream):
    events = events_of(11, ("admitted",))
    await stream.publish(events)
    await books.take(events)
    await do(books, "ALTER TABLE facts DISABLE TRIGGER facts_append_only")
    await do(books, "UPDATE facts SET payload = payload - 'by_us' || '{\"of_old\": 1}'")
    assert (await replayed(books, stream)).verdict == "identical"


async def test_a_changed_fact_is_told(books, stream):
    events = events_of(12, ("admitted",))
    await stream.publish(events)
    await books.take(events)
    await do(books, "ALTER TABLE facts DISABLE TRIGGER facts_append_only")
    await do(books, "UPDATE facts SET payload = payload || '{\"number\": \"00000-00000\"}' WHERE type LIKE '%placed%'")
    found = await replayed(books, stream)
    assert (found.verdict, found.difference.table) == ("differs", "facts")


async def test_a_replay_that_breaks_off_leaves_the_serving_ledger_alone(books, stream):
    events = events_of(13)
    await stream.publish(events)
    await books.take(events)
    before = await serving_digest(books)

    class PowerCutError(Exception):
        pass

    def cut(stage, done, _total):
        if stage == "reading" and done:
            raise PowerCutError

    async def broken():
        async with a_replay(books, stream, tell=cut) as running:
            await running.read()

    with pytest.raises(PowerCutError):
        await broken()
    assert await serving_digest(books) == before
    assert (await replayed(books, stream)).verdict == "identical"


async def test_two_replays_at_a_time_are_refused(books, stream):
    async with a_replay(books, stream):
        with pytest.raises(AnotherReplayRuns):
            async with a_replay(books, stream):
                pass


async def test_a_replay_leaves_no_name_in_the_stream(books, stream):
    await stream.publish(events_of(14, ("admitted",)))
    await replayed(books, stream)
    with psycopg.connect(stream.url) as connection:
        assert connection.execute("SELECT count(*) FROM group_offset").fetchone() == (0,)
