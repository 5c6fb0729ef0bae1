"""The board's figures are the events', recomputed by brute force; and what is not known is not guessed."""

import asyncio
import itertools
import math
import random
from collections import defaultdict
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import Role
from kernel.clock import business_date
from kernel.contracts import payments, ticketing
from kernel.money import Yen
from reconciliation.board import rounds
from reconciliation.board.model import (
    Assumptions,
    Cash,
    DayFigures,
    Milestone,
    Wait,
    minutes_avoided,
    months_of,
    planned_on,
    share_of,
    sheets_avoided,
    waits_of,
)
from support.ledger_data import month

FAULTS = {date(2026, 11, 10): ("unallocated", "late", "not_captured", "reversed", "free", "not_sold")}
AT = timedelta(hours=3)


def some_months(seed):
    return [
        *month(seed, date(2026, 9, 20), date(2026, 9, 29), orders_a_day=3, faults={}),
        *month(seed + 1, date(2026, 11, 5), date(2026, 11, 14), orders_a_day=3, faults=FAULTS),
    ]


def rounded(delta):
    tenths = max(0, math.ceil(10 * delta.total_seconds()))
    return tenths if tenths < 100 else tenths // 10 * 10 if tenths < 6000 else tenths // 600 * 600


def by_hand(events):
    """Recompute a year's figures from the events, one by one."""
    facts = [(event.fact, event.time) for event in events]
    captured = [fact for fact, _ in facts if isinstance(fact, payments.ChargeCaptured)]
    twice = [fact for fact, _ in facts if isinstance(fact, payments.ChargeUnallocated) and fact.attempt_id]
    sold = [fact for fact, _ in facts if isinstance(fact, ticketing.OrderConfirmed)]
    placed = {fact.order_id: at for fact, at in facts if isinstance(fact, ticketing.OrderPlaced)}
    paid = {fact.reference: fact.captured_at for fact in captured}
    issued = defaultdict(list)
    for fact, at in facts:
        if isinstance(fact, ticketing.TicketIssued):
            issued[fact.order_id].append(at)
    since_placed = sorted(rounded(max(issued[fact.order_id]) - placed[fact.order_id]) for fact in sold)
    since_paid = sorted(
        rounded(max(issued[fact.order_id]) - paid[str(fact.order_id)]) for fact in sold if str(fact.order_id) in paid
    )
    with_money = {(business_date(fact.captured_at), each.facility) for fact in captured for each in fact.allocations}
    tickets = sum(line.quantity for fact in sold for line in fact.lines)
    return {
        "taken": sum(fact.captured.amount for fact in captured),
        "payments": len(captured) + len(twice),
        "tickets": tickets,
        "daily_reports": len(with_money),
        "cashless_facilities": len({facility for _, facility in with_money}),
        "placed_to_tickets": waits_by_hand(since_placed),
        "paid_to_tickets": waits_by_hand(since_paid),
    }


def waits_by_hand(values):
    ranked = [values[math.ceil(len(values) * percent / 100) - 1] / 10 for percent in (50, 95)] if values else [None] * 2
    return {"orders": len(values), "median_seconds": ranked[0], "p95_seconds": ranked[1]}


async def board_of(web, books):
    answer = await web.get("/v1/board?year=2026", headers=books.token(Role.ACCOUNTING))
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_board_is_what_the_events_say(books, web, seed):
    events = some_months(seed)
    await books.take(events)
    await rounds.count_all(books.wiring)
    whole = (await board_of(web, books))["whole"]
    expected = by_hand(events)
    assert {name: whole[name] for name in expected} == expected


async def test_counting_as_events_come_is_counting_all_at_once(books, web):
    events = some_months(4)
    random.Random(4).shuffle(events)
    for start in range(0, len(events), 97):
        await books.take(events[start : start + 97])
        await rounds.count_all(books.wiring)
    little_by_little = await board_of(web, books)
    async with books.wiring.database.transaction("test") as tx:
        await tx.execute("DELETE FROM board_progress")
        await tx.execute("UPDATE board_days SET taken = taken + 1")
        await tx.execute("DELETE FROM board_waits")
    await rounds.count_all(books.wiring)
    at_once = await board_of(web, books)
    del little_by_little["counted_until"], at_once["counted_until"]
    assert little_by_little == at_once


async def test_months_add_up_to_the_year(books, web):
    await books.take(some_months(5))
    await rounds.count_all(books.wiring)
    board = await board_of(web, books)
    for name in ("taken", "payments", "tickets", "daily_reports", "sheets_avoided"):
        rounding = len(board["months"]) if name == "sheets_avoided" else 0
        assert abs(board["whole"][name] - sum(each[name] for each in board["months"])) <= rounding
    assert [each["first"] for each in board["months"]] == [f"2026-{n:02d}-01" for n in range(4, 12)]


async def test_a_facility_counts_from_its_first_cashless_ticket(books, web):
    first, last = date(2026, 11, 5), date(2026, 11, 14)
    events = list(month(6, first, last, orders_a_day=2, faults={}))
    await books.take(events)
    await rounds.count_all(books.wiring)
    days = defaultdict(set)
    for event in events:
        if isinstance(event.fact, payments.ChargeCaptured):
            days[event.fact.facility].add(business_date(event.fact.captured_at))
    board = await board_of(web, books)
    assert board["first_cashless_days"] == {place: min(found).isoformat() for place, found in days.items()}
    assert [each["cashless_facilities"] for each in board["months"]] == [0] * 7 + [len(days)]


async def test_nothing_is_said_to_be_counted_before_it_is(books, web):
    await books.take(some_months(7)[:20])
    assert (await board_of(web, books))["counted_until"] is None
    await rounds.count_all(books.wiring)
    assert (await board_of(web, books))["counted_until"] is not None


async def test_the_worker_counts_until_it_is_stopped(books, web):
    await books.take(some_months(8)[:200])
    stop = asyncio.Event()
    running = asyncio.create_task(rounds.keep_counting(books.wiring, stop))
    for _ in range(100):
        if (await board_of(web, books))["counted_until"]:
            break
        await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(running, 5)
    assert (await board_of(web, books))["whole"]["payments"] > 0


yen = st.integers(0, 10**9)
places = st.sampled_from(["a", "b", "c"])
months = st.sampled_from(months_of(2026))


@given(
    st.lists(st.tuples(months, st.integers(0, 27), places, yen), max_size=30),
    st.dictionaries(st.tuples(places, months), st.tuples(yen, st.booleans()), max_size=12),
)
def test_the_share_rests_only_on_what_is_known(taken, counted):
    days = [DayFigures(m + timedelta(days=n), place, "paypay", Yen(v), 1, 1) for m, n, place, v in taken]
    cash = [Cash(place, m, 1, known, Yen(v), 0, 0, "x", None) for (place, m), (v, known) in counted.items()]
    share = share_of(days, cash)
    base = {key for key, (_, known) in counted.items() if known}
    assert share.cashless.amount == sum(v for m, _, place, v in taken if (place, m) in base)
    assert share.cash.amount == sum(v for v, known in counted.values() if known)
    assert (share.percent is None) == (share.cashless.amount + share.cash.amount == 0)
    assert share.percent is None or 0 <= share.percent <= 100


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 5)), max_size=40))
def test_percentiles_are_by_nearest_rank(found):
    waits = waits_of(Wait(date(2026, 11, 1), "paypay", "placed", tenths, orders) for tenths, orders in found)
    values = sorted(itertools.chain.from_iterable([tenths] * orders for tenths, orders in found))
    said = waits_by_hand(values)
    assert waits.orders == said["orders"]
    assert [each if each is None else each / 10 for each in (waits.median, waits.p95)] == [
        said["median_seconds"],
        said["p95_seconds"],
    ]


@given(st.lists(st.tuples(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 14)), unique_by=lambda m: m[0]))
def test_the_plan_is_its_last_milestone_that_is_over(given_milestones):
    ordered = sorted(given_milestones)
    said = Assumptions(milestones=tuple(Milestone(day=day, facilities=number) for day, number in ordered[:20]))
    today = date(2026, 11, 25)
    over = [each.facilities for each in said.milestones if each.day <= today]
    assert planned_on(said, today) == (over[-1] if over else 0)


def test_formulas_by_example():
    said = Assumptions(
        seconds_per_sale=90, seconds_per_match=30, minutes_per_facility_day=20, minutes_per_discrepancy=10
    )
    assert minutes_avoided(said, payments=100, matched=50, facility_days=3, resolved=2) == 150 + 25 + 60 - 20
    said = Assumptions(sheets_per_ticket=1, sheets_per_payment=2, printed_percent=25)
    assert sheets_avoided(said, tickets=80, payments=10) == 75
