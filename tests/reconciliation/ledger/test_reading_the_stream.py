"""The worker takes what ticketing and payments published off the real stream, each event once."""

import asyncio
import random
from datetime import UTC, datetime

from kernel.access import Role
from kernel.stream import open_stream
from kernel.stream.protocol import Record, topic_of
from reconciliation.work import work
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def records(events):
    for event in events:
        topic = topic_of(event.type.split(".", maxsplit=1)[0])
        yield Record(topic, event.subject, event.headers(), event.fact.model_dump_json().encode())


async def test_what_is_published_twice_is_booked_once(books, web, fresh_database):
    settings = books.wiring.settings.model_copy(update={"stream_database_url": fresh_database("stream")})
    stream = open_stream("postgres", postgres_url=settings.stream_database_url, kafka_bootstrap="")
    await asyncio.to_thread(
        stream.create_topics, [topic_of(name) for name in ("ticketing", "payments", "reconciliation")]
    )
    told = order_story(random.Random(1), AT, end="admitted")
    await asyncio.to_thread(stream.publish, [*records(told.events), *records(reversed(told.events))])
    stop = asyncio.Event()
    working = asyncio.create_task(work(settings, stop))
    totals = {}
    for _ in range(100):
        answer = await web.get("/v1/days/2026-11-24", headers=books.token(Role.ACCOUNTING))
        totals = answer.json()["totals"]
        if totals["admitted"]:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    stop.set()
    await working
    stream.close()
    answer = (await web.get("/v1/days/2026-11-24", headers=books.token(Role.ACCOUNTING))).json()
    order = told.events[0].fact
    assert (answer["totals"]["sold"], answer["totals"]["captured"]) == (order.total.amount, order.total.amount)
    assert answer["totals"]["admitted"] == sum(line.quantity for line in order.lines)
    assert answer["agrees"]
