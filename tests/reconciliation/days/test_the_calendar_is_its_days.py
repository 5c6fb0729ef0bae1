"""The calendar sums up without looking at any order; what it says is what each day's own rows say."""

import random
from datetime import date, datetime, time

import pytest

from kernel.clock import JAPAN
from reconciliation.days import actions
from support.ledger_data import order_story

FIRST, LAST = date(2026, 11, 20), date(2026, 11, 24)
ENDS = ("admitted", "cancelled", "reversed", "undone", "unallocated", "kept", "short", "free", "late", "abandoned")


@pytest.mark.parametrize("facilities", [None, ["hpam", "history-museum"], []])
async def test_each_day_of_the_calendar_has_the_sums_of_its_rows(books, facilities):
    dice = random.Random(4)
    days = [FIRST.replace(day=20 + number) for number in range(5)]
    moments = [datetime.combine(dice.choice(days), time(dice.randrange(24), 5), JAPAN) for _ in range(120)]
    await books.take([each for at in moments for each in order_story(dice, at, end=dice.choice(ENDS)).events])
    given = {"at": books.clock.now(), "grace": books.wiring.grace}
    async with books.wiring.database.transaction("test") as tx:
        calendar = await actions.calendar(tx, facilities, first=FIRST, last=LAST, **given)
        each_day = [await actions.one_day(tx, facilities, day, **given) for day in days]
    assert [(each.date, each.totals, each.state) for each in calendar] == [
        (each.date, each.totals, each.state) for each in each_day
    ]
    assert facilities == [] or any(each.totals.admitted for each in calendar)
