"""What comes after a day was closed is a row of the work list, raised and gone by itself, and holds up no closing."""

import random
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import pytest

from kernel.access import Role
from kernel.clock import JAPAN
from kernel.contracts import payments
from kernel.money import Yen
from reconciliation.closing.rounds import close_what_agrees
from reconciliation.ledger import actions as ledger
from support.closings import close, free_story, somebody
from support.ledger_data import order_story

DAY = date(2026, 11, 23)
AT = datetime.combine(DAY, time(10), JAPAN)
LIST = "/v1/discrepancies"
KIND = "changed_after_closing"


@pytest.fixture
async def closed(desk):
    """The desk, with a day of three orders that is closed."""
    await desk.take(random.Random(1), AT, "kept", "kept", "admitted")
    await close(desk.books, DAY)
    await desk.examine()
    return desk


async def rows(desk):
    return await desk.rows("SELECT * FROM discrepancies ORDER BY subject")


async def late_order(desk, seed=9):
    [story] = await desk.take(random.Random(seed), AT, "kept")
    await desk.examine()
    return next(each.fact for each in story.events if isinstance(each.fact, payments.ChargeCaptured))


async def given_back(desk, charge):
    """Tell that a payment was taken back on the closed day, which the sale's amount does not say."""
    story = order_story(random.Random(77), AT)
    names = ("charge_id", "reference", "caller", "method", "amount", "facility", "allocations")
    back = payments.ChargeReversed(
        **{name: getattr(charge, name) for name in names}, reversed=charge.captured, reversed_at=AT
    )
    story.tell(back, uuid4(), AT)
    await desk.books.take(story.events[-1:])
    await desk.examine()


async def resolve(web, books, row, by="sato", reason="The order came late.", key="r"):
    return await web.post(
        f"{LIST}/{row.id}/resolve", json={"reason": reason}, headers=somebody(books, by) | {"Idempotency-Key": key}
    )


async def reopen(books, web):
    place = f"/v1/periods/day/{DAY}/reopenings"
    asked = await web.post(
        place, json={"reason": "To put it right."}, headers=somebody(books, "sato") | {"Idempotency-Key": "a"}
    )
    done = await web.post(
        f"{place}/{asked.json()['id']}/approve", headers=somebody(books, "tanaka") | {"Idempotency-Key": "b"}
    )
    assert done.status_code == 200, done.text


async def test_it_is_raised_with_its_amount_on_its_day_and_told(closed):
    charge = await late_order(closed)
    [row] = await rows(closed)
    assert (row.kind, row.state, row.day, row.amount) == (KIND, "open", DAY, charge.captured.amount)
    told = await closed.rows("SELECT payload FROM outbox WHERE type = 'reconciliation.discrepancy.raised.v1'")
    assert [(each.payload["kind"], each.payload["amount"]) for each in told] == [(KIND, row.amount)]


async def test_a_day_that_stays_as_it_was_closed_raises_nothing(closed):
    assert await rows(closed) == []
    assert await closed.rows("SELECT FROM touched_days") == []


async def test_the_day_the_calendar_and_the_list_show_it_once_and_whoever_reads_need_not_wait(desk, web):
    await desk.take(random.Random(1), AT, "kept")
    await close(desk.books, DAY)
    await desk.take(random.Random(9), AT, "kept")
    by = desk.books.token(Role.AUDITOR)
    day = (await web.get(f"/v1/days/{DAY}", headers=by)).json()
    [listed] = (await web.get(f"{LIST}?kind={KIND}", headers=by)).json()["items"]
    assert [each["id"] for each in day["disagreements"]] == [listed["id"]]
    [calendar] = (await web.get(f"/v1/days?from={DAY}&to={DAY}", headers=by)).json()["items"]
    assert (day["disagreements_count"], calendar["disagreements"]) == (1, 1)


async def test_its_page_says_what_the_figures_were_and_leads_to_what_came_since(closed, web):
    charge = await late_order(closed)
    [row] = await rows(closed)
    [before] = await closed.rows("SELECT totals FROM closings")
    sold = before.totals["sold"]
    page = (await web.get(f"/discrepancies/{row.id}", headers=closed.books.token(Role.ACCOUNTING))).text
    assert f"{Yen(sold)} → {Yen(sold) + charge.captured}" in page
    assert f'href="/closings/day/{DAY}"' in page
    since = await web.get(
        f"/entries?from={DAY}&to={DAY}&since={row.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        headers=closed.books.token(Role.ACCOUNTING),
    )
    assert since.status_code == 200


async def test_facility_staff_do_not_see_it_for_a_closing_is_about_all_facilities(closed, web):
    await late_order(closed)
    by = closed.books.token(Role.FACILITY, "hpam", "shukkeien", "forest-park", "history-museum", "miyoshi-fudoki")
    assert (await web.get(f"{LIST}?kind={KIND}", headers=by)).json()["items"] == []


async def test_what_was_explained_counts_no_more_until_more_changes(closed, web):
    await late_order(closed)
    [row] = await rows(closed)
    assert (await resolve(web, closed.books, row)).status_code == 200
    day = (await web.get(f"/v1/days/{DAY}", headers=closed.books.token(Role.AUDITOR))).json()
    assert day["disagreements"] == []
    await late_order(closed, seed=10)
    [after] = await rows(closed)
    assert (after.state, after.amount > row.amount) == ("open", True)


async def test_another_change_behind_the_same_amount_opens_it_again(closed, web):
    charge = await late_order(closed)
    [row] = await rows(closed)
    await resolve(web, closed.books, row)
    await given_back(closed, charge)
    after = next(each for each in await rows(closed) if each.kind == KIND)
    assert (after.state, after.amount) == ("open", row.amount)


async def test_a_large_change_takes_two_people(closed, web):
    await closed.take(random.Random(4), AT, *["kept"] * 60)
    await closed.examine()
    [row] = await rows(closed)
    assert row.amount > 50_000
    answer = await resolve(web, closed.books, row)
    assert (answer.status_code, answer.json()["state"]) == (202, "proposed")


async def test_it_vanishes_when_its_day_is_opened_and_its_next_closing_begins_anew(closed, web):
    await late_order(closed)
    [row] = await rows(closed)
    await resolve(web, closed.books, row)
    await late_order(closed, seed=10)
    await reopen(closed.books, web)
    await closed.examine()
    [gone] = await rows(closed)
    assert gone.state == "vanished"
    await close(closed.books, DAY)
    await closed.examine()
    assert [each.state for each in await rows(closed)] == ["vanished"]
    await late_order(closed)  # told again, it changes nothing
    await late_order(closed, seed=11)
    assert [(each.subject, each.state) for each in await rows(closed)] == [
        (f"day:{DAY}:1", "vanished"),
        (f"day:{DAY}:2", "open"),
    ]


async def test_it_keeps_no_month_from_closing_and_is_no_thing_that_a_period_misses(desk, web):
    entered = free_story(date(2026, 10, 1))
    await desk.books.take(entered[:-1])
    desk.books.clock.at = datetime(2026, 11, 1, 4, 0, tzinfo=JAPAN)
    await close_what_agrees(desk.books.wiring)
    await desk.books.take(entered[-1:])
    await desk.examine()
    assert [(each.kind, each.state) for each in await rows(desk)] == [(KIND, "open")]
    desk.books.clock.at += timedelta(days=1)
    await close_what_agrees(desk.books.wiring)
    by = desk.books.token(Role.AUDITOR)
    [month] = (await web.get("/v1/periods?kind=month&from=2026-10-01&to=2026-10-31", headers=by)).json()["items"]
    assert (month["state"], month["missing"]) == ("closed", [])


async def test_a_booking_under_way_while_its_day_closes_is_compared_afterwards(desk):
    await desk.take(random.Random(1), AT, "kept")
    late = order_story(random.Random(9), AT, end="kept").events
    async with desk.books.wiring.database.transaction("booking") as booking:
        for event in late:
            await ledger.record(booking, event)
        await close(desk.books, DAY)
        await desk.examine()
        assert await rows(desk) == []
    await desk.examine()
    assert [each.kind for each in await rows(desk)] == [KIND]
