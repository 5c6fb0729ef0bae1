"""Accounting reads whose money it is by name, as ticketing says it; programs read the code."""

import asyncio
import csv
import io
import random
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest

from kernel.access import Role
from kernel.migrations import migrate
from reconciliation.days.names import FacilityNames
from reconciliation.journal import rounds
from reconciliation.reports.names import told_apart
from reconciliation.reports.offer_names import OfferNames
from support.behind_a_port import served
from support.ledger_data import order_story
from support.selling import close_shop, open_shop
from ticketing.app import create_app

NOON = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
SOLD_AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DAYS = "from=2026-11-01&to=2026-11-30"
CODE, JAPANESE, ENGLISH = (
    "manager-hpam",
    "県立美術館の指定管理者(例示)",
    "Manager of the Art Museum (illustrative)",
)
WITH_OWNERS = ("daily_receipts", "monthly_receipts", "assessments", "revenue_book", "remittances")


@pytest.fixture
async def ticketing(fresh_database, tmp_path):
    """Ticketing with the example facilities behind a real port: its address, and a way to end it."""
    url = fresh_database("ticketing")
    await asyncio.to_thread(migrate, "ticketing", url)
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = await open_shop(url, folder, at=NOON, pool_size_max=3)
    async with served(create_app(wiring=shop.wiring)) as at_a_port:
        yield at_a_port
    await close_shop(shop)


@pytest.fixture
async def sold(books):
    """One order of the art museum, booked."""
    await books.take(order_story(random.Random(1), SOLD_AT, place="hpam", method="paypay").events)
    await rounds.post_once(books.wiring, through=date(2026, 11, 25))


@pytest.fixture
def ask(books, web):
    """Return what asks for a page or file, of books whose ticketing is at an address."""

    async def get(address, *, language="ja", at="http://127.0.0.1:9"):
        web._transport.app.state.wiring = replace(
            books.wiring, names=FacilityNames(at, 300), offer_names=OfferNames(at, 300)
        )
        answer = await web.get(address, headers=books.token(Role.ACCOUNTING) | {"accept-language": language})
        assert answer.status_code == 200, answer.text
        return answer

    return get


def read(page):
    """Return what people read of a page: no tags, no addresses."""
    return re.sub(r"<[^>]*>", " ", page.text)


@pytest.mark.parametrize(("language", "name"), [("ja", JAPANESE), ("en", ENGLISH)])
async def test_reports_vouchers_and_entries_say_the_name_in_the_reader_s_language(sold, ask, ticketing, language, name):
    pages = [f"/reports/{each}?{DAYS}" for each in WITH_OWNERS]
    pages += [f"/journal?{DAYS}", "/journal/1", f"/entries?{DAYS}&owner={CODE}"]
    for each in pages:
        text = read(await ask(each, language=language, at=ticketing.url))
        assert (name in text, CODE in text) == (True, False), each


async def test_a_file_says_the_name_beside_the_code_and_the_same_when_ticketing_is_away(sold, ask, ticketing):
    for each in WITH_OWNERS:
        address = f"/v1/exports/{each}_csv?{DAYS}"
        told = await ask(address, at=ticketing.url)
        rows = list(csv.DictReader(io.StringIO(told.content.decode("utf-8-sig"), newline="")))
        assert {(row["歳入帰属コード"], row["歳入帰属"]) for row in rows} == {(CODE, JAPANESE)}, each
        assert (await ask(address)).content == told.content
    await ticketing.stop()


async def test_an_owner_that_nobody_named_goes_by_its_code(sold, ask):
    assert CODE in read(await ask(f"/reports/remittances?{DAYS}"))
    assert CODE in read(await ask(f"/journal?{DAYS}"))


async def test_what_programs_read_keeps_the_code_unless_the_layout_asks_for_the_name(sold, ask, ticketing, books, web):
    before = (await ask(f"/v1/exports/journal_prefecture?{DAYS}", at=ticketing.url)).content.decode("cp932")
    assert (CODE in before, JAPANESE in before) == (True, False)
    columns = [{"heading": "帰属先", "value": "revenue_owner_title"}]
    layout = {"columns": columns, "accounts": ["revenue"]}
    made = await web.put("/v1/export-layouts/journal_prefecture", json=layout, headers=books.token(Role.ACCOUNTING))
    assert made.status_code == 201
    after = (await ask(f"/v1/exports/journal_prefecture?{DAYS}")).content.decode("cp932")
    assert set(after.split()[1:]) == {JAPANESE}


async def test_the_journal_is_searched_by_an_owner_chosen_by_name(sold, ask, ticketing):
    page = await ask(f"/journal?{DAYS}", at=ticketing.url)
    assert f'<option value="{CODE}">{JAPANESE}</option>' in page.text
    assert "/journal/1" in (await ask(f"/journal?{DAYS}&revenue_owner={quote(CODE)}")).text
    assert "/journal/1" not in (await ask(f"/journal?{DAYS}&revenue_owner=hiroshima")).text


async def test_every_owner_that_is_offered_has_a_name(ticketing):
    told = await OfferNames(ticketing.url, 300).news(date(2026, 11, 26))
    assert told["owner", CODE] == (JAPANESE, ENGLISH)
    assert told["owner", "hiroshima"] == ("広島県", "Hiroshima Prefecture")
    assert len({name for (kind, _), name in told.items() if kind == "owner"}) == 12


def test_owners_of_one_name_are_told_apart_by_their_codes():
    names = {"manager-a": "指定管理者", "manager-b": "指定管理者", "hiroshima": "広島県"}
    assert told_apart(names) == {
        "manager-a": "指定管理者 (manager-a)",
        "manager-b": "指定管理者 (manager-b)",
        "hiroshima": "広島県",
    }
