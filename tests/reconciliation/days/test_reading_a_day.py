"""A day's figures agree to the yen, say what does not agree, and show nobody another facility's books."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from kernel.access import Role
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DAY = "2026-11-24"


def stories(*ends, seed=1, **given):
    dice = random.Random(seed)
    return [order_story(dice, AT, end=end, **given) for end in ends]


def events(told):
    return [event for each in told for event in each.events]


async def day(web, headers, date=DAY):
    answer = await web.get(f"/v1/days/{date}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_totals_are_what_was_sold_paid_refunded_and_admitted(books, web):
    told = stories("admitted", "cancelled", "kept", "abandoned", "undone")
    await books.take(events(told))
    seen = await day(web, books.token(Role.ACCOUNTING))
    sold = [story.events[0].fact for position, story in enumerate(told) if position != 3]
    people = [sum(line.quantity for line in told[position].events[0].fact.lines) for position in (0, 4)]
    assert seen["totals"]["sold"] == sum(order.total.amount for order in sold)
    assert seen["totals"]["captured"] == seen["totals"]["sold"]
    assert seen["totals"]["refunded"] == told[1].events[0].fact.total.amount
    assert seen["totals"]["admitted"] == sum(people) - 1
    assert seen["agrees"] is True
    assert seen["disagreements"] == []


async def test_a_free_order_sells_nothing_and_counts_its_people(books, web):
    dice = random.Random(3)
    while True:
        free = order_story(dice, AT, end="free", place="miyoshi-fudoki")
        if not free.events[0].fact.total:
            break
    await books.take(free.events)
    seen = await day(web, books.token(Role.ACCOUNTING))
    assert (seen["totals"]["sold"], seen["totals"]["captured"]) == (0, 0)
    assert seen["totals"]["sold_count"] == seen["totals"]["admitted"] > 0
    assert seen["agrees"]


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("not_captured", "not_captured"),
        ("not_sold", "not_sold"),
        ("short", "amounts_differ"),
        ("refund_outstanding", "refund_outstanding"),
        ("unallocated", "unallocated"),
    ],
)
async def test_what_does_not_agree_is_said_with_what_to_do(books, web, end, kind):
    [told] = stories(end)
    await books.take(told.events)
    seen = await day(web, books.token(Role.ACCOUNTING))
    assert [each["kind"] for each in seen["disagreements"]] == [kind]
    assert seen["agrees"] is False
    said = seen["disagreements"][0]["explanation"]
    assert "¥" in said["ja"]
    assert said["ja"] != said["en"]


async def test_an_order_whose_events_are_still_arriving_is_pending(books, web):
    books.clock.at = AT + timedelta(minutes=6)
    [told] = stories("not_sold")
    await books.take(told.events)
    seen = await day(web, books.token(Role.ACCOUNTING))
    assert (seen["agrees"], len(seen["pending"])) == (True, 1)


async def test_entering_with_a_cancelled_ticket_shows(books, web):
    dice = random.Random(5)
    told = order_story(dice, AT, end="cancelled")
    entered = order_story(random.Random(5), AT, end="admitted")
    admission = next(event for event in entered.events if event.type == "ticketing.ticket.admitted.v1")
    voided = next(event.fact for event in told.events if event.type == "ticketing.ticket.voided.v1")
    fact = admission.fact.model_copy(update={"ticket_id": voided.ticket_id, "order_id": voided.order_id})
    await books.take([*told.events, type(admission)(**{**_fields(admission), "fact": fact})])
    seen = await day(web, books.token(Role.ACCOUNTING))
    assert [each["kind"] for each in seen["disagreements"]] == ["admitted_though_void"]


def _fields(event):
    return {name: getattr(event, name) for name in event.__dataclass_fields__}


async def test_a_day_begins_at_midnight_in_japan(books, web):
    [before] = [order_story(random.Random(7), datetime(2026, 11, 23, 14, 50, tzinfo=UTC), end="kept")]
    after = order_story(random.Random(8), datetime(2026, 11, 23, 15, 1, tzinfo=UTC), end="kept")
    await books.take([*before.events, *after.events])
    token = books.token(Role.ACCOUNTING)
    assert (await day(web, token, "2026-11-23"))["totals"]["sold"] == before.events[0].fact.total.amount
    assert (await day(web, token, "2026-11-24"))["totals"]["sold"] == after.events[0].fact.total.amount


async def test_a_facility_sees_its_own_figures_only(books, web):
    await books.take(events(stories("short", place="hpam") + stories("admitted", place="shukkeien", seed=2)))
    seen = await day(web, books.token(Role.FACILITY, "shukkeien"))
    assert {row["facility"] for row in seen["rows"]} == {"shukkeien"}
    assert seen["disagreements"] == []


@pytest.mark.parametrize(("role", "status"), [(Role.GATE, 403), (Role.AUDITOR, 200), (Role.ADMIN, 200), (None, 401)])
async def test_who_may_read_a_day(books, web, role, status):
    answer = await web.get(f"/v1/days/{DAY}", headers=books.token(role) if role else {})
    assert answer.status_code == status


async def test_the_calendar_says_how_each_day_stands(books, web):
    await books.take(events(stories("admitted", "short")))
    answer = await web.get("/v1/days?from=2026-11-23&to=2026-11-25", headers=books.token(Role.ACCOUNTING))
    assert [each["state"] for each in answer.json()["items"]] == ["none", "disagrees", "none"]


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_the_morning_page_speaks_first_of_what_does_not_agree(books, web, language):
    [told] = stories("short")
    await books.take(told.events)
    answer = await web.get(f"/?day={DAY}&lang={language}", headers=books.token(Role.ACCOUNTING))
    assert answer.status_code == 200
    order = told.events[0].fact
    assert f"/orders/{order.order_id}" in answer.text
    assert order.number in answer.text
    story = await web.get(f"/orders/{order.number}?lang={language}", headers=books.token(Role.ACCOUNTING))
    assert story.status_code == 200
    assert str(order.total) in story.text


async def test_somebody_unknown_is_sent_to_sign_in_and_back(books, web):
    answer = await web.get("/?day=2026-11-24")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/%3Fday%3D2026-11-24")
    token = books.token(Role.ACCOUNTING)["Authorization"].removeprefix("Bearer ")
    signed = await web.post("/sign-in", data={"token": token, "next": "/?day=2026-11-24"})
    assert signed.status_code == 303
    assert (await web.get(signed.headers["location"])).status_code == 200
