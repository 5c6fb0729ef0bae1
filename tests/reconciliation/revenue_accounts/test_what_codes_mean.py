"""What a revenue account means is said from a day on, never changed, and never stops the books."""

import random
from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest

from kernel.access import Role
from reconciliation.journal import rounds
from support.money_stories import PARTS, tale

CODE = "一般会計・使用料及び手数料・使用料・教育使用料・施設使用料"
PATH = f"/v1/revenue-accounts/{quote(CODE)}"
MEANING = {
    "fund": "一般会計",
    "part": "使用料及び手数料",
    "chapter": "使用料",
    "item": "教育使用料",
    "section": "美術館使用料",
    "regime": "fee",
    "illustrative": False,
}


@pytest.fixture
def put(books, web):
    async def send(valid_from, *, path=PATH, role=Role.ACCOUNTING, **changes):
        body = {"valid_from": valid_from, "meaning": MEANING | changes}
        return await web.put(path, json=body, headers=books.token(role))

    return send


@pytest.fixture
def get(books, web):
    async def read(path):
        return await web.get(path, headers=books.token(Role.AUDITOR))

    return read


async def test_the_examples_explain_every_code_that_the_example_facilities_use(get):
    found = (await get("/v1/revenue-accounts")).json()
    assert {account for _, _, _, account, _ in PARTS} <= {each["code"] for each in found}
    assert {each["meaning"]["illustrative"] for each in found} == {True}
    assert all("・".join(list(each["meaning"].values())[:5]) == each["code"] for each in found)


async def test_a_new_meaning_counts_from_its_day_on_and_the_old_one_stays(put, get):
    assert (await put("2027-04-01")).status_code == 201
    sections = {}
    for day in ("2027-03-31", "2027-04-01"):
        found = (await get(f"/v1/revenue-accounts?on={day}")).json()
        sections[day] = next(each["meaning"]["section"] for each in found if each["code"] == CODE)
    assert sections == {"2027-03-31": "施設使用料", "2027-04-01": "美術館使用料"}
    assert len((await get(PATH)).json()) == 2


async def test_the_same_again_changes_nothing_and_another_meaning_of_the_same_day_is_refused(put):
    first, again, other = await put("2027-04-01"), await put("2027-04-01"), await put("2027-04-01", section="x")
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert "later day" in other.json()["detail"]


async def test_only_accounting_says_what_a_code_means(put):
    assert (await put("2027-04-01", role=Role.AUDITOR)).status_code == 403


async def test_a_code_that_nobody_explained_is_booked_all_the_same_and_is_a_finding(books, web, get):
    told = tale("kept", random.Random(1), datetime(2026, 3, 24, 1, 0, tzinfo=UTC))  # before the examples count
    await books.take(told.events)
    assert (await rounds.post_once(books.wiring, through=date(2026, 11, 25))).vouchers > 0
    page = (await web.get("/revenue-accounts", headers=books.token(Role.AUDITOR) | {"accept-language": "en"})).text
    assert "but its meaning is only said from a later day" in page
    assert (await get("/v1/revenue-accounts/nothing")).status_code == 404
