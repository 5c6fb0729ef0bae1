"""The day's page, the calendar and the list tell one truth, also while much is still being examined."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from kernel.access import Role
from reconciliation.discrepancies import actions

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DAY = "/v1/days/2026-11-24"


@pytest.fixture
def asks(books, web):
    async def get(address):
        return (await web.get(address, headers=books.token(Role.ACCOUNTING))).json()

    return get


async def test_what_matching_leaves_open_counts_on_its_day(desk, asks):
    await desk.take(random.Random(1), AT, "short")
    await desk.items({"day": (AT - timedelta(days=1)).date()}, {"subject": "line:2", "day": AT.date(), "amount": -70})
    await desk.examine()
    day, calendar = await asks(DAY), await asks("/v1/days?from=2026-11-23&to=2026-11-24")
    listed = (await asks("/v1/discrepancies?from=2026-11-24&to=2026-11-24"))["items"]
    assert sorted(each["id"] for each in day["disagreements"]) == sorted(each["id"] for each in listed)
    assert [each["disagreements"] for each in calendar["items"]] == [1, 2]
    assert (day["disagreements_count"], day["agrees"]) == (2, False)


async def test_a_day_that_is_not_examined_whole_does_not_agree_yet(desk, asks, web, books, monkeypatch):
    monkeypatch.setattr(actions, "PORTION_TOUCHES_MAX", 3)
    monkeypatch.setattr(actions, "PORTIONS_ON_READING_MAX", 1)
    await desk.take(random.Random(1), AT, "admitted", "admitted", "short")
    day = await asks(DAY)
    assert (day["behind"], day["agrees"]) == (True, False)
    page = await web.get("/?day=2026-11-24", headers=books.token(Role.ACCOUNTING))
    assert "一度に多くの通知が届き" in page.text


async def test_a_day_shows_the_first_of_very_many_and_leads_to_all(desk, asks, web, books):
    await desk.items(*({"subject": f"line:{number}", "day": AT.date()} for number in range(230)))
    await desk.examine()
    day = await asks(DAY)
    assert (len(day["disagreements"]), day["disagreements_count"]) == (200, 230)
    page = (await web.get("/?day=2026-11-24", headers=books.token(Role.ACCOUNTING))).text
    assert "/discrepancies?from=2026-11-24&amp;to=2026-11-24" in page
    assert "230件" in page
