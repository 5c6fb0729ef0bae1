"""The journal as JSON: searched, opened, balanced, and written to by hand, once each."""

import random
from datetime import UTC, datetime

import pytest

from kernel.access import Role
from support.money_stories import tale

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
BY_HAND = {
    "booked_on": "2026-11-25",
    "words": "通帳の利息",
    "postings": [
        {"side": "debit", "account": "bank", "amount": 12},
        {"side": "credit", "account": "suspense", "amount": 12},
    ],
}


@pytest.fixture
def call(books, web):
    async def send(method, path, *, role=Role.ACCOUNTING, key="k1", **more):
        headers = books.token(role) | ({"idempotency-key": key} if method == "POST" else {})
        return await web.request(method, f"/v1/journal{path}", headers=headers, **more)

    return send


@pytest.fixture
async def posted(books, post):
    told = [tale(end, random.Random(seed), AT) for seed, end in enumerate(("kept", "cancelled_and_refunded", "kept"))]
    for each in told:
        await books.take(each.events)
    await post()
    return told


async def all_of(call, query=""):
    found, cursor = [], "0"
    while cursor:
        answer = (await call("GET", f"?limit=2&cursor={cursor}&{query}")).json()
        found += answer["items"]
        cursor = answer["next_cursor"]
    return found


async def test_vouchers_come_by_number_page_by_page_each_balanced(posted, call):
    found = await all_of(call)
    assert [each["number"] for each in found] == list(range(1, len(found) + 1))
    assert found[1]["previous_hash"] == found[0]["hash"]
    for each in found:
        sides = {"debit": 0, "credit": 0}
        for posting in each["postings"]:
            sides[posting["side"]] += posting["amount"]
        assert sides["debit"] == sides["credit"]


def fits(posting, **wanted):
    least, most = wanted.pop("amount_from", 0), wanted.pop("amount_to", 10**9)
    party = wanted.pop("counterparty", None)
    return (
        least <= posting["amount"] <= most
        and (party is None or party in {posting["method"], posting["provider"]})
        and all(posting[name] == value for name, value in wanted.items())
    )


SEARCHES = (
    {"account": "revenue"},
    {"account": "revenue", "amount_from": 600},
    {"amount_from": 300, "amount_to": 900},
    {"counterparty": "paypay"},
    {"counterparty": "stripe_card", "account": "provider_receivable"},
    {"facility": "hpam", "amount_to": 2000},
    {"revenue_account": "一般会計・使用料及び手数料・使用料・土木使用料・施設使用料", "account": "visitor_receivable"},
    {"revenue_owner": "hiroshima", "account": "revenue"},
)


async def test_what_is_asked_of_postings_is_asked_of_one_and_the_same(posted, call):
    everything = await all_of(call)
    for wanted in SEARCHES:
        expected = [each["number"] for each in everything if any(fits(one, **wanted) for one in each["postings"])]
        found = await all_of(call, "&".join(f"{name}={value}" for name, value in wanted.items()))
        assert [each["number"] for each in found] == expected, wanted


async def test_days_and_kinds_narrow_a_search(posted, call):
    assert await all_of(call, "from=2026-11-25&to=2026-11-30&kind=receipts") == []
    found = await all_of(call, "to=2026-11-24&kind=receipts")
    assert {each["kind"] for each in found} == {"receipts"}


async def test_a_trial_balance_adds_up_and_what_it_ends_with_is_what_the_next_begins_with(posted, call):
    async def balance(query):
        return {each["account"]: each for each in (await call("GET", f"/trial-balance?{query}")).json()}

    first, second = await balance("from=2026-11-01&to=2026-11-24"), await balance("from=2026-11-25&to=2026-11-30")
    whole, year = await balance("from=2026-04-01&to=2027-03-31"), await balance("year=2026")
    for found in (first, second, whole):
        assert sum(each["debit"] - each["credit"] for each in found.values()) == 0
    assert {code: each["closing"] for code, each in first.items()} == {
        code: each["opening"] for code, each in second.items()
    }
    assert whole == year
    assert -first["revenue"]["closing"] == sum(each.total.amount for each in posted)


async def test_revenue_begins_each_fiscal_year_with_nothing_and_what_is_owed_is_carried_on(posted, call):
    found = {
        each["account"]: each for each in (await call("GET", "/trial-balance?from=2027-04-01&to=2027-04-30")).json()
    }
    assert (found["revenue"]["opening"], found["provider_receivable"]["opening"] > 0) == (0, True)


async def test_a_voucher_by_hand_is_booked_once_however_often_it_is_sent(call):
    first, again = [await call("POST", "", json=BY_HAND) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json())
    assert len(await all_of(call)) == 1
    assert first.json()["words"] == "通帳の利息"


async def test_a_voucher_by_hand_is_reversed_once_for_a_reason(call):
    await call("POST", "", json=BY_HAND)
    undone = await call("POST", "/1/reverse", key="k2", json={"words": "二重に記帳した"})
    assert (undone.status_code, undone.json()["reverses"]) == (201, 1)
    assert (await call("GET", "/1")).json()["reversed_by"] == 2
    for number in (1, 2):
        again = await call("POST", f"/{number}/reverse", key=f"k3{number}", json={"words": "x"})
        assert (again.status_code, again.json()["type"].rsplit("/", 1)[-1]) == (409, "voucher-reversed")


def changed(**more):
    return BY_HAND | more


def one_yen_more():
    return [BY_HAND["postings"][0] | {"amount": 13}, BY_HAND["postings"][1]]


REFUSED = {
    "voucher-unbalanced": changed(postings=one_yen_more()),
    "books-not-begun": changed(booked_on="2026-11-26"),
    "no-old-year": changed(old_year=True),
    "voucher-words-missing": changed(words="   "),
    "card-number": changed(words="4242 4242 4242 4242"),
}


async def test_a_voucher_that_cannot_be_says_what_to_do(call):
    for slug, given in REFUSED.items():
        answer = await call("POST", "", key=slug, json=given)
        assert (answer.status_code, slug in answer.json()["type"]) == (422, True), slug
    assert await all_of(call) == []


async def test_what_follows_from_facts_is_not_reversed_by_hand(posted, call):
    answer = await call("POST", "/1/reverse", json={"words": "x"})
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (409, "voucher-follows-facts")


async def test_a_closed_day_takes_no_voucher_and_says_which_day_does(books, call, ask):
    await ask(
        "INSERT INTO closings (kind, first_day, last_day, version, totals, closed_by, closed_at) SELECT 'day', day, "
        "day, 1, '{}', 'x', now() FROM (VALUES (date '2026-11-20')) AS d (day) RETURNING 1"
    )
    answer = await call("POST", "", json=changed(booked_on="2026-11-20"))
    assert answer.status_code == 409
    assert "2026-11-21" in answer.json()["detail"]


async def test_the_journal_is_for_those_who_see_all_facilities_and_written_by_accounting(books, web):
    found = {}
    for role, facilities in (
        (Role.AUDITOR, ()),
        (Role.FACILITY, ("hpam",)),
        (Role.GATE, ()),
        (Role.ACCOUNTING, ("hpam",)),
    ):
        headers = books.token(role, *facilities) | {"idempotency-key": "k"}
        answers = [
            await web.get("/v1/journal", headers=headers),
            await web.post("/v1/journal", headers=headers, json=BY_HAND),
        ]
        found[role] = [each.status_code for each in answers]
    assert found == {
        Role.AUDITOR: [200, 403],
        Role.FACILITY: [403, 403],
        Role.GATE: [403, 403],
        Role.ACCOUNTING: [403, 403],
    }
