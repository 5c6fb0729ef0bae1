"""A period closes by itself if and only if nothing is missing; its figures are the entries', and then stand."""

import asyncio
import random
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from kernel.clock import JAPAN, new_id
from kernel.refusals import Conflict
from reconciliation.closing import actions, rounds, store
from reconciliation.closing.model import BY_ITSELF, PeriodIncomplete, day_period, month_period, year_period
from reconciliation.closing.rounds import close_what_agrees
from reconciliation.days import store as figures
from reconciliation.days.figures import NOTHING, totals_of
from reconciliation.discrepancies import listing
from reconciliation.discrepancies.model import StillExamining
from support.closings import close, free_story, match_everything, owe_payout, standing, tell_until
from support.ledger_data import order_story

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
GOOD = ("admitted", "cancelled", "kept", "free", "abandoned", "undone", "late")
BAD = ("short", "not_sold", "not_captured", "unallocated", "refund_outstanding")


def in_the_morning(books, day, hour=5, minute=0):
    books.clock.at = datetime.combine(day, time(hour, minute), JAPAN)


def story(dice, day, end):
    at = datetime.combine(day, time(9), JAPAN) + timedelta(minutes=dice.randrange(480))
    return order_story(dice, at, end=end).events


async def a_month(books, dice, *, faults):
    """Take a random October; return the days with faults."""
    days = [FIRST + timedelta(days=number) for number in range(31)]
    bad = set(dice.sample(days, k=faults))
    told = [event for day in days for _ in range(dice.randrange(3)) for event in story(dice, day, dice.choice(GOOD))]
    await books.take([*story(dice, FIRST, "kept"), *told])
    await books.take([event for day in sorted(bad) for event in story(dice, day, dice.choice(BAD))])
    return bad


async def closed(books, kind="day"):
    async with books.wiring.database.transaction("test") as tx:
        return await store.standing(tx, kind, first=date(2026, 1, 1), last=date(2027, 12, 31), with_rows=True)


@pytest.mark.parametrize("seed", range(4))
async def test_a_day_closes_by_itself_if_and_only_if_nothing_of_it_is_missing(books, seed):
    dice = random.Random(seed)
    bad = await a_month(books, dice, faults=5)
    in_the_morning(books, date(2026, 10, 29))
    await close_what_agrees(books.wiring)
    over = {FIRST + timedelta(days=number) for number in range(28)}
    async with books.wiring.database.transaction("test") as tx:
        found = await listing.open_ones(tx, None, days=(FIRST, LAST), limit=99)
    assert {each.day for each in found} & over == bad & over
    assert set(await closed(books)) == over - bad


@pytest.mark.parametrize("seed", range(2))
async def test_the_figures_of_a_closing_are_those_of_the_entries_and_stand_whatever_comes_later(books, seed):
    dice = random.Random(seed)
    await a_month(books, dice, faults=3)
    in_the_morning(books, date(2026, 11, 1))
    await close_what_agrees(books.wiring)
    before = await closed(books)
    async with books.wiring.database.transaction("test") as tx:
        entries = await figures.totals(tx, None, first=FIRST, last=LAST)
        rows = await figures.rows(tx, None, first=FIRST, last=LAST)
    assert {day: each.totals for day, each in before.items()} == {day: entries.get(day, NOTHING) for day in before}
    assert {day: each.rows for day, each in before.items()} == {
        day: tuple(row for row in rows if row.day == day) for day in before
    }
    later = dice.sample(sorted(before), k=3)
    await books.take([event for day in later for event in story(dice, day, "kept")])
    assert await closed(books) == before
    async with books.wiring.database.transaction("test") as tx:
        now = await figures.totals(tx, None, first=FIRST, last=LAST)
    seen = {each.period.first_day: each.changed for each in await standing(books, "day", FIRST, LAST)}
    assert {day: changed for day, changed in seen.items() if changed} == {
        day: now[day] - before[day].totals for day in later
    }


async def test_a_day_is_left_alone_until_the_hour_that_closing_starts_at(books):
    await books.take(story(random.Random(1), LAST, "kept"))
    in_the_morning(books, date(2026, 11, 1), hour=4, minute=59)
    assert await close_what_agrees(books.wiring) == 0
    in_the_morning(books, date(2026, 11, 1))
    assert await close_what_agrees(books.wiring) == 1
    [closing] = (await closed(books)).values()
    assert (closing.period, closing.closed_by) == (day_period(LAST), BY_ITSELF)


async def test_before_the_books_begin_nothing_closes(books):
    in_the_morning(books, date(2026, 11, 1))
    assert await close_what_agrees(books.wiring) == 0


async def test_days_of_which_nothing_was_sold_close_too(books):
    await books.take(story(random.Random(1), date(2026, 10, 27), "kept"))
    in_the_morning(books, date(2026, 10, 31))
    await close_what_agrees(books.wiring)
    assert [day.day for day in await closed(books)] == [27, 28, 29, 30]


async def test_an_order_that_still_arrives_keeps_its_day_open(books):
    at = datetime.combine(LAST, time(23, 55), JAPAN)
    await books.take(order_story(random.Random(1), at, end="not_sold").events)
    books.clock.at = at + timedelta(minutes=5, seconds=10)
    [seen] = await standing(books, "day", LAST, LAST)
    assert (seen.state, [each.kind for each in seen.missing]) == ("waiting", ["arriving"])
    with pytest.raises(Conflict, match="1 things"):
        await close(books, LAST)
    in_the_morning(books, date(2026, 11, 1))
    assert [each.kind for each in (await standing(books, "day", LAST, LAST))[0].missing] == ["discrepancies"]


async def test_a_day_that_the_journal_has_not_booked_does_not_close(books):
    await books.take(story(random.Random(1), LAST, "kept"))
    in_the_morning(books, date(2026, 11, 1))
    [seen] = await standing(books, "day", LAST, LAST)
    assert (seen.state, [each.kind for each in seen.missing]) == ("waiting", ["unbooked"])
    assert seen.missing[0].amount > seen.now.sold  # sold and received are booked, each for itself
    async with books.wiring.database.transaction("test") as tx:
        with pytest.raises(PeriodIncomplete):
            await actions.close(
                tx, day_period(LAST), by="x", at=books.clock.at, grace=books.wiring.grace, event_id=new_id()
            )
    await close_what_agrees(books.wiring)
    async with books.wiring.database.transaction("test") as tx:
        booked = (await tx.execute("SELECT DISTINCT booked_on FROM vouchers")).scalars()
        assert list(booked) == [LAST]


async def test_what_comes_after_a_closing_is_booked_on_the_first_open_day_as_of_the_closed_one(books):
    await books.take(story(random.Random(1), LAST, "kept"))
    in_the_morning(books, date(2026, 11, 1))
    await close_what_agrees(books.wiring)
    await books.take(story(random.Random(2), LAST, "kept"))
    await close_what_agrees(books.wiring)
    async with books.wiring.database.transaction("test") as tx:
        rows = await tx.execute("SELECT booked_on, business_date FROM vouchers GROUP BY 1, 2 ORDER BY 1")
        booked = [tuple(each) for each in rows]
    assert booked == [(LAST, LAST), (date(2026, 11, 1), LAST)]


async def a_month_that_agrees(books):
    """Close every day of October, sold by card and PayPay, and go to the morning after it."""
    dice = random.Random(3)
    told = [
        event
        for number in range(31)
        for method in ("stripe_card", "paypay")
        for event in order_story(
            dice, datetime.combine(FIRST + timedelta(days=number), time(9), JAPAN), end="kept", method=method
        ).events
    ]
    await books.take(told)
    in_the_morning(books, date(2026, 11, 1))


async def missing_of_october(books):
    [seen] = await standing(books, "month", FIRST, LAST)
    return seen.state, [(each.kind, each.provider, each.count) for each in seen.missing]


async def test_a_month_waits_for_its_days_its_statements_and_its_payouts_and_closes_then(books):
    await a_month_that_agrees(books)
    await owe_payout(books, "stripe", date(2026, 10, 30), 5_000)
    assert await missing_of_october(books) == (
        "blocked",
        [
            ("days_open", "", 31),
            ("statements", "paypay", 31),
            ("statements", "stripe", 31),
            ("payouts", "stripe", 1),
        ],
    )
    assert await close_what_agrees(books.wiring) == 31
    await tell_until(books, "paypay", date(2026, 11, 1))
    await tell_until(books, "stripe", LAST)
    assert [kind for kind, _, _ in (await missing_of_october(books))[1]] == ["statements", "payouts"]
    await tell_until(books, "stripe", date(2026, 11, 2))
    async with books.wiring.database.transaction("test") as tx:
        await tx.execute("UPDATE payouts SET net = 0, gross = 0")  # whatever makes it come, it is no more due
    assert await missing_of_october(books) == ("ready", [])
    assert await close_what_agrees(books.wiring) == 1
    [month] = (await closed(books, "month")).values()
    days = await closed(books)
    assert (month.period, month.totals) == (month_period(FIRST), totals_of([each.totals for each in days.values()]))
    assert month.totals.sold == month.totals.captured != NOTHING.sold


async def test_a_provider_with_nothing_more_to_tell_is_done_when_each_claim_has_its_line(books):
    await a_month_that_agrees(books)
    await close_what_agrees(books.wiring)
    for provider in ("paypay", "stripe"):
        await tell_until(books, provider, LAST)
    assert [count for _, _, count in (await missing_of_october(books))[1]] == [31, 31]
    await match_everything(books)
    assert await missing_of_october(books) == ("ready", [])


async def test_a_fiscal_year_closes_on_the_first_of_june_with_all_its_months(books):
    await books.take(free_story(date(2027, 2, 3)))
    in_the_morning(books, date(2027, 5, 31), hour=23)
    await close_what_agrees(books.wiring)
    [year] = await standing(books, "year", date(2027, 3, 1), date(2027, 3, 1))
    assert (year.state, [each.kind for each in year.missing]) == ("waiting", ["settlement_period"])
    with pytest.raises(Conflict):
        await close(books, year_period(date(2027, 3, 1)))
    in_the_morning(books, date(2027, 6, 1))
    await close_what_agrees(books.wiring)
    [closing] = (await closed(books, "year")).values()
    months = await closed(books, "month")
    assert [str(each.period) for each in months.values()] == ["2027-02", "2027-03", "2027-04", "2027-05"]
    assert closing.totals == totals_of([each.totals for each in months.values() if each.period.first_day.month < 4])


async def test_two_who_close_at_once_close_once(books):
    await books.take(story(random.Random(1), LAST, "kept"))
    in_the_morning(books, date(2026, 11, 1))
    ends = await asyncio.gather(*[close(books, LAST, by=f"p{n}") for n in range(4)], return_exceptions=True)
    assert sorted(type(each).__name__ for each in ends) == ["Closing", *["DayClosedAlready"] * 3]
    async with books.wiring.database.transaction("test") as tx:
        assert (await tx.execute("SELECT count(*) FROM outbox")).scalar_one() == 1


@pytest.mark.parametrize("before", [True, False])
async def test_an_event_that_comes_while_a_day_is_closed_is_in_both_its_closing_and_the_journal_or_in_none(
    books, monkeypatch, before
):
    await books.take(story(random.Random(1), LAST, "kept"))
    in_the_morning(books, date(2026, 11, 1))
    [seen] = await standing(books, "day", LAST, LAST)
    gather = actions.gather

    async def gather_while_something_comes(*given, **named):
        if before:
            await books.take(story(random.Random(2), LAST, "kept"))
        known = await gather(*given, **named)
        if not before:
            await books.take(story(random.Random(2), LAST, "kept"))
        return known

    with monkeypatch.context() as patched:
        patched.setattr(actions, "gather", gather_while_something_comes)
        if before:
            with pytest.raises(PeriodIncomplete):
                await close(books, LAST)
        else:
            assert (await close(books, LAST)).totals == seen.now
    async with books.wiring.database.transaction("test") as tx:
        booked = await tx.execute(
            "SELECT sum(amount) FROM postings WHERE account = 'revenue' AND side = 'credit' AND voucher IN "
            "(SELECT number FROM vouchers WHERE booked_on = :day)",
            day=LAST,
        )
        assert booked.scalar_one() == seen.now.sold.amount


async def test_a_crash_in_the_middle_of_a_closing_leaves_nothing_behind(books, monkeypatch):
    await books.take(story(random.Random(1), LAST, "kept"))
    in_the_morning(books, date(2026, 11, 1))

    def die(*_args):
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(actions, "_fact", die)  # after the closing is written, before its event is
        await close_what_agrees(books.wiring)
    assert await closed(books) == {}
    assert await close_what_agrees(books.wiring) == 1


async def test_the_others_are_told_of_days_and_of_months(books):
    await books.take(free_story(LAST))
    in_the_morning(books, date(2026, 11, 1))
    await close_what_agrees(books.wiring)
    async with books.wiring.database.transaction("test") as tx:
        told = (await tx.execute("SELECT type, aggregateid, aggregate_version FROM outbox ORDER BY type")).all()
    assert [tuple(each) for each in told] == [
        ("reconciliation.day.closed.v1", "2026-10-31", 1),
        ("reconciliation.period.closed.v1", "month:2026-10", 1),
    ]


async def test_the_worker_goes_on_after_a_fault_until_it_is_stopped(books, monkeypatch):
    await books.take(story(random.Random(1), LAST, "kept"))
    in_the_morning(books, date(2026, 11, 1))
    often = books.wiring.settings.model_copy(update={"closing_round_seconds": 0.01})
    tries = iter([RuntimeError("once"), StillExamining()])

    async def close_after_two_faults(wiring):
        for fault in tries:
            raise fault
        return await close_what_agrees(wiring)

    monkeypatch.setattr(rounds, "close_what_agrees", close_after_two_faults)
    stop = asyncio.Event()
    worker = asyncio.create_task(rounds.keep_closing(replace(books.wiring, settings=often), stop))
    while not await closed(books):
        await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(worker, 5)
    assert worker.exception() is None
