"""The desk is searched by days, amounts and a name, any together, and turned without losing what is checked."""

import html
import re
from datetime import date, timedelta
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import Role
from reconciliation.deposits import listing, pages
from reconciliation.deposits.listing import Asked
from reconciliation.deposits.names import plain
from reconciliation.deposits.searching import (
    Chosen,
    DeskSearchUnreadable,
    Place,
    Typed,
    Wish,
    folded,
    named,
    understand,
)
from reconciliation.matching import actions
from reconciliation.provider_contracts import store as contracts
from support.settling import AT, Deposit, Line, put_deposits, put_lines

MONDAY = date(2026, 11, 16)
WEEK = timedelta(days=7)


@pytest.fixture
async def filled(books):
    """Payouts of two providers over four weeks, KOMOJU's less a transfer fee, transfers, and transfers of nobody."""
    async with books.wiring.database.transaction("test") as tx:
        lines, transfers = [], []
        for week in range(4):
            day, net = MONDAY + week * WEEK, 1000 + week
            for provider in ("stripe", "komoju"):
                words = {"provider": provider, "payout": f"{provider}_{week}", "arrives_on": day}
                lines.append(Line(net, kind="adjustment", day=day - timedelta(days=3), **words))
            transfers += [
                Deposit(net, day, payer="ｶ)ﾃﾞｼﾞｶ"),
                Deposit(70 + week, day + timedelta(days=1), payer="ﾋﾛｼﾏ ｼﾖｳｶｲ"),
            ]
        await put_lines(tx, lines)
        await put_deposits(tx, transfers, until=MONDAY + 9 * WEEK)
        await actions.run(tx, run_id=uuid4(), at=AT)


@pytest.fixture
def get(books, web, filled):
    async def read(role=Role.ACCOUNTING, language="en", **query):
        headers = books.token(role) | {"accept-language": language}
        return await web.get("/matching", params=query, headers=headers)

    return read


@pytest.fixture
def post(books, web, filled):
    async def send(data, role=Role.ACCOUNTING):
        headers = books.token(role) | {"accept-language": "en", "sec-fetch-site": "same-origin"}
        return await web.post("/matching/by-hand", data=data, headers=headers)

    return send


def picks(page, kind):
    return [int(yen) for yen in re.findall(rf'name="{kind}" value="[0-9a-f-]{{36}}" data-yen="(-?\d+)"', page.text)]


def checked(page, kind):
    return re.findall(rf'name="{kind}" value="([0-9a-f-]{{36}})" data-yen="-?\d+" checked', page.text)


def ids(page, kind):
    return re.findall(rf'name="{kind}" value="([0-9a-f-]{{36}})" data-yen', page.text)


def button(page, name):
    [value] = re.findall(rf'name="wish" value="({name} [^"]+)"', page.text)
    return html.unescape(value)


@pytest.mark.parametrize(
    ("query", "transfers", "due"),
    [
        ({"from": "2026-11-23", "to": "2026-11-24"}, {71, 1001}, {1001, 781}),
        ({"min": "70", "max": "￥７１"}, {70, 71}, set()),
        ({"name": "ヒロシマ"}, {70, 71, 72, 73}, set()),
        ({"name": "ひろしま　ショウカイ", "min": "72"}, {72, 73}, set()),
        ({"name": "カ）デジカ", "to": "2026-11-23"}, {1000, 1001}, {780, 781}),
        ({"name": "komoju_2"}, set(), {782}),
    ],
)
async def test_what_is_open_is_found_by_days_amounts_and_names_any_together(get, query, transfers, due):
    page = await get(**query)
    assert page.status_code == 200
    assert set(picks(page, "line")) == transfers
    assert set(picks(page, "payout")) == due


async def test_a_provider_is_found_by_its_contract_s_title_and_so_are_its_transfers(get, books):
    async with books.wiring.database.transaction("test") as tx:
        terms = await contracts.terms(tx)
    title = terms["komoju"].newest.definition.title
    page = await get(name=title)
    assert set(picks(page, "payout")) == {780, 781, 782, 783}
    assert set(picks(page, "line")) == {1000, 1001, 1002, 1003}
    assert set(re.findall(r'<span class="tag">(\w+)</span><span class="tag good">', page.text)) <= {"KOMOJU", "Stripe"}


async def test_suggestions_are_narrowed_by_either_of_their_sides(get):
    everything = len(re.findall(r"/suggestions/[0-9a-f-]+/accept", (await get()).text))
    one_day = (await get(**{"from": "2026-11-16", "to": "2026-11-16"})).text
    found = len(re.findall(r"/suggestions/[0-9a-f-]+/accept", one_day))
    assert 0 < found < everything


async def test_turning_the_pages_of_transfers_shows_each_once_and_keeps_what_is_checked(get, post, monkeypatch):
    monkeypatch.setitem(pages.SHOWN_MAX, "lines", 3)
    page, seen, first = await get(), [], None
    while True:
        shown = ids(page, "line")
        first = first or shown[0]
        seen += [each for each in shown if each not in seen]
        if "lines " not in "".join(re.findall(r'name="wish" value="(lines [^"]+)"', page.text)):
            break
        turned = await post({"wish": button(page, "lines"), "line": [first]})
        assert turned.status_code == 303
        page = await get(**query_of(turned))
        assert checked(page, "line") == [first]
    assert len(seen) == 8


def query_of(answer):
    address = answer.headers["location"].partition("?")[2].partition("#")[0]
    return {name: [value for key, value in parse_qsl(address) if key == name] for name, _ in parse_qsl(address)}


async def test_a_search_keeps_what_is_checked_and_a_typed_reason(get, post):
    page = await get()
    small = dict(zip(picks(page, "line"), ids(page, "line"), strict=True))[70]
    found = await post({"wish": "search", "name": "komoju", "line": small})
    page = await get(**query_of(found))
    assert checked(page, "line") == [small]
    assert 'data-sum="line">¥70<' in page.text
    kept = await post({"wish": "search", "name": "komoju", "line": small, "reason": "part of it"})
    assert (kept.status_code, 'value="part of it"' in kept.text) == (200, True)
    assert checked(kept, "line") == [small]


async def test_a_decision_leads_back_to_the_search(get, books, web):
    page = await get(name="stripe")
    [address, *_] = re.findall(r'action="(/matching/suggestions/[0-9a-f-]+/accept\?[^"]+)"', page.text)
    headers = books.token(Role.ACCOUNTING) | {"sec-fetch-site": "same-origin"}
    answer = await web.post(html.unescape(address), headers=headers)
    assert answer.headers["location"] == "/matching?name=stripe&done=accepted"


async def test_matches_are_found_and_turned_page_by_page(get, books, web, monkeypatch):
    monkeypatch.setitem(pages.SHOWN_MAX, "matched", 1)
    headers = books.token(Role.ACCOUNTING) | {"sec-fetch-site": "same-origin"}
    for name in ("2026-11-16", "2026-11-23", "2026-11-30"):
        page = await get(**{"from": name, "to": name})
        [accept, *_] = re.findall(r"(/matching/suggestions/[0-9a-f-]+/accept)", page.text)
        await web.post(accept, headers=headers)
    page, seen = await get(), []
    while True:
        seen += re.findall(r"/matching/matches/([0-9a-f-]{36})/take-back", page.text)
        more = re.findall(r'href="/matching\?(matched=[^"]+)#matched">More', page.text)
        if not more:
            break
        page = await get(matched=dict(parse_qsl(html.unescape(more[0])))["matched"])
    assert len(seen) == len(set(seen)) == 3
    one = await get(**{"from": "2026-11-23", "to": "2026-11-23"})
    assert len(re.findall(r"/matching/matches/", one.text)) == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"from": "yesterday"}, "A day is written as"),
        ({"min": "a few"}, "an amount as a number of yen"),
        ({"from": "2026-11-30", "to": "2026-11-01"}, "The first day is after the last one"),
        ({"min": "5", "max": "4"}, "The smallest amount is larger"),
        ({"name": "x" * 81}, "The name is too long"),
    ],
)
async def test_a_search_that_cannot_be_read_says_so_and_loses_nothing(get, query, said):
    page = await get(**query)
    assert page.status_code == 422
    assert said in page.text
    for value in query.values():
        assert f'value="{value}"' in page.text


async def test_a_cursor_of_nobody_is_refused_in_words(get):
    page = await get(lines="2026~x")
    assert page.status_code == 422
    assert "The cursor is none of this list" in page.text


async def test_others_search_and_check_nothing(get, post):
    assert (await post({"wish": "search", "name": "stripe"}, role=Role.AUDITOR)).status_code == 303
    page = await get(role=Role.AUDITOR, name="stripe")
    assert picks(page, "line") == []
    assert "disabled" in (await get(role=Role.AUDITOR)).text


def test_nobody_is_meant_by_no_name():
    assert named("", {}) is None
    assert named("株式会社", {}).said == ("株式会社",)


@given(st.builds(Typed, *[st.text(max_size=12)] * 5))
def test_whatever_is_typed_is_understood_or_refused_in_words(typed):
    try:
        wish = understand(typed)
    except DeskSearchUnreadable:
        return
    assert wish == Wish() or any((typed.first, typed.last, typed.least, typed.most, typed.name))


@given(st.builds(Typed, *[st.text(max_size=8)] * 5), st.lists(st.uuids(), max_size=3))
def test_an_address_of_the_desk_says_all_that_is_searched_and_chosen(typed, lines):
    said = dict(parse_qsl(Place(typed, {"lines": "a"}, Chosen(tuple(lines))).address("/matching").partition("?")[2]))
    assert {key: value for key, value in said.items() if key in {"from", "to", "min", "max", "name"}} == {
        key: value
        for key, value in zip(
            ("from", "to", "min", "max", "name"),
            (typed.first, typed.last, typed.least, typed.most, typed.name),
            strict=True,
        )
        if value
    }
    assert said.get("line") == (str(lines[-1]) if lines else None)


async def test_the_database_reads_names_as_the_rules_do(books):
    names = [
        "ｶ)ﾃﾞｼﾞｶ",
        "ストライプジャパン",
        "ﾍﾟｲﾍﾟｲ(ｶ",
        "ひろしま　しょうかい",
        "Pay-Pay",
        "ﾋﾛｼﾏ-ｹﾝ",
        "キョート・ヲカヂ",
        "ＫＯＭＯＪＵ",
    ]
    async with books.wiring.database.transaction("test") as tx:
        for name in names:
            told = (await tx.execute("SELECT plain_name(:name)", name=name)).scalar_one()
            assert told == folded(name)
            assert plain(name) in told


async def test_an_index_of_the_page_is_what_the_list_of_everything_says(books, filled):
    async with books.wiring.database.transaction("test") as tx:
        whole = await listing.open_payouts(tx, Asked(Wish(), None, "", 50))
        parts, cursor = [], ""
        for _ in range(9):
            part = await listing.open_payouts(tx, Asked(Wish(), None, cursor, 3))
            parts += part.ids
            cursor = part.next
            if not cursor:
                break
    assert tuple(parts) == whole.ids
