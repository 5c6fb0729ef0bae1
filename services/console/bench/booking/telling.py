"""What comes by the stream: laid facts once more, and facts of closed days that come late, with their labels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from console.bench.booking.laying import add_orders, copied, day_of, moment, place_of
from console.bench.booking.plan import Plan
from console.bench.booking.stencils import Sheet
from console.bench.reconciling.goods import GOODS
from console.bench.reconciling.stories import ENTERS
from console.installation import CannotStartError
from kernel.contracts.envelope import cloud_event_headers
from kernel.inbox import Consumer, ConsumerRunner
from kernel.stream.protocol import EventStream, Record, topic_of
from reconciliation.ledger import consumers as ledger
from reconciliation.replay.actions import TOPICS
from reconciliation.wiring import Wiring

CONSUMER: Final = "ledger"
PORTION_EVENTS: Final = 500
AGAIN_PER_END: Final = 60
TAKEN_SECONDS_MAX: Final = 300.0
LOOK_SECONDS: Final = 0.1
TURNS: Final = 4
_TOLD: Final = "event_id, type, source, subject, aggregate_version, occurred_at, correlation_id, payload"


def choose_again(database: psycopg.Connection[Any], *, per_end: int = AGAIN_PER_END) -> None:
    """Choose some orders of every end, with whatever offer, whose facts are told again."""
    database.execute(
        f"CREATE TABLE made.again AS SELECT format('%s00', base) AS order_id FROM ("
        f"SELECT base, row_number() OVER (PARTITION BY stencil / {len(GOODS)} ORDER BY md5(base)) AS place "
        f"FROM made.orders) AS o WHERE place <= {per_end}"
    )


def tell_again(database: psycopg.Connection[Any], stream: EventStream) -> int:
    """Publish the laid facts of the orders that were chosen, in any order of events; return how many."""
    query = f"SELECT {_TOLD} FROM facts WHERE order_id IN (SELECT order_id FROM made.again)"
    return _publish(database, stream, query)


def choose_late(database: psycopg.Connection[Any], plan: Plan) -> None:
    """Choose what comes late, and label the closed days that it changes.

    Of four closed days one gets a whole order; one a visit of an order that it knew already; one a visit that was
    undone at once, which changes nothing; one nothing. Of four open days one gets a whole order, which is no news.
    """
    visited, away, back = (place_of(plan, end) for end in ("visited", "stayed_away", "turned_back"))
    database.execute(
        "CREATE TABLE made.late (i integer, stencil integer, from_minute integer, day date, closed boolean)"
    )
    database.execute(
        f"""
CREATE TABLE made.turns AS SELECT day, closed, row_number() OVER (PARTITION BY closed ORDER BY day) % {TURNS} AS turn
FROM (SELECT CAST(d AS date) AS day, EXISTS (SELECT FROM standing_closings AS c
          WHERE c.kind = 'day' AND c.first_day = CAST(d AS date)) AS closed
      FROM generate_series(DATE '{plan.first}', DATE '{plan.last}', interval '1 day') AS d) AS days
"""
    )
    drawn = f"""
SELECT CAST({plan.orders} + n AS integer) AS i, CAST({visited} + n % {len(GOODS)} AS integer) AS stencil,
    CAST(day AS timestamp) AT TIME ZONE 'Asia/Tokyo' + interval '10 hours' AS placed_at, 0 AS later, 'paypay' AS method,
    md5(concat('{plan.seed}:late:', n)) AS drawn
FROM (SELECT day, row_number() OVER (ORDER BY day) AS n FROM made.turns WHERE turn = 0) AS t
"""
    add_orders(database, drawn)
    database.execute(
        "INSERT INTO made.late SELECT o.i, o.stencil, 0, t.day, t.closed FROM made.orders AS o "
        f"JOIN made.turns AS t ON t.day = {day_of('o.placed_at')} WHERE o.i >= {plan.orders}"
    )
    # What an order knew until then is the same for all three ends, its ids included.
    enters, leaves = (day_of(moment(str(minutes))) for minutes in (ENTERS, ENTERS + 2))
    for turn, end in ((1, visited), (2, back)):
        database.execute(
            f"INSERT INTO made.late SELECT DISTINCT ON (t.day) o.i, o.stencil - {away} + {end}, {ENTERS}, t.day, true "
            f"FROM made.turns AS t JOIN made.orders AS o ON {enters} = t.day AND {leaves} = t.day "
            f"WHERE t.turn = {turn} AND t.closed AND o.stencil BETWEEN {away} AND {away + len(GOODS) - 1} "
            "ORDER BY t.day, o.i"
        )
    database.execute(
        "INSERT INTO made.labels SELECT 'changed_after_closing', format('day:%s:1', l.day), "
        "CASE WHEN l.from_minute = 0 THEN s.total ELSE 0 END, l.day "
        "FROM made.late AS l JOIN made.stencils AS s USING (stencil) "
        f"WHERE l.closed AND l.stencil BETWEEN {visited} AND {visited + len(GOODS) - 1}"
    )


def tell_late(database: psycopg.Connection[Any], stream: EventStream, sheets: Sequence[Sheet]) -> int:
    """Publish the facts that come late; return how many."""
    [facts] = [each for each in sheets if each.table == "facts"]
    query = (
        f"SELECT {_TOLD} FROM (SELECT {copied(facts)} FROM made.late AS l JOIN made.orders AS o USING (i) "
        "JOIN made.facts AS s ON s.stencil = l.stencil AND s.occurred_at >= l.from_minute) AS f"
    )
    return _publish(database, stream, query)


def _publish(database: psycopg.Connection[Any], stream: EventStream, query: str) -> int:
    rows = database.execute(f"SELECT *, CAST(payload AS text) AS body FROM ({query}) AS f ORDER BY md5(event_id::text)")
    records = [
        Record(
            topic_of(source.partition("/")[2]),
            subject,
            cloud_event_headers(
                id=event_id,
                type=wire_type,
                source=source,
                subject=subject,
                aggregate_version=version,
                time=occurred_at,
                correlation_id=correlation_id,
            ),
            body.encode(),
        )
        for event_id, wire_type, source, subject, version, occurred_at, correlation_id, _, body in rows
    ]
    for first in range(0, len(records), PORTION_EVENTS):
        stream.publish(records[first : first + PORTION_EVENTS])
    return len(records)


async def take(wired: Wiring, database: psycopg.Connection[Any], *, count: int) -> None:
    """Let the ledger's consumer take from the stream until it has taken so many events in all."""
    consumer = Consumer(CONSUMER, TOPICS, ledger.handlers())
    runner = ConsumerRunner(consumer, database=wired.database, stream=wired.stream, clock=wired.clock)
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    taken = 0
    try:
        async with asyncio.timeout(TAKEN_SECONDS_MAX):
            while taken < count:
                await asyncio.sleep(LOOK_SECONDS)
                (taken,) = database.execute(
                    "SELECT count(*) FROM inbox WHERE consumer = %s", (CONSUMER,)
                ).fetchone() or (0,)
    except TimeoutError:
        raise CannotStartError(f"The ledger took only {taken} of {count} events.") from None
    finally:
        stop.set()
        await running
