"""Others ask whether a day is closed and which one is open; the answer holds until their transaction ends."""

import asyncio
import random
from datetime import date, timedelta

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st

from kernel.migrations import configuration
from reconciliation.closing import actions, store
from reconciliation.closing.model import NotAPeriod, day_period, longer_periods, period_of
from reconciliation.settings import ReconciliationSettings
from reconciliation.wiring import wire
from support.closings import close

FIRST = date(2026, 11, 1)


@pytest.mark.parametrize("seed", range(3))
async def test_the_first_open_day_is_the_first_that_no_closing_holds(books, seed):
    closed = {FIRST + timedelta(days=each) for each in random.Random(seed).sample(range(24), k=16)}
    for day in closed:
        await close(books, day)
    for number in range(24):
        day = FIRST + timedelta(days=number)
        expected = next(each for each in (day + timedelta(days=more) for more in range(40)) if each not in closed)
        async with books.wiring.database.transaction("test") as tx:
            assert (await actions.first_open_day(tx, day), await actions.is_closed(tx, day)) == (
                expected,
                day in closed,
            )


async def test_a_day_that_somebody_books_into_closes_only_after_them(books):
    async with books.wiring.database.transaction("books") as tx:
        day = await actions.first_open_day(tx, FIRST)
        closing = asyncio.create_task(close(books, day))
        await asyncio.sleep(0.2)
        assert not closing.done()
    assert (await closing).period == day_period(FIRST)


@given(st.dates(date(2019, 5, 1), date(2199, 12, 31)))
def test_longer_periods_hold_the_shorter_ones_and_begin_where_they_say(day):
    month, year = longer_periods(day_period(day))
    assert day in month
    assert month.first_day in year
    assert month.last_day in year
    assert (period_of("month", month.first_day), period_of("year", year.first_day)) == (month, year)
    assert (month.last_day + timedelta(days=1)).day == 1
    assert (year.last_day + timedelta(days=1)).month == year.first_day.month == 4


@pytest.mark.parametrize(("kind", "day"), [("month", date(2026, 11, 2)), ("year", date(2026, 1, 1))])
def test_a_period_that_begins_nowhere_is_refused_with_the_right_day(kind, day):
    with pytest.raises(NotAPeriod, match=r"2026-11-01|2025-04-01"):
        period_of(kind, day)


async def test_the_closings_of_before_are_closings_of_now(postgres):
    postgres.server.create_database("older_books")
    url = postgres.server.url("older_books")
    command.upgrade(configuration("reconciliation", url), "2026_11_26_journal")
    row = "INSERT INTO day_closings VALUES ('{}', 900, 900, 0, 3, 'somebody', '2026-11-25T01:00:00Z')"
    wired = wire(ReconciliationSettings(reconciliation_database_url=url, session_key="x" * 40))
    async with wired.database.transaction("test") as tx:
        await tx.execute(row.format("2026-11-24"))
    await asyncio.to_thread(command.upgrade, configuration("reconciliation", url), "head")
    async with wired.database.transaction("test") as tx:
        await tx.execute(row.format("2026-11-25"))  # by a version of before that still runs
        found = await store.standing(tx, "day", first=FIRST, last=date(2026, 11, 30))
    await wired.database.close()
    postgres.server.drop_database("older_books")
    assert [(str(each.period), each.totals.sold.amount, each.closed_by) for each in found.values()] == [
        ("2026-11-24", 900, "somebody"),
        ("2026-11-25", 900, "somebody"),
    ]
