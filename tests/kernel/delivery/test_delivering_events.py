"""From outbox to inbox: at-least-once delivery, effectively-once effects, whatever is killed."""

import json
import subprocess
import sys
import threading
import time
from uuid import UUID

import psycopg
import pytest

from kernel.contracts.ticketing import TicketRejected
from kernel.outbox import EventTooLargeError, shard_of
from kernel.relay import Relay
from kernel.rows import Database
from kernel.stream.postgres import PostgresStream
from kernel.stream.protocol import Record, StreamError, dead_letter_topic_of
from support.deliveries import NOW, TOPIC, consume, effects, fact_of, plain, prepare, unsent, write

TESTS = __file__.rsplit("/kernel/", 1)[0]
WHOLE = {str(UUID(int=ticket)): [1, 2, 3] for ticket in range(20)}


@pytest.fixture
def place(postgres):
    url, stream_url = postgres.new_database("service"), postgres.new_database("stream")
    stream = PostgresStream(stream_url)
    prepare(url, stream)
    yield url, stream_url, stream
    stream.close()
    postgres.drop(url)
    postgres.drop(stream_url)


def relay_all(url, stream_url, *, relays=1):
    running = [Relay(url, service="ticketing", stream=PostgresStream(stream_url)) for _ in range(relays)]
    for relay in running:
        relay.start()
    deadline = time.monotonic() + 20
    while unsent(url) and time.monotonic() < deadline:
        time.sleep(0.02)
    for relay in running:
        relay.stop()
    assert unsent(url) == 0


def in_subprocess(call):
    code = f"import sys; sys.path.insert(0, {TESTS!r}); from support import deliveries; deliveries.{call}"
    return subprocess.run([sys.executable, "-c", code], timeout=60, check=False, capture_output=True).returncode


def dead_letters(stream):
    subscription = stream.subscribe([dead_letter_topic_of(TOPIC)], group="people")
    found = subscription.poll(timeout_ms=3_000, records_max=10)
    subscription.close()
    return found


async def test_every_event_has_its_effect_once_and_in_order(place):
    url, stream_url, stream = place
    await write(url, tickets=20, versions=3)
    relay_all(url, stream_url, relays=3)
    await consume(url, stream, "once", until=lambda: effects(url, "once") == WHOLE)
    assert effects(url, "once") == WHOLE


async def test_a_relay_killed_between_publishing_and_marking_doubles_nothing(place):
    url, stream_url, stream = place
    await write(url, tickets=20, versions=3)
    assert in_subprocess(f"relay_that_dies({url!r}, {stream_url!r})") == -9
    assert unsent(url) == 60, "the killed relay must not have marked anything"
    relay_all(url, stream_url)
    await consume(url, stream, "killed", until=lambda: effects(url, "killed") == WHOLE)
    assert effects(url, "killed") == WHOLE


async def test_a_consumer_killed_between_effect_and_offset_doubles_nothing(place):
    url, stream_url, stream = place
    await write(url, tickets=20, versions=3)
    relay_all(url, stream_url)
    assert in_subprocess(f"consumer_that_dies({url!r}, {stream_url!r}, 'dies')") == -9
    assert effects(url, "dies"), "the effect was committed before the kill"
    await consume(url, stream, "dies", until=lambda: effects(url, "dies") == WHOLE)
    assert effects(url, "dies") == WHOLE


async def test_a_replay_under_a_new_name_gives_the_identical_projection(place):
    url, stream_url, stream = place
    await write(url, tickets=20, versions=3)
    relay_all(url, stream_url)
    await consume(url, stream, "first", until=lambda: effects(url, "first") == WHOLE)
    await consume(url, stream, "replay", until=lambda: effects(url, "replay") == WHOLE)
    assert effects(url, "first") == effects(url, "replay")


async def test_events_that_cannot_be_read_go_to_the_dead_letters_and_hold_up_nobody(place):
    url, stream_url, stream = place
    junk = Record(TOPIC, str(UUID(int=0)), {"ce_id": "junk"}, b"not json")
    headers = {"ce_type": "ticketing.ticket.issued.v9", "ce_id": "x"}
    stream.publish([junk, Record(TOPIC, str(UUID(int=0)), headers, b"{}")])
    await write(url, tickets=20, versions=3)
    relay_all(url, stream_url)
    await consume(url, stream, "junk", until=lambda: effects(url, "junk") == WHOLE)
    letters = dead_letters(stream)
    assert sorted(letter.body for letter in letters) == [b"not json", b"{}"]
    assert {letter.headers["origin_topic"] for letter in letters} == {TOPIC}
    assert {letter.headers["origin_offset"] for letter in letters} == {"0", "1"}
    assert any("v9 is unknown here" in letter.headers["origin_problem"] for letter in letters)


async def test_an_event_whose_effect_always_fails_is_put_aside_after_a_few_tries(place):
    url, stream_url, stream = place
    await write(url, tickets=1, versions=1)
    relay_all(url, stream_url)
    tries = []

    async def failing(_tx, event):
        tries.append(event.id)
        raise RuntimeError("a fault in the consumer")

    def put_aside():
        with psycopg.connect(plain(stream_url)) as connection:
            return connection.execute("SELECT count(*) FROM rec WHERE topic LIKE '%%.dlt'").fetchone()[0]

    await consume(url, stream, "failing", until=put_aside, handler=failing)
    (letter,) = dead_letters(stream)
    assert letter.headers["origin_consumer"] == "failing"
    assert "a fault in the consumer" in letter.headers["origin_problem"]
    assert 2 <= len(tries) <= 7


async def test_an_effect_that_fails_once_is_tried_again_and_nothing_is_put_aside(place):
    url, stream_url, stream = place
    await write(url, tickets=1, versions=1)
    relay_all(url, stream_url)
    tries = []

    async def failing_at_first(_tx, event):
        tries.append(event.id)
        if len(tries) < 3:
            raise RuntimeError("for a moment")

    await consume(url, stream, "moment", until=lambda: len(tries) >= 3, handler=failing_at_first)
    assert dead_letters(stream) == []


async def test_nothing_is_lost_while_dead_letters_cannot_be_written(place):
    url, stream_url, stream = place
    stream.publish([Record(TOPIC, str(UUID(int=0)), {"ce_id": "junk"}, b"not json")])
    await write(url, tickets=1, versions=1)
    relay_all(url, stream_url)
    refused = threading.Event()

    class NoLetters(PostgresStream):
        def publish(self, records):
            refused.set()
            raise StreamError("the dead-letter topic is away")

    await consume(url, NoLetters(stream_url), "letters", until=refused.is_set)
    await consume(url, stream, "letters", until=lambda: effects(url, "letters"))
    assert [letter.body for letter in dead_letters(stream)] == [b"not json"]


async def test_the_relay_goes_on_after_the_stream_was_away(place):
    url, stream_url, _ = place
    await write(url, tickets=3, versions=1)

    class AwayAtFirst(PostgresStream):
        tries = 0

        def publish(self, records):
            AwayAtFirst.tries += 1
            if AwayAtFirst.tries < 3:
                raise StreamError("away")
            super().publish(records)

    relay = Relay(url, service="ticketing", stream=AwayAtFirst(stream_url))
    relay.start()
    deadline = time.monotonic() + 15
    while unsent(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    relay.stop()
    assert unsent(url) == 0


async def test_an_event_too_large_for_the_stream_is_refused_with_its_transaction(place):
    url, _, _ = place
    database = Database(url, service="ticketing")
    huge = fact_of(1).model_copy(update={"category": "x" * 1_000_000})
    with pytest.raises(EventTooLargeError):
        async with database.transaction("corr-test") as tx:
            await tx.publish(huge, subject=UUID(int=1), version=1, event_id=UUID(int=9), at=NOW)
    await database.close()
    assert unsent(url) == 0


async def test_one_that_slipped_through_is_noted_and_the_others_go_on(place):
    url, stream_url, stream = place
    await write(url, tickets=2, versions=1)
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(
            "UPDATE outbox SET payload = payload || jsonb_build_object('category', repeat('x', 1000000)) "
            "WHERE aggregateid = %s",
            (str(UUID(int=0)),),
        )
    relay_all(url, stream_url)
    (letter,) = dead_letters(stream)
    assert json.loads(letter.body)["problem"] == "too large for the stream"
    await consume(url, stream, "others", until=lambda: str(UUID(int=1)) in effects(url, "others"))


async def test_two_events_cannot_claim_one_version_of_an_aggregate(place):
    url, _, _ = place
    database = Database(url, service="ticketing")
    with pytest.raises(Exception, match="outbox_aggregatetype_aggregateid_aggregate_version_key"):
        async with database.transaction("corr-test") as tx:
            for number in (1, 2):
                await tx.publish(fact_of(1), subject=UUID(int=1), version=1, event_id=UUID(int=number), at=NOW)
    await database.close()


async def test_a_fact_nobody_handles_is_passed_over(place):
    url, stream_url, stream = place
    database = Database(url, service="ticketing")
    async with database.transaction("corr-test") as tx:
        rejected = TicketRejected(
            scan_id=UUID(int=5), gate="hpam-1", gate_facility="hpam", reason="malformed", rejected_at=NOW
        )
        await tx.publish(rejected, subject=UUID(int=5), version=1, event_id=UUID(int=55), at=NOW)
    await database.close()
    await write(url, tickets=1, versions=1)
    relay_all(url, stream_url)
    await consume(url, stream, "passes", until=lambda: effects(url, "passes"))
    assert dead_letters(stream) == []


def test_shards_spread_over_all_partitions():
    assert {shard_of(str(UUID(int=number))) for number in range(100)} == set(range(6))
