"""What any event stream promises here, asked of both adapters alike."""

import itertools
import time
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.stream import open_stream
from kernel.stream.kafka import KafkaStream
from kernel.stream.postgres import PostgresStream
from kernel.stream.protocol import (
    PARTITION_COUNT,
    RECORD_BYTES_MAX,
    Record,
    RecordTooLargeError,
    StreamError,
    partition_of,
)

numbers = itertools.count(1)
PATIENCE_SECONDS = 20


@pytest.fixture(params=["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
def stream(request, postgres):
    if request.param == "postgres":
        url = postgres.new_database("stream")
        opened = PostgresStream(url)
        yield opened
        opened.close()
        postgres.drop(url)
    else:
        opened = KafkaStream(request.getfixturevalue("kafka_broker"), session_timeout_ms=3_000)
        yield opened
        opened.close()


@pytest.fixture
def topic(stream):
    name = f"t{next(numbers)}.events.v1"
    stream.create_topics([name])
    return name


def record(topic, key, number, body=b"{}"):
    return Record(topic, key, {"ce_id": str(number), "word": "もみじ"}, body)


def take(subscription, count, *, records_max=50):
    """Poll until so many events came, or patience ends."""
    found = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        found += subscription.poll(timeout_ms=200, records_max=records_max)
    return found


def by_key(delivered):
    found = defaultdict(list)
    for each in delivered:
        found[each.key].append(int(each.headers["ce_id"]))
    return found


def test_events_of_one_key_keep_their_order(stream, topic):
    sent = [record(topic, f"key-{number % 7}", number) for number in range(300)]
    for start in range(0, 300, 40):
        stream.publish(sent[start : start + 40])
    subscription = stream.subscribe([topic], group="order")
    found = by_key(take(subscription, 300))
    subscription.close()
    assert found == {f"key-{rest}": list(range(rest, 300, 7)) for rest in range(7)}


def test_an_event_arrives_as_it_was_sent(stream, topic):
    stream.publish([record(topic, "鍵", 1, body="紅葉".encode())])
    subscription = stream.subscribe([topic], group="whole")
    (found,) = take(subscription, 1)
    subscription.close()
    assert (found.topic, found.key, found.headers, found.body) == (
        topic,
        "鍵",
        {"ce_id": "1", "word": "もみじ"},
        "紅葉".encode(),
    )


def test_both_adapters_choose_the_same_partition(stream, topic):
    keys = [f"key-{number}" for number in range(60)]
    stream.publish([record(topic, key, 1) for key in keys])
    subscription = stream.subscribe([topic], group="partitions")
    found = {each.key: each.partition for each in take(subscription, 60)}
    subscription.close()
    assert found == {key: partition_of(key) for key in keys}
    assert set(found.values()) == set(range(PARTITION_COUNT))


def test_a_group_goes_on_where_it_committed(stream, topic):
    stream.publish([record(topic, "k", number) for number in range(10)])
    first = stream.subscribe([topic], group="resume")
    assert len(take(first, 4, records_max=4)[:4]) == 4
    first.commit()
    first.close()
    second = stream.subscribe([topic], group="resume")
    rest = by_key(take(second, 6))["k"]
    second.close()
    assert rest == list(range(4, 10))


def test_what_was_not_committed_comes_again(stream, topic):
    stream.publish([record(topic, "k", number) for number in range(5)])
    first = stream.subscribe([topic], group="again")
    take(first, 5)
    first.close()
    second = stream.subscribe([topic], group="again")
    assert by_key(take(second, 5))["k"] == [0, 1, 2, 3, 4]
    second.close()


def test_rewinding_gives_the_same_events_again(stream, topic):
    stream.publish([record(topic, f"k{number % 3}", number) for number in range(9)])
    subscription = stream.subscribe([topic], group="rewind")
    first = by_key(take(subscription, 9))
    subscription.rewind()
    assert by_key(take(subscription, 9)) == first
    subscription.close()


def test_a_stream_says_what_it_holds(stream, topic):
    stream.publish([record(topic, "k", number) for number in range(5)])
    held = stream.extents([topic])
    assert set(held) == {(topic, number) for number in range(PARTITION_COUNT)}
    assert {place: (extent.first, extent.next) for place, extent in held.items() if extent.next} == {
        (topic, partition_of("k")): (0, 5)
    }


def test_a_topic_that_is_not_there_is_said_by_name(stream, topic):
    with pytest.raises(StreamError, match="no-such"):
        stream.extents([topic, "no-such.events.v1"])


def test_two_groups_each_get_everything(stream, topic):
    stream.publish([record(topic, f"k{number}", number) for number in range(20)])
    for group in ("one", "two"):
        subscription = stream.subscribe([topic], group=group)
        assert len(take(subscription, 20)) == 20
        subscription.commit()
        subscription.close()


def test_two_members_share_and_one_takes_over(stream, topic):
    first, second = (stream.subscribe([topic], group="share") for _ in range(2))
    deadline = time.monotonic() + PATIENCE_SECONDS
    seen = ({}, {})
    number = itertools.count()
    while not (seen[0] and seen[1]) and time.monotonic() < deadline:
        stream.publish([record(topic, f"k{key}", next(number)) for key in range(24)])
        for mine, subscription in zip(seen, (first, second), strict=True):
            for each in subscription.poll(timeout_ms=300, records_max=500):
                mine[each.partition] = each.offset
            subscription.commit()
    assert seen[0], "the first member got nothing"
    assert seen[1], "the second member got nothing"
    second.close()
    stream.publish([record(topic, f"k{key}", 1000 + key) for key in range(24)])
    late = set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(late) < 24 and time.monotonic() < deadline:
        late |= {each.key for each in first.poll(timeout_ms=300, records_max=500) if int(each.headers["ce_id"]) >= 1000}
    first.close()
    assert len(late) == 24


def test_an_event_that_is_too_large_is_refused_before_anything_is_sent(stream, topic):
    with pytest.raises(RecordTooLargeError):
        stream.publish([record(topic, "k", 1), record(topic, "k", 2, body=b"x" * (RECORD_BYTES_MAX + 1))])
    subscription = stream.subscribe([topic], group="large")
    assert subscription.poll(timeout_ms=300, records_max=10) == []
    subscription.close()


def test_creating_a_topic_twice_keeps_its_events(stream, topic):
    stream.publish([record(topic, "k", 1)])
    stream.create_topics([topic])
    subscription = stream.subscribe([topic], group="twice")
    assert len(take(subscription, 1)) == 1
    subscription.close()


def test_a_topic_that_does_not_exist_is_an_error(request, stream):
    if isinstance(stream, KafkaStream) and not request.getfixturevalue("kafka_server").is_apache:
        pytest.xfail("the wheel's broker creates topics by itself")
    with pytest.raises(StreamError):
        stream.publish([record("nowhere.events.v1", "k", 1)])


def test_the_stream_says_that_it_is_there(stream, topic):
    stream.ping()


@pytest.mark.parametrize("kind", ["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
def test_a_stream_that_is_away_is_an_error_and_not_a_hang(kind):
    away = open_stream(kind, postgres_url="postgresql://momiji@127.0.0.1:9/none", kafka_bootstrap="127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(StreamError):
        away.ping()
    with pytest.raises(StreamError):
        away.publish([record("t", "k", 1)])
    assert time.monotonic() - started < 60
    away.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20), min_size=1, max_size=6))
def test_any_batches_are_read_whole_and_in_order(postgres, batches):
    url = postgres.new_database("property")
    stream = PostgresStream(url)
    stream.create_topics(["p.events.v1"])
    number = itertools.count()
    sent = [[record("p.events.v1", key, next(number)) for key in batch] for batch in batches]
    for batch in sent:
        stream.publish(batch)
    subscription = stream.subscribe(["p.events.v1"], group="g")
    found = take(subscription, sum(map(len, sent)), records_max=7)
    subscription.close()
    stream.close()
    postgres.drop(url)
    assert by_key(found) == by_key(
        type(found[0])(each.topic, 0, 0, each.key, each.headers, each.body) for batch in sent for each in batch
    )


@pytest.mark.kafka
def test_a_restarted_broker_still_has_its_events(kafka_server):
    if not kafka_server.is_apache:
        pytest.xfail("the wheel's broker keeps everything in memory")
    stream = KafkaStream(kafka_server.bootstrap, session_timeout_ms=3_000)
    topic = f"t{next(numbers)}.events.v1"
    stream.create_topics([topic])
    stream.publish([record(topic, "k", 1)])
    kafka_server.stop()
    with pytest.raises(StreamError):
        stream.publish([record(topic, "k", 2)])
    kafka_server.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            stream.publish([record(topic, "k", 2)])
            break
        except StreamError:
            assert time.monotonic() < deadline
    subscription = stream.subscribe([topic], group="restarted")
    assert set(by_key(take(subscription, 2))["k"]) == {1, 2}
    subscription.close()
    stream.close()


def test_a_member_whose_connection_died_commits_nothing(postgres):
    url = postgres.new_database("stale")
    stream = PostgresStream(url)
    stream.create_topics(["s.events.v1"])
    stream.publish([record("s.events.v1", "k", 1)])
    stale = stream.subscribe(["s.events.v1"], group="g")
    assert len(take(stale, 1)) == 1
    with postgres.server.connect("postgres") as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'stale%'")
    with pytest.raises(StreamError):
        stale.commit()
    other = stream.subscribe(["s.events.v1"], group="g")
    assert len(take(other, 1)) == 1
    other.close()
    stale.close()
    stream.close()
