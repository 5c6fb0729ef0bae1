"""Dead letters are listed with their cause, and sent again as they were, each once."""

import itertools

import pytest

from console import redelivering
from kernel.stream import open_stream
from kernel.stream.protocol import Record, dead_letter_topic_of

numbers = itertools.count(1)
EVENT = {"ce_id": "1", "ce_type": "ticketing.order.placed.v1", "ce_subject": "order-1"}


@pytest.fixture(params=["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
def stream(request, fresh_database):
    kafka = request.getfixturevalue("kafka_broker") if request.param == "kafka" else ""
    opened = open_stream(request.param, postgres_url="" if kafka else fresh_database("stream"), kafka_bootstrap=kafka)
    yield opened
    opened.close()


@pytest.fixture
def topic(stream):
    name = f"d{next(numbers)}.events.v1"
    stream.create_topics([name, dead_letter_topic_of(name)])
    return name


def letter(topic, body=b'{"x":1}'):
    origin = {"origin_topic": topic, "origin_partition": "0", "origin_offset": "7", "origin_problem": "ValueError: x"}
    return Record(dead_letter_topic_of(topic), "order-1", EVENT | origin, body)


def all_of(stream, topic):
    subscription = stream.subscribe([topic], group="look")
    found = redelivering._read(subscription, stream.extents([topic]))
    subscription.close()
    return found


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(redelivering, "SILENT_SECONDS_MAX", 8.0)


def test_listing_sends_nothing(stream, topic):
    stream.publish([letter(topic)])
    waiting, kept = redelivering.run(stream, [dead_letter_topic_of(topic)], send=False)
    assert ([each.headers["origin_problem"] for each in waiting], kept) == (["ValueError: x"], [])
    assert all_of(stream, topic) == []


def test_a_letter_goes_back_to_its_topic_as_it_was_and_only_once(stream, topic, monkeypatch):
    stream.publish([letter(topic)])
    redelivering.run(stream, [dead_letter_topic_of(topic)], send=True)
    monkeypatch.setattr(redelivering, "SILENT_SECONDS_MAX", 2.0)
    waiting, _ = redelivering.run(stream, [dead_letter_topic_of(topic)], send=True)
    assert waiting == []
    [again] = all_of(stream, topic)
    assert (again.key, again.headers, again.body) == ("order-1", EVENT, b'{"x":1}')


def test_a_letter_that_is_only_a_note_is_not_sent(stream, topic):
    stream.publish([letter(topic, b'{"problem": "too large for a dead letter", "bytes": 900001}')])
    waiting, kept = redelivering.run(stream, [dead_letter_topic_of(topic)], send=True)
    assert len(waiting) == len(kept) == 1
    assert all_of(stream, topic) == []
