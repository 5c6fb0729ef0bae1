"""Delivery when something else is wrong: a stale relay, a database that restarts, letters that do not fit."""

import asyncio
import itertools
import json
import threading
import time
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from kernel.contracts.envelope import cloud_event_headers
from kernel.contracts.ticketing import TicketIssued
from kernel.inbox import TRIES_MAX
from kernel.outbox import EventTooLargeError, Pending, write_events
from kernel.relay import Relay
from kernel.rows import Database
from kernel.stream.kafka import KafkaStream
from kernel.stream.postgres import PostgresStream
from kernel.stream.protocol import RECORD_BYTES_MAX, Record, dead_letter_topic_of, size_of
from support.deliveries import NOW, TOPIC, consume, effects, fact_of, plain, prepare, unsent, write
from support.postgres import TestServer

WHOLE = {str(UUID(int=ticket)): [1, 2, 3] for ticket in range(20)}
GOOD = str(UUID(int=77))
names = (f"consumer-{number}" for number in itertools.count(1))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("kernel.inbox.RETRY_SECONDS_FIRST", 0.01)
    monkeypatch.setattr("kernel.inbox.POLL_MS", 200)


@pytest.fixture
def place(postgres):
    url, stream_url = postgres.new_database("service"), postgres.new_database("stream")
    stream = PostgresStream(stream_url)
    prepare(url, stream)
    yield url, stream_url, stream
    stream.close()
    postgres.drop(url)
    postgres.drop(stream_url)


def record(ticket, body=None):
    headers = cloud_event_headers(
        id=UUID(int=1_000 + ticket),
        type=TicketIssued.TYPE,
        source="test",
        subject=str(UUID(int=ticket)),
        aggregate_version=1,
        time=NOW,
        correlation_id="corr-test",
    )
    return Record(TOPIC, str(UUID(int=ticket)), headers, body or fact_of(ticket).model_dump_json().encode())


def letters(stream):
    subscription = stream.subscribe([dead_letter_topic_of(TOPIC)], group=next(names))
    found = subscription.poll(timeout_ms=1_000, records_max=10)
    subscription.close()
    return found


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)


def failing_for(name, bad, fault):
    """Return a handler that records its effect, and for one ticket does something else first."""

    async def handler(tx, event):
        if event.subject == str(UUID(int=bad)):
            await fault(tx)
        insert = text("INSERT INTO effects (consumer, key, version) VALUES (:c, :k, :v)")
        await tx.session.execute(insert, {"c": name, "k": event.subject, "v": event.aggregate_version})

    return handler


async def test_an_event_that_no_longer_fits_with_its_origin_holds_up_nobody(place):
    url, _, stream = place
    small = record(1)
    full = Record(TOPIC, small.key, small.headers, b"x" * (RECORD_BYTES_MAX - size_of(small) + len(small.body)))
    stream.publish([full, record(77)])
    await consume(url, stream, "full", until=lambda: effects(url, "full") == {GOOD: [1]} and letters(stream))
    (letter,) = letters(stream)
    assert json.loads(letter.body) == {"problem": "too large for a dead letter", "bytes": len(full.body)}
    assert (letter.headers["origin_topic"], letter.headers["origin_offset"]) == (TOPIC, "0")
    assert letter.headers["ce_id"] == small.headers["ce_id"]


@pytest.mark.parametrize("fault", [FileNotFoundError("a file is gone"), RuntimeError("a \0 in the problem")])
async def test_a_fault_in_a_handler_is_put_aside_and_the_others_have_their_effect(place, fault):
    url, _, stream = place

    async def fail(_tx):
        raise fault

    stream.publish([record(ticket) for ticket in (70, 71, 2, 72, 77)])
    name = next(names)
    handler = failing_for(name, 2, fail)
    await consume(url, stream, name, until=lambda: letters(stream) and len(effects(url, name)) == 4, handler=handler)
    (letter,) = letters(stream)
    assert (letter.key, letter.body) == (str(UUID(int=2)), record(2).body)
    assert letter.headers["origin_problem"].startswith(type(fault).__name__)
    assert effects(url, name) == {str(UUID(int=ticket)): [1] for ticket in (70, 71, 72, 77)}


async def test_a_database_that_takes_no_writes_is_waited_for_and_nothing_is_put_aside(place):
    url, _, stream = place
    tries = itertools.count(1)

    async def read_only_at_first(tx):
        if next(tries) <= TRIES_MAX + 1:
            await tx.session.execute(text("SET TRANSACTION READ ONLY"))

    stream.publish([record(2)])
    handler = failing_for("standby", 2, read_only_at_first)
    await consume(url, stream, "standby", until=lambda: effects(url, "standby"), handler=handler)
    assert next(tries) > TRIES_MAX + 1
    assert letters(stream) == []


async def test_a_consumer_outlives_a_fault_of_its_subscription(place):
    url, _, stream = place
    stream.publish([record(77)])
    faults = iter([TypeError("an odd fault"), UnicodeError("another")])
    inner = stream.subscribe

    def subscribe(topics, *, group):
        subscription = inner(topics, group=group)
        poll = subscription.poll

        def faulty(**given):
            fault = next(faults, None)
            if fault is not None:
                raise fault
            return poll(**given)

        subscription.poll = faulty
        return subscription

    stream.subscribe = subscribe
    await consume(url, stream, "odd", until=lambda: effects(url, "odd") == {GOOD: [1]})
    assert next(faults, None) is None


def test_a_relay_outlives_a_fault_of_its_stream(place):
    url, stream_url, _ = place
    asyncio.run(write(url, tickets=3, versions=1))

    class Odd(PostgresStream):
        faults = iter([TypeError("an odd fault")])

        def publish(self, records):
            for fault in self.faults:
                raise fault
            super().publish(records)

    relay = Relay(url, service="ticketing", stream=Odd(stream_url))
    relay.start()
    wait_until(lambda: unsent(url) == 0)
    relay.stop()


async def test_a_stale_relay_that_resumes_changes_no_order_and_doubles_no_effect(place):
    url, stream_url, stream = place
    await write(url, tickets=20, versions=1)
    holding, resume = threading.Event(), threading.Event()
    failed = []

    class Stalling(PostgresStream):
        def publish(self, records):
            holding.set()
            resume.wait(30)
            super().publish(records)
            failed.append(len(records))

    stale = Relay(url, service="ticketing", stream=Stalling(stream_url))
    stale.start()
    await asyncio.to_thread(holding.wait, 10)
    with psycopg.connect(plain(url), autocommit=True) as server:
        # What idle_in_transaction_session_timeout does after a minute.
        assert server.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction'"
        ).fetchone() == (1,)
    fresh = Relay(url, service="ticketing", stream=PostgresStream(stream_url))
    fresh.start()
    await asyncio.to_thread(wait_until, lambda: unsent(url) == 0)
    database = Database(url, service="ticketing")
    for version in (2, 3):
        async with database.transaction("corr-test") as tx:
            for ticket in range(20):
                event_id = UUID(int=version * 1_000 + ticket)
                await tx.publish(fact_of(ticket), subject=UUID(int=ticket), version=version, event_id=event_id, at=NOW)
    await database.close()
    await asyncio.to_thread(wait_until, lambda: unsent(url) == 0)
    resume.set()
    await asyncio.to_thread(wait_until, lambda: failed)
    stale.stop()
    fresh.stop()
    with psycopg.connect(plain(stream_url)) as kept:
        assert kept.execute("SELECT count(*) FROM rec").fetchone() == (80,), "the stale relay published once more"

    def consumed():
        with psycopg.connect(plain(stream_url)) as kept:
            return kept.execute("SELECT sum(next) FROM group_offset WHERE name = 'stale'").fetchone() == (80,)

    await consume(url, stream, "stale", until=consumed)
    assert effects(url, "stale") == WHOLE


@pytest.mark.parametrize("kind", ["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
async def test_a_rebalance_in_mid_batch_loses_nothing_and_doubles_nothing(request, place, kind):
    url, stream_url, _ = place
    if kind == "kafka":
        bootstrap = request.getfixturevalue("kafka_broker")
        streams = [KafkaStream(bootstrap, session_timeout_ms=3_000) for _ in range(3)]
        streams[0].create_topics([TOPIC, dead_letter_topic_of(TOPIC)])
    else:
        streams = [PostgresStream(stream_url) for _ in range(3)]
    await write(url, tickets=40, versions=10)
    relay = Relay(url, service="ticketing", stream=streams[0])
    relay.start()
    await asyncio.to_thread(wait_until, lambda: unsent(url) == 0)
    relay.stop()
    name = f"rebalance-{kind}"
    done = {str(UUID(int=ticket)): list(range(1, 11)) for ticket in range(40)}
    in_the_middle = asyncio.Event()
    handled = [0, 0]

    def slow(member):
        async def handler(tx, event):
            handled[member] += 1
            in_the_middle.set()
            await asyncio.sleep(0.015)
            insert = text("INSERT INTO effects (consumer, key, version) VALUES (:c, :k, :v)")
            await tx.session.execute(insert, {"c": name, "k": event.subject, "v": event.aggregate_version})

        return handler

    def finished():
        return sum(map(len, effects(url, name).values())) >= 400

    first = asyncio.create_task(consume(url, streams[1], name, until=finished, seconds=60, handler=slow(0)))
    await in_the_middle.wait()
    second = asyncio.create_task(consume(url, streams[2], name, until=finished, seconds=60, handler=slow(1)))
    await asyncio.gather(first, second)
    for stream in streams:
        stream.close()
    assert effects(url, name) == done
    assert all(handled), "both members took part"


async def test_a_service_database_that_is_restarted_loses_nothing_and_doubles_nothing(postgres):
    server = TestServer()
    server.start()
    stream_url = postgres.new_database("stream")
    stream = PostgresStream(stream_url)
    relay = None
    try:
        url = server.new_database("service")
        prepare(url, stream)
        await write(url, tickets=20, versions=3)
        relay = Relay(url, service="ticketing", stream=PostgresStream(stream_url))

        async def slow(tx, event):
            await asyncio.sleep(0.02)
            insert = text("INSERT INTO effects (consumer, key, version) VALUES ('restart', :k, :v)")
            await tx.session.execute(insert, {"k": event.subject, "v": event.aggregate_version})

        over = asyncio.Event()
        running = asyncio.create_task(consume(url, stream, "restart", until=over.is_set, seconds=60, handler=slow))
        relay.start()
        await asyncio.sleep(0.7)
        await asyncio.to_thread(server.server.stop)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(wait_until, lambda: unsent(url) == 0 and effects(url, "restart") == WHOLE, 40)
        over.set()
        await running
        assert effects(url, "restart") == WHOLE
        assert letters(stream) == []
    finally:
        if relay is not None:
            relay.stop()
        stream.close()
        postgres.drop(stream_url)
        server.stop()


async def test_headers_too_large_for_the_stream_are_noted_and_the_others_go_on(place):
    url, stream_url, stream = place
    await write(url, tickets=2, versions=1)
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(
            "UPDATE outbox SET correlation_id = repeat('c', 1000000) WHERE aggregateid = %s", (str(UUID(int=0)),)
        )
    relay = Relay(url, service="ticketing", stream=PostgresStream(stream_url))
    relay.start()
    await asyncio.to_thread(wait_until, lambda: unsent(url) == 0)
    relay.stop()
    (letter,) = letters(stream)
    assert letter.headers["origin_problem"] == "too large"
    await consume(url, stream, "headers", until=lambda: effects(url, "headers") == {str(UUID(int=1)): [1]})


async def test_many_events_at_once_are_refused_too_when_one_is_too_large(place):
    url, _, _ = place
    database = Database(url, service="ticketing")
    huge = fact_of(2).model_copy(update={"category": "x" * 1_000_000})
    events = [Pending(fact, str(fact.ticket_id), 1, fact.ticket_id, "corr-test", NOW) for fact in (fact_of(1), huge)]
    with pytest.raises(EventTooLargeError, match="Carry less"):
        async with database.transaction("corr-test") as tx:
            await write_events(tx, events)
    await database.close()
    assert unsent(url) == 0


async def test_what_was_sent_long_ago_is_removed_and_what_was_not_sent_is_kept(place):
    url, stream_url, _ = place
    await write(url, tickets=6, versions=1)
    relay = Relay(url, service="ticketing", stream=PostgresStream(stream_url))
    with psycopg.connect(plain(url), autocommit=True) as connection:
        ages = "UPDATE outbox SET sent_at = now() - make_interval(days => %s) WHERE aggregateid = ANY(%s)"
        connection.execute(ages, (31, [str(UUID(int=number)) for number in (0, 1)]))
        connection.execute(ages, (29, [str(UUID(int=number)) for number in (2, 3)]))
        assert relay.purge(connection) == 2
        assert relay.purge(connection) == 0
        assert connection.execute("SELECT count(*), count(sent_at) FROM outbox").fetchone() == (4, 2)
