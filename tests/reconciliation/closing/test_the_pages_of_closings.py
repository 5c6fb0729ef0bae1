"""The pages say what is closed, what is missing and where to go, and let two people open a closing."""

import random
from datetime import date, datetime, time

import pytest

from kernel.access import Role
from kernel.clock import JAPAN
from reconciliation.closing.rounds import close_what_agrees
from support.closings import free_story, somebody
from support.ledger_data import order_story

GOOD, BAD = date(2026, 10, 30), date(2026, 10, 31)
DAY = f"/closings/day/{GOOD}"


@pytest.fixture
async def october(books):
    await books.take(free_story(GOOD))
    await books.take(
        order_story(random.Random(1), datetime.combine(BAD, time(9), JAPAN), end="short", place="hpam").events
    )
    books.clock.at = datetime.combine(date(2026, 11, 1), time(5), JAPAN)
    await close_what_agrees(books.wiring)


async def ask(web, by):
    answer = await web.post(f"{DAY}/reopenings", data={"reason": "Counted <twice>."}, headers=by)
    assert (answer.status_code, answer.headers["location"]) == (303, DAY)


async def page(web, by, path="/closings", language="en"):
    answer = await web.get(f"{path}{'&' if '?' in path else '?'}lang={language}", headers=by)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(("language", "said"), [("ja", "対応しないと"), ("en", "somebody has to do something")])
async def test_the_year_says_what_is_missing_and_where_to_go(books, web, october, language, said):
    seen = await page(web, somebody(books, "sato"), language=language)
    assert said in seen
    assert f'href="/?day={BAD}"' in seen
    assert f'href="{DAY}"' in seen
    assert f"/closings/month/{GOOD.replace(day=1)}" in seen


@pytest.mark.parametrize("year", ["2024", "1", "abcd", "9999", "٢٠٢٦"])
async def test_any_year_is_answered(books, web, october, year):
    assert "<h1>" in await page(web, somebody(books, "sato"), f"/closings?year={year}")


@pytest.mark.parametrize(
    "path", [DAY, f"/closings/day/{BAD}", "/closings/month/2026-10-01", "/closings/year/2026-04-01"]
)
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_each_period_has_its_page(books, web, october, path, language):
    assert "<h1>" in await page(web, somebody(books, "sato"), path, language)


async def test_a_day_that_changed_after_its_closing_shows_where(books, web, october):
    late = order_story(random.Random(2), datetime.combine(GOOD, time(9), JAPAN), end="kept", place="shukkeien").events
    await books.take(late)
    seen = await page(web, somebody(books, "sato"), DAY)
    assert "Changed after closing" in seen
    assert "shukkeien" in seen
    assert str(late[0].fact.total) in seen
    assert "closed, changed since" in await page(web, somebody(books, "sato"))


async def test_two_people_open_a_day_on_its_page(books, web, october):
    sato, tanaka = somebody(books, "sato"), somebody(books, "tanaka")
    await ask(web, sato)
    mine, theirs = await page(web, sato, DAY), await page(web, tanaka)
    assert "Somebody else has to decide" in mine
    assert "Counted &lt;twice&gt;." in theirs
    [approve] = [part.split('"')[0] for part in theirs.split('action="')[1:] if part.split('"')[0].endswith("/approve")]
    assert approve not in mine
    assert (await web.post(approve, headers=sato)).status_code == 403
    assert (await web.post(approve, headers=tanaka)).status_code == 303
    opened = await page(web, sato, DAY)
    assert "rests until" in opened
    assert (await web.post(f"{DAY}/close", headers=sato)).status_code == 303
    assert "closing number 2" in await page(web, sato, DAY)


async def test_a_refusal_says_what_to_do(books, web, october):
    answer = await web.post(f"/closings/day/{BAD}/close?lang=en", headers=somebody(books, "sato"))
    assert (answer.status_code, "1 things do not agree" in answer.text) == (409, True)
    answer = await web.post(f"{DAY}/reopenings?lang=en", data={"reason": " "}, headers=somebody(books, "sato"))
    assert (answer.status_code, "the next auditor will ask" in answer.text) == (422, True)
    assert f'<a class="button second" href="{DAY}">Back</a>' in answer.text


async def test_an_auditor_reads_and_does_nothing(books, web, october):
    seen = await page(web, somebody(books, "audit", Role.AUDITOR), DAY)
    assert "<form" not in seen.split("<main")[1]
    assert (await web.post(f"{DAY}/close", headers=somebody(books, "audit", Role.AUDITOR))).status_code == 403


async def test_whoever_sees_some_facilities_is_refused(books, web, october):
    assert (await web.get("/closings", headers=books.token(Role.FACILITY, "hpam"))).status_code == 403


async def test_the_page_takes_no_order_from_another_site(books, web, october):
    headers = somebody(books, "sato") | {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    assert (await web.post(f"{DAY}/reopenings", data={"reason": "x"}, headers=headers)).status_code == 403


@pytest.mark.parametrize("day", [GOOD, BAD])
async def test_the_page_of_a_day_leads_to_its_closing(books, web, october, day):
    assert f"/closings/day/{day}" in await page(web, somebody(books, "sato"), f"/?day={day}")
