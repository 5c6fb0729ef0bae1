"""Somebody of accounting decides on the page what belongs together, and every figure leads to its lines."""

import re
from datetime import date, timedelta
from uuid import uuid4

import pytest

from kernel.access import Role
from reconciliation.deposits import pages
from reconciliation.deposits.model import ReasonWord, Rule
from reconciliation.matching import actions
from support.settling import AT, Claim, Deposit, Line, payment, put_claims, put_deposits, put_lines

MONDAY = date(2026, 11, 16)


@pytest.fixture
async def filled(books):
    """Two payouts of one amount, a transfer of it, another transfer, and a payment that its provider tells."""
    async with books.wiring.database.transaction("test") as tx:
        days = {"day": MONDAY - timedelta(days=5), "arrives_on": MONDAY}
        await put_claims(tx, [Claim(500, attempt=payment(1), method="payeasy_komoju", day=MONDAY)])
        await put_lines(tx, [Line(1000, kind="adjustment", payout=key, **days) for key in ("po_a", "po_b")])
        await put_lines(tx, [Line(500, attempt=payment(1), provider="komoju", fee=14, tax=1, day=MONDAY)])
        transfers = [Deposit(1000, MONDAY), Deposit(77, MONDAY, payer="ﾀﾞﾚｶ")]
        await put_deposits(tx, transfers, until=MONDAY + timedelta(days=20))
        await actions.run(tx, run_id=uuid4(), at=AT)


@pytest.fixture
def get(books, web, filled):
    async def read(path="/matching", role=Role.ACCOUNTING, scope=("*",), language="en"):
        return await web.get(path, headers=books.token(role, *scope) | {"accept-language": language})

    return read


@pytest.fixture
def post(books, web, filled):
    async def send(path, role=Role.ACCOUNTING, scope=("*",), site="same-origin", **data):
        headers = books.token(role, *scope) | {"accept-language": "en", "sec-fetch-site": site}
        return await web.post(path, data=data, headers=headers, follow_redirects=True)

    return send


def suggestions(page):
    return re.findall(r"/matching/suggestions/([0-9a-f-]{36})/accept", page.text)


def picks(page, kind):
    return re.findall(rf'name="{kind}" value="([0-9a-f-]{{36}})" data-yen="(-?\d+)"', page.text)


async def test_suggestions_say_their_score_and_their_reasons_in_words(get):
    page = await get()
    assert page.status_code == 200
    assert len(suggestions(page)) == 2
    assert "85 %" in page.text
    for said in ("The amount is the same", "It came on time", "Something else fits as well"):
        assert said in page.text
    japanese = (await get(language="ja")).text
    assert "金額が一致" in japanese
    assert "ほかにも一致するものがあります" in japanese


async def test_a_suggestion_that_is_accepted_is_matched_with_its_rule(get, post):
    first, _ = suggestions(await get())
    page = await post(f"/matching/suggestions/{first}/accept")
    assert "Accepted. The transfer and its payouts are matched." in page.text
    assert suggestions(page) == []
    assert "A suggestion that a person accepted" in page.text
    assert "test-accounting" in page.text


async def test_a_suggestion_is_dismissed_for_a_reason_only(get, post):
    first, second = suggestions(await get())
    assert "Write down why" in (await post(f"/matching/suggestions/{first}/dismiss", reason=" ")).text
    page = await post(f"/matching/suggestions/{first}/dismiss", reason="another month")
    assert suggestions(page) == [second]


async def test_why_a_suggestion_is_wrong_is_not_asked_as_why_a_day_is_opened_again(get):
    page = (await get(language="ja")).text
    assert ">理由</label>" in page
    assert "解除の理由" not in page


async def test_what_somebody_else_decided_already_is_said(get, post):
    first, second = suggestions(await get())
    await post(f"/matching/suggestions/{first}/accept")
    page = await post(f"/matching/suggestions/{second}/accept")
    assert page.status_code == 422
    assert "somebody may have decided it" in page.text


async def test_matching_by_hand_shows_the_difference_first_and_can_be_taken_back(get, post):
    page = await get()
    [small] = [line for line, yen in picks(page, "line") if yen == "77"]
    payout = next(each for each, yen in picks(page, "payout") if yen == "1000")
    shown = await post("/matching/by-hand", line=small, payout=payout, reason="", wish="sum")
    assert 'data-sum="difference">-¥923<' in shown.text
    assert len(re.findall(r'type="checkbox"[^>]* checked', shown.text)) == 2
    refused = await post("/matching/by-hand", line=small, payout=payout, wish="match")
    assert re.search(r"Write down why[^<]* <a href=.#hand.>", refused.text)
    page = await post("/matching/by-hand", line=small, payout=payout, reason="part of it", wish="match")
    assert "Matched by hand." in page.text
    assert "difference -¥923" in page.text
    [match] = re.findall(r"/matching/matches/([0-9a-f-]{36})/take-back", page.text)
    page = await post(f"/matching/matches/{match}/take-back", reason="it was another")
    assert "The match is taken back" in page.text
    assert "take-back" not in page.text.replace("taken-back", "")


async def test_others_look_and_decide_nothing(get, post):
    page = await get(role=Role.AUDITOR)
    assert page.status_code == 200
    assert suggestions(page) == []
    [*some] = suggestions(await get())
    assert (await post(f"/matching/suggestions/{some[0]}/accept", role=Role.AUDITOR)).status_code == 403
    assert (await post("/matching/by-hand", role=Role.AUDITOR, wish="match")).status_code == 403
    assert (await get(role=Role.FACILITY, scope=("hpam",))).status_code == 403


async def test_another_site_s_form_decides_nothing(get, post):
    first, _ = suggestions(await get())
    assert (await post(f"/matching/suggestions/{first}/accept", site="cross-site")).status_code == 403
    assert len(suggestions(await get())) == 2


async def test_an_empty_desk_says_what_to_do(books, web):
    page = await web.get("/matching", headers=books.token(Role.ACCOUNTING) | {"accept-language": "en"})
    assert "Nothing waits for a decision." in page.text
    assert "Every transfer and every payout that is due is explained." in page.text
    assert "Send the statements of your bank and providers first." in page.text


async def test_a_booking_and_a_provider_s_line_have_pages_that_say_what_they_are_matched_with(get, post, books):
    async with books.wiring.database.transaction("test") as tx:
        line = (await tx.execute("SELECT id FROM settlement_lines WHERE provider = 'komoju'")).scalar_one()
        booked = (await tx.execute("SELECT id FROM bank_lines WHERE amount = 1000")).scalar_one()
    said = (await get(f"/statements/lines/{line}")).text
    assert "Rule: same payment, same kind and amount" in said
    assert "/orders/" in said
    assert "No payout explains this transfer yet." in (await get(f"/statements/bank-lines/{booked}")).text
    await post(f"/matching/suggestions/{suggestions(await get())[0]}/accept")
    said = (await get(f"/statements/bank-lines/{booked}")).text
    assert "A suggestion that a person accepted" in said
    assert "Payouts in this transfer" in said
    for nowhere in ("lines", "bank-lines"):
        answer = await get(f"/statements/{nowhere}/{uuid4()}")
        assert (answer.status_code, "no such line" in answer.text) == (404, True)
    assert (await get(f"/statements/lines/{line}", role=Role.FACILITY, scope=("hpam",))).status_code == 403


def test_every_reason_and_rule_has_words():
    assert set(pages.REASON_WORDS) == set(ReasonWord.__args__)
    assert set(pages.RULE_WORDS) == set(Rule.__args__)


async def test_a_line_s_match_is_taken_back_on_its_page_for_a_reason_and_its_page_says_so(get, post, books):
    async with books.wiring.database.transaction("test") as tx:
        line = (await tx.execute("SELECT id FROM settlement_lines WHERE provider = 'komoju'")).scalar_one()
    address = f"/statements/lines/{line}"
    [match] = re.findall(r'name="match" value="([^"]+)"', (await get(address)).text)
    kept = await post(f"{address}/take-back", match=match, reason="4242 4242 4242 4242")
    assert (kept.status_code, 'name="match"' in kept.text) == (422, True)
    page = await post(f"{address}/take-back", match=match, reason="It is another payment's.")
    assert "Nothing in our books is matched with this line." in page.text
    assert "It is another payment&#39;s." in page.text
    assert "test-accounting" in page.text
    again = await post(f"{address}/take-back", match=match, reason="twice")
    assert (again.status_code, "no match" in again.text) == (422, True)
    async with books.wiring.database.transaction("test") as tx:
        await actions.run(tx, run_id=uuid4(), at=AT)
    assert "Nothing in our books is matched with this line." in (await get(address)).text


async def test_only_accounting_takes_a_line_s_match_back_and_from_its_own_page(get, post, books):
    async with books.wiring.database.transaction("test") as tx:
        line = (await tx.execute("SELECT id FROM settlement_lines WHERE provider = 'komoju'")).scalar_one()
    address, given = f"/statements/lines/{line}/take-back", {"match": str(line), "reason": "x"}
    assert "take-back" not in (await get(f"/statements/lines/{line}", role=Role.AUDITOR)).text
    assert (await post(address, role=Role.AUDITOR, **given)).status_code == 403
    assert (await post(address, role=Role.ACCOUNTING, scope=("hpam",), **given)).status_code == 403
    assert (await post(address, site="cross-site", **given)).status_code == 403
    assert "Rule: same payment" in (await get(f"/statements/lines/{line}")).text


async def test_lines_that_are_matched_together_are_taken_back_together(books, web):
    async with books.wiring.database.transaction("test") as tx:
        await put_claims(tx, [Claim(900, attempt=payment(2), method="stripe_card", day=MONDAY)])
        await put_lines(tx, [Line(each, attempt=payment(2), day=MONDAY) for each in (400, 500)])
        await actions.run(tx, run_id=uuid4(), at=AT)
        first, second = (await tx.execute("SELECT id FROM settlement_lines ORDER BY gross")).scalars()
    headers = books.token(Role.ACCOUNTING) | {"accept-language": "en", "sec-fetch-site": "same-origin"}
    page = await web.get(f"/statements/lines/{first}", headers=headers)
    assert "Rule: same payment, the sums agree" in page.text
    assert f'href="/statements/lines/{second}"' in page.text
    [match] = re.findall(r'name="match" value="([^"]+)"', page.text)
    await web.post(f"/statements/lines/{first}/take-back", data={"match": match, "reason": "Two."}, headers=headers)
    other = await web.get(f"/statements/lines/{second}", headers=headers)
    assert "Nothing in our books is matched with this line." in other.text
    assert "Two." in other.text
