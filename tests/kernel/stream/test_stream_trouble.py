"""What a stream does when those around it misbehave: threads that share it, stalls, floods and foreign bytes."""

import itertools
import threading
import time

import psycopg
import pytest

from kernel.stream.kafka import KafkaStream
from kernel.stream.postgres import PostgresStream, plain_url
from kernel.stream.protocol import PARTITION_COUNT, Record, StreamError, partition_of
from support.postgres import TestServer

numbers = itertools.count(1)
PATIENCE_SECONDS = 20
KEYS = {partition_of(f"k{number}"): f"k{number}" for number in range(60)}  # One key for each partition.


@pytest.fixture
def place(postgres):
    url = postgres.new_database("trouble")
    stream = PostgresStream(url)
    stream.create_topics(["t.events.v1"])
    yield url, stream
    stream.close()
    postgres.drop(url)


@pytest.fixture(params=["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
def stream(request, place):
    if request.param == "postgres":
        yield place[1]
    else:
        opened = KafkaStream(request.getfixturevalue("kafka_broker"), session_timeout_ms=3_000)
        yield opened
        opened.close()


def record(topic, key, number):
    return Record(topic, key, {"ce_id": str(number)}, b"{}")


def take(subscription, count):
    found = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        found += subscription.poll(timeout_ms=200, records_max=100)
    return found


def test_threads_may_share_one_stream(stream):
    topic = f"shared{next(numbers)}.events.v1"
    stream.create_topics([topic])
    problems = []

    def publish(thread):
        try:
            for number in range(40):
                stream.publish([record(topic, f"{thread}-{partition}", number) for partition in range(3)])
        except Exception as problem:  # noqa: BLE001 - a thread hands whatever it was to the test
            problems.append(problem)

    threads = [threading.Thread(target=publish, args=(thread,)) for thread in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    subscription = stream.subscribe([topic], group="g")
    found = take(subscription, 360)
    subscription.close()
    orders = {}
    for each in found:
        orders.setdefault(each.key, []).append(int(each.headers["ce_id"]))
    assert orders == {f"{thread}-{partition}": list(range(40)) for thread in range(3) for partition in range(3)}


def test_a_busy_partition_does_not_starve_the_others(place):
    _, stream = place
    topic = "t.events.v1"
    stream.publish([record(topic, KEYS[0], number) for number in range(1_000)])
    stream.publish([record(topic, KEYS[partition], 1) for partition in range(1, PARTITION_COUNT)])
    subscription = stream.subscribe([topic], group="g")
    seen = set()
    for _ in range(3):
        seen |= {each.partition for each in subscription.poll(timeout_ms=0, records_max=50)}
    subscription.close()
    assert seen == set(range(PARTITION_COUNT))


def test_a_publisher_that_stalls_holds_up_the_others_for_seconds_only(place):
    url, stream = place
    with psycopg.connect(plain_url(url)) as stalled:
        stalled.execute("UPDATE part SET next = next WHERE topic = 't.events.v1' AND p = 0")
        started = time.monotonic()
        with pytest.raises(StreamError):
            stream.publish([record("t.events.v1", KEYS[0], 1)])
        assert time.monotonic() - started < 15
        stream.publish([record("t.events.v1", KEYS[1], 1)])
        stalled.rollback()
    stream.publish([record("t.events.v1", KEYS[0], 1)])


def test_polling_and_publishing_go_on_after_the_database_was_killed():
    server = TestServer()
    server.start()
    stream = PostgresStream(server.new_database("killed"))
    try:
        stream.create_topics(["t.events.v1"])
        stream.publish([record("t.events.v1", "k", 1)])
        subscription = stream.subscribe(["t.events.v1"], group="g")
        assert len(take(subscription, 1)) == 1
        server.server.stop()
        for attempt in (
            lambda: stream.publish([record("t.events.v1", "k", 2)]),
            lambda: subscription.poll(timeout_ms=0, records_max=1),
            stream.ping,
            lambda: stream.create_topics(["t.events.v1"]),
        ):
            with pytest.raises(StreamError):
                attempt()
        server.start()
        stream.publish([record("t.events.v1", "k", 2)])
        assert [each.headers["ce_id"] for each in take(subscription, 2)] == ["1", "2"]
        subscription.close()
    finally:
        stream.close()
        server.stop()


@pytest.mark.kafka
def test_foreign_bytes_are_delivered_and_stop_nobody(kafka_broker):
    from kafka import KafkaProducer

    stream = KafkaStream(kafka_broker, session_timeout_ms=3_000)
    topic = f"foreign{next(numbers)}.events.v1"
    stream.create_topics([topic])
    producer = KafkaProducer(bootstrap_servers=kafka_broker)
    producer.send(topic, key=b"\xff", value=b"\xfe", headers=[("ce_id", b"\xfd")], partition=0).get(10)
    producer.close()
    stream.publish([record(topic, KEYS[0], 2)])
    subscription = stream.subscribe([topic], group="g")
    foreign, ours = take(subscription, 2)
    subscription.close()
    stream.close()
    assert (foreign.key, foreign.headers, foreign.body) == ("\\xff", {"ce_id": "\\xfd"}, b"\xfe")
    assert ours.headers["ce_id"] == "2"
