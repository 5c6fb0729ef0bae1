"""Accounting decides about deposits by the API: each decision once, by name, and for all facilities."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from kernel.access import Role
from reconciliation.matching import actions
from support.settling import AT, Claim, Deposit, Line, payment, put_claims, put_deposits, put_lines

MONDAY = date(2026, 11, 16)
NOBODY = "01931a3e-0000-7000-8000-000000000000"
DAYS = {"from": "2026-11-01", "to": "2026-11-30"}


@pytest.fixture
async def filled(books):
    """Two payouts of one amount, a transfer of it, and another transfer; and a payment that its provider tells."""
    async with books.wiring.database.transaction("test") as tx:
        lines = [
            Line(1000, kind="adjustment", payout=key, day=MONDAY - timedelta(days=5), arrives_on=MONDAY) for key in "ab"
        ]
        told = Line(500, attempt=payment(1), provider="komoju", fee=14, tax=1, day=MONDAY)
        await put_claims(tx, [Claim(500, attempt=payment(1), method="payeasy_komoju", day=MONDAY)])
        await put_lines(tx, lines)
        await put_lines(tx, [told])
        transfers = [Deposit(1000, MONDAY), Deposit(77, MONDAY, payer="ﾀﾞﾚｶ")]
        await put_deposits(tx, transfers, until=MONDAY + timedelta(days=20))
        await actions.run(tx, run_id=uuid4(), at=AT)
    return told


@pytest.fixture
def get(books, web, filled):
    async def read(path, role=Role.AUDITOR, scope=("*",), **query):
        return await web.get(path, params=query, headers=books.token(role, *scope))

    return read


@pytest.fixture
def post(books, web, filled):
    async def send(path, key="k", role=Role.ACCOUNTING, scope=("*",), **body):
        headers = books.token(role, *scope) | ({"idempotency-key": key} if key else {})
        return await web.post(path, json=body or None, headers=headers)

    return send


async def suggested(get):
    return (await get("/v1/deposit-suggestions")).json()["items"]


async def kinds(get, **query):
    return [each["kind"] for each in (await get("/v1/open-items", **query)).json()["items"]]


async def test_a_suggestion_says_its_score_its_reasons_and_what_it_is_about(get):
    first, second = await suggested(get)
    assert first["score"] == second["score"] == 85
    assert [each["word"] for each in first["reasons"]] == ["amount_same", "day_in_time", "name_same", "not_unique"]
    assert [each["amount"] for each in first["bank_lines"]] == [1000]
    assert {first["payouts"][0]["key"], second["payouts"][0]["key"]} == {"a", "b"}
    page = (await get("/v1/deposit-suggestions", limit=1)).json()
    rest = (await get("/v1/deposit-suggestions", cursor=page["next_cursor"])).json()
    assert [*page["items"], *rest["items"]] == [first, second]
    assert rest["next_cursor"] is None


async def test_accepting_twice_with_one_key_is_accepting_once(get, post):
    (first, _) = await suggested(get)
    path = f"/v1/deposit-suggestions/{first['id']}/accept"
    once, again, anew = await post(path), await post(path), await post(path, key="other")
    assert (once.status_code, once.json()["accepted_by"]) == (201, "test-accounting")
    assert again.json() == once.json()
    assert (anew.status_code, anew.json()["type"]) == (404, "/problems/unknown-suggestion")
    assert (await get(f"/v1/deposit-matches/{once.json()['id']}")).json() == once.json()
    assert await suggested(get) == []


async def test_dismissing_says_why_and_by_whom(get, post):
    (first, _) = await suggested(get)
    said = await post(f"/v1/deposit-suggestions/{first['id']}/dismiss", reason="the other one")
    assert (said.status_code, said.json()["dismissed_by"]) == (201, "test-accounting")
    assert first["id"] not in [each["id"] for each in await suggested(get)]


async def test_matching_by_hand_and_taking_it_back(get, post):
    (line,) = [each for each in (await get("/v1/deposits", **DAYS)).json()["items"] if each["amount"] == 77]
    (payout, _) = (await get("/v1/payouts", **DAYS)).json()["items"]
    made = await post("/v1/deposit-matches", bank_lines=[line["id"]], payouts=[payout["id"]], reason="told by phone")
    assert (made.status_code, made.json()["difference"], made.json()["rule"]) == (201, 77 - 1000, "by_hand")
    assert "deposit_differs" in await kinds(get)
    matched = (await get("/v1/deposits", **DAYS, matched=True)).json()["items"]
    assert [each["match_id"] for each in matched] == [made.json()["id"]]
    back = await post(f"/v1/deposit-matches/{made.json()['id']}/take-back", key="back", reason="a mistake")
    assert back.status_code == 201
    assert (await get(f"/v1/deposit-matches/{made.json()['id']}")).status_code == 404


async def test_a_match_of_a_provider_s_line_is_taken_back(get, post, filled):
    back = await post(f"/v1/matches/{filled.id}/take-back", reason="another visitor's")
    assert (back.status_code, back.json()["lines"]) == (201, [str(filled.id)])
    assert "paid_again_at_provider" in await kinds(get)


async def test_what_is_open_comes_page_by_page_and_by_kind(get):
    whole = (await get("/v1/open-items")).json()["items"]
    assert [each["kind"] for each in whole] == [
        "deposit_missing",
        "deposit_missing",
        "unknown_deposit",
        "unknown_deposit",
    ]
    seen, cursor = [], None
    while True:
        page = (await get("/v1/open-items", limit=1, **({"cursor": cursor} if cursor else {}))).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == whole
    assert await kinds(get, kind="unknown_deposit") == ["unknown_deposit"] * 2
    assert (await get("/v1/open-items", kind="nonsense")).status_code == 422
    assert await kinds(get, role=Role.FACILITY, scope=("hpam",)) == []


POSTS = [
    (f"/v1/deposit-suggestions/{NOBODY}/accept", {}),
    (f"/v1/deposit-suggestions/{NOBODY}/dismiss", {"reason": "x"}),
    ("/v1/deposit-matches", {"bank_lines": [NOBODY], "payouts": [NOBODY], "reason": "x"}),
    (f"/v1/deposit-matches/{NOBODY}/take-back", {"reason": "x"}),
    (f"/v1/matches/{NOBODY}/take-back", {"reason": "x"}),
]


@pytest.mark.parametrize(("path", "body"), POSTS)
async def test_only_accounting_for_all_facilities_decides_and_with_a_key(post, path, body):
    assert (await post(path, role=Role.AUDITOR, **body)).status_code == 403
    assert (await post(path, scope=("hpam",), **body)).status_code == 403
    assert (await post(path, key="", **body)).status_code == 400
    assert (await post(path, **body)).status_code == 404


@pytest.mark.parametrize("path", ["/v1/deposit-suggestions", "/v1/deposits", f"/v1/deposit-matches/{NOBODY}"])
async def test_deposits_are_about_all_facilities(get, path):
    assert (await get(path, role=Role.FACILITY, scope=("hpam",), **DAYS)).status_code == 403


@pytest.mark.parametrize("path", ["/v1/deposit-suggestions", "/v1/deposits", "/v1/open-items"])
async def test_a_strange_cursor_is_refused(get, path):
    assert (await get(path, **DAYS, cursor="x")).status_code == 422


async def test_a_card_number_is_no_reason(post):
    answer = await post(f"/v1/deposit-matches/{uuid4()}/take-back", reason="card 4242 4242 4242 4242")
    assert answer.status_code == 422
