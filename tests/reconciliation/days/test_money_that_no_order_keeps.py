"""Money that comes too late, twice, or is taken back is counted once, and shows only while somebody must act."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from kernel.access import Role
from kernel.contracts import payments
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DAY = "2026-11-24"


def story(end, seed=1):
    return order_story(random.Random(seed), AT, end=end)


async def seen(web, books):
    token = books.token(Role.ACCOUNTING)
    day = (await web.get(f"/v1/days/{DAY}", headers=token)).json()
    file = await web.get(f"/v1/exports/daily_receipts_csv?from={DAY}&to={DAY}", headers=token)
    lines = [line.split(",") for line in file.content.decode("utf-8-sig").splitlines()[1:]]
    return day, sum(int(line[-1]) for line in lines)


async def test_money_that_came_too_late_and_went_back_is_counted_once(books, web):
    told = story("late")
    await books.take(told.events)
    day, net = await seen(web, books)
    amount = told.events[0].fact.total.amount
    assert (day["totals"]["captured"], day["totals"]["refunded"]) == (amount, amount)
    assert day["totals"]["net"] == net == 0
    assert day["disagreements"] == []


async def test_money_that_came_too_late_shows_until_it_is_given_back(books, web):
    told = story("late")
    await books.take([event for event in told.events if not isinstance(event.fact, payments.RefundSettled)])
    day, net = await seen(web, books)
    assert [each["kind"] for each in day["disagreements"]] == ["refund_outstanding"]
    assert day["totals"]["net"] == net == told.events[0].fact.total.amount


async def test_money_that_came_twice_is_over_receipt_until_somebody_gives_it_back(books, web):
    told = story("unallocated")
    await books.take(told.events)
    amount = told.events[0].fact.total.amount
    day, net = await seen(web, books)
    assert [each["kind"] for each in day["disagreements"]] == ["unallocated"]
    assert (day["totals"]["captured"], day["totals"]["unallocated"]) == (amount, amount)
    assert day["totals"]["net"] == net == 2 * amount
    captured = next(event.fact for event in told.events if isinstance(event.fact, payments.ChargeCaptured))
    kept = {
        name: getattr(captured, name)
        for name in ("charge_id", "reference", "method", "facility", "amount", "allocations")
    }
    at = AT + timedelta(hours=2)
    refund = payments.RefundSettled(refund_id=told.id(), **kept, settled_at=at)
    told.tell(refund, refund.refund_id, at)
    await books.take(told.events)
    day, net = await seen(web, books)
    assert day["disagreements"] == []
    assert day["totals"]["net"] == net == amount


async def test_money_that_the_bank_took_back_from_a_cancelled_order_agrees(books, web):
    told = story("reversed")
    await books.take(told.events)
    day, net = await seen(web, books)
    assert day["disagreements"] == []
    assert day["totals"]["net"] == net == 0


async def test_money_that_the_bank_took_back_from_a_valid_order_is_missing(books, web):
    told = story("reversed")
    await books.take(told.events[:-1])
    day, _ = await seen(web, books)
    assert [each["kind"] for each in day["disagreements"]] == ["not_captured"]
    assert day["disagreements"][0]["amount"] == told.events[0].fact.total.amount


@pytest.mark.parametrize("limit", [1, 2, 200])
async def test_every_open_discrepancy_is_on_exactly_one_page(books, web, limit):
    ends = ("short", "not_sold", "unallocated", "refund_outstanding", "not_captured", "admitted", "late")
    for seed, end in enumerate(ends, start=30):
        await books.take(story(end, seed).events)
    token, cursor, found = books.token(Role.ACCOUNTING), None, []
    for _ in range(20):
        asked = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await web.get("/v1/discrepancies", params=asked, headers=token)).json()
        assert len(page["items"]) <= limit
        found += [each["kind"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted(("amounts_differ", *ends[1:5]))


async def test_what_does_not_agree_shows_on_its_own_day_only(books, web):
    await books.take(story("short").events)
    token = books.token(Role.ACCOUNTING)
    days = (await web.get("/v1/days?from=2026-11-01&to=2026-11-25", headers=token)).json()["items"]
    assert [each["date"] for each in days if each["disagreements"]] == [DAY]
    assert (await web.get("/v1/days/2026-11-23", headers=token)).json()["disagreements"] == []
