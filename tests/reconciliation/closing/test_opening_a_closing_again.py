"""A closing is opened by two people, for a reason that stays on record, and with it the longer ones that hold it."""

import asyncio
from datetime import date, datetime, time

import pytest
from sqlalchemy.exc import DBAPIError

from kernel.access import Role
from kernel.clock import JAPAN
from reconciliation.closing import store
from reconciliation.closing.rounds import close_what_agrees
from support.closings import close, free_story, somebody

DAY, FIRST, LAST = date(2026, 10, 31), date(2026, 10, 1), date(2026, 10, 31)
PLACE = f"/v1/periods/day/{DAY}"


@pytest.fixture
async def closed_october(books):
    await books.take(free_story(DAY))
    books.clock.at = datetime.combine(date(2026, 11, 1), time(5), JAPAN)
    await close_what_agrees(books.wiring)


async def ask(web, by, *, place=PLACE, reason="The till was counted twice.", key="a-1"):
    return await web.post(f"{place}/reopenings", json={"reason": reason}, headers=by | {"Idempotency-Key": key})


async def decide(web, by, asked, verb="approve", *, place=PLACE, key="d-1"):
    return await web.post(f"{place}/reopenings/{asked['id']}/{verb}", headers=by | {"Idempotency-Key": key})


async def periods(web, by, kind):
    answer = await web.get(f"/v1/periods?kind={kind}&from={LAST}&to={LAST}", headers=by)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def refusal(answer):
    return answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]


async def test_one_asks_another_approves_and_the_day_is_open_with_its_month(books, web, closed_october):
    sato, tanaka = somebody(books, "sato"), somebody(books, "tanaka")
    asked = (await ask(web, sato)).json()
    assert (asked["asked_by"], asked["decision"]) == ("sato", None)
    [day] = await periods(web, tanaka, "day")
    assert (day["state"], day["asked"]["id"]) == ("closed", asked["id"])
    decided = (await decide(web, tanaka, asked)).json()
    assert (decided["decision"], decided["decided_by"]) == ("approved", "tanaka")
    for kind in ("day", "month"):
        [seen] = await periods(web, tanaka, kind)
        assert (seen["closing"], seen["asked"]) == (None, None)


async def test_nobody_decides_about_what_they_asked_themselves(books, web, closed_october):
    sato = somebody(books, "sato")
    asked = (await ask(web, sato)).json()
    for verb in ("approve", "decline"):
        assert refusal(await decide(web, sato, asked, verb, key=verb)) == (403, "two-people-needed")
    assert (await periods(web, sato, "day"))[0]["state"] == "closed"


async def test_nor_does_the_database_let_them(books, web, closed_october):
    asked = (await ask(web, somebody(books, "sato"))).json()
    with pytest.raises(DBAPIError, match="check"):
        async with books.wiring.database.transaction("test") as tx:
            await tx.execute(
                "UPDATE reopenings SET decision = 'approved', decided_by = 'sato', decided_as = 'accounting', "
                "decided_at = now() WHERE id = :id",
                id=asked["id"],
            )


async def test_one_of_the_two_may_be_an_administrator_and_not_both(books, web, closed_october):
    root, admin = somebody(books, "root", Role.ADMIN), somebody(books, "admin", Role.ADMIN)
    asked = (await ask(web, root)).json()
    assert refusal(await decide(web, admin, asked)) == (403, "accounting-needed")
    assert (await decide(web, somebody(books, "sato"), asked, key="d-2")).status_code == 200


async def test_a_declined_reopening_changes_nothing_and_may_be_asked_again(books, web, closed_october):
    sato, tanaka = somebody(books, "sato"), somebody(books, "tanaka")
    asked = (await ask(web, sato)).json()
    assert refusal(await ask(web, tanaka)) == (409, "reopening-waits")
    assert (await decide(web, tanaka, asked, "decline")).json()["decision"] == "declined"
    assert (await periods(web, sato, "day"))[0]["state"] == "closed"
    assert refusal(await decide(web, tanaka, asked, key="d-2")) == (409, "reopening-decided")
    assert (await ask(web, sato, key="a-2")).status_code == 200


async def test_what_was_opened_rests_until_the_next_morning_and_closes_as_its_next_version(books, web, closed_october):
    asked = (await ask(web, somebody(books, "sato"))).json()
    await decide(web, somebody(books, "tanaka"), asked)
    assert await close_what_agrees(books.wiring) == 0
    assert (await periods(web, somebody(books, "sato"), "day"))[0]["held_until"] == "2026-11-02T05:00:00+09:00"
    books.clock.at = datetime.combine(date(2026, 11, 2), time(5), JAPAN)
    assert await close_what_agrees(books.wiring) == 3  # The day, the one after it, the month.
    [day] = await periods(web, somebody(books, "sato"), "day")
    assert (day["closing"]["version"], day["closing"]["closed_by"]) == (2, "momiji")
    async with books.wiring.database.transaction("test") as tx:
        [kept] = await store.decided(tx, first=FIRST, last=LAST)
    assert (kept.version, kept.reason, kept.asked_by.name, kept.decided_by.name) == (
        1,
        "The till was counted twice.",
        "sato",
        "tanaka",
    )


async def test_somebody_may_close_it_by_hand_before_that(books, web, closed_october):
    asked = (await ask(web, somebody(books, "sato"))).json()
    await decide(web, somebody(books, "tanaka"), asked)
    assert (await close(books, DAY, by="sato")).version == 2


async def test_a_month_opens_alone_and_its_days_stay_closed(books, web, closed_october):
    place = f"/v1/periods/month/{FIRST}"
    asked = (await ask(web, somebody(books, "sato"), place=place)).json()
    await decide(web, somebody(books, "tanaka"), asked, place=place)
    states = {kind: (await periods(web, somebody(books, "sato"), kind))[0]["state"] for kind in ("day", "month")}
    assert states == {"day": "closed", "month": "ready"}


async def test_two_who_approve_at_once_open_it_once(books, web, closed_october):
    asked = (await ask(web, somebody(books, "sato"))).json()
    answers = await asyncio.gather(*[decide(web, somebody(books, name), asked, key=name) for name in ("a", "b", "c")])
    assert sorted(each.status_code for each in answers) == [200, 409, 409]


@pytest.mark.parametrize("reason", ["", " ", "x" * 1001, "4242 4242 4242 4242"])
async def test_it_needs_a_reason_that_may_be_kept(books, web, closed_october, reason):
    assert (await ask(web, somebody(books, "sato"), reason=reason)).status_code == 422


async def test_an_open_day_cannot_be_opened(books, web):
    assert refusal(await ask(web, somebody(books, "sato"))) == (409, "period-not-closed")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.FACILITY, Role.GATE])
async def test_who_may_not_ask(books, web, closed_october, role):
    assert (await ask(web, somebody(books, "x", role))).status_code == 403


async def test_the_same_key_asks_once(books, web, closed_october):
    sato = somebody(books, "sato")
    assert (await ask(web, sato)).json() == (await ask(web, sato)).json()


async def test_what_was_decided_cannot_be_changed(books, web, closed_october):
    asked = (await ask(web, somebody(books, "sato"))).json()
    await decide(web, somebody(books, "tanaka"), asked, "decline")
    with pytest.raises(DBAPIError, match="decided once"):
        async with books.wiring.database.transaction("test") as tx:
            await tx.execute("UPDATE reopenings SET decision = 'approved'")
