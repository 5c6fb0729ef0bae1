"""Whatever order events arrive in, and however often, the books are the same."""

import asyncio
import random
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.contracts import registry
from kernel.money import total
from reconciliation.ledger import actions, store
from reconciliation.ledger.model import UnbookedFactError, meaning_of
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ENDS = ("admitted", "cancelled", "undone", "unallocated", "abandoned", "short")


def real_events():
    dice = random.Random(11)
    return [event for end in ENDS for event in order_story(dice, AT, end=end).events]


async def digest_of(books, events):
    class UndoError(Exception):
        pass

    found = ""
    try:
        async with books.wiring.database.transaction("test") as tx:
            for event in events:
                await actions.record(tx, event)
            found = await store.digest(tx)
            raise UndoError  # noqa: TRY301 - a way out of the transaction, not a fault
    except UndoError:
        return found


async def test_the_books_are_the_same_for_any_order_of_arrival(books):
    events = real_events()
    expected = await digest_of(books, events)
    loop = asyncio.get_running_loop()

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.permutations(events), st.lists(st.sampled_from(events), max_size=5))
    def same(arrived, again):
        found = asyncio.run_coroutine_threadsafe(digest_of(books, [*arrived, *again]), loop).result(30)
        assert found == expected

    await asyncio.to_thread(same)


async def test_many_at_once_are_booked_as_one_after_the_other(books):
    events = real_events()
    expected = await digest_of(books, events)
    async with books.wiring.database.transaction("test") as tx:
        assert await actions.record_all(tx, [*events[:20], *events[:7]]) == 20
        assert await actions.record_all(tx, [*events[5:], *events]) == len(events) - 20
        assert await store.digest(tx) == expected


@pytest.mark.parametrize("statement", ["UPDATE facts SET type = 'x'", "DELETE FROM facts", "TRUNCATE facts CASCADE"])
async def test_facts_are_never_changed(books, statement):
    await books.take(real_events()[:1])
    address = books.wiring.database.url.replace("+psycopg", "", 1)
    with (
        psycopg.connect(address) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="keeps its history"),
    ):
        connection.execute(statement)


def test_every_fact_that_others_publish_has_a_meaning():
    told = {type(event.fact) for event in real_events()}
    for event in real_events():
        meaning = meaning_of(event.fact, version=event.aggregate_version, at=event.time)
        if meaning.change is not None:
            assert total(e.amount for e in meaning.entries if e.kind == "sold") == meaning.change.sold
            assert total(e.amount for e in meaning.entries if e.kind == "captured") == meaning.change.captured
    assert len(told) >= 10


def test_a_fact_that_nobody_taught_is_put_aside():
    with pytest.raises(UnbookedFactError):
        meaning_of(registry["reconciliation.day.closed.v1"].model_construct(), version=1, at=AT)
