"""The journal as people see it: by day, one voucher, what lies behind an amount, the trial balance, and by hand."""

import random
import re
from datetime import UTC, date, datetime

import pytest

from kernel.access import Role
from reconciliation.journal import rounds
from support.money_stories import tale
from support.settlement import pay_out, put_lines_of_claims

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def open_page(books, web):
    async def get(path, *, role=Role.ACCOUNTING, language="en"):
        return await web.get(path, headers=books.token(role) | {"accept-language": language})

    return get


@pytest.fixture
def send(books, web):
    async def post_form(path, *, role=Role.ACCOUNTING, **form):
        return await web.post(path, data=form, headers=books.token(role) | ENGLISH)

    return post_form


@pytest.fixture
async def booked(books):
    told = [tale(end, random.Random(seed), AT) for seed, end in enumerate(("kept", "cancelled_and_refunded", "kept"))]
    for each in told:
        await books.take(each.events)
    async with books.wiring.database.transaction("test") as tx:
        await put_lines_of_claims(tx, at=AT)
        await pay_out(tx)
    await rounds.post_once(books.wiring, through=date(2026, 12, 31))
    return told


async def test_vouchers_are_listed_by_day_and_every_amount_leads_to_parts_that_make_it(booked, open_page):
    page = (await open_page("/journal?from=2026-11-01&to=2026-12-31")).text
    amounts = dict(re.findall(r'<a href="(/journal/\d+/\d+)">(¥[\d,]+)</a>', page))
    assert len(amounts) > 15
    for address, amount in list(amounts.items())[::3]:
        behind = (await open_page(address)).text
        assert amount in behind
        if "<tfoot>" in behind:
            assert f'<td class="number">{amount}</td></tr></tfoot>' in behind, address


async def test_an_order_is_two_steps_from_its_revenue(booked, open_page):
    page = (await open_page("/journal?from=2026-11-01&to=2026-11-30&account=revenue&kind=assessment")).text
    address = re.search(r'Revenue</th>.*?href="(/journal/\d+/\d+)"', page, re.DOTALL).group(1)
    places = [address, *re.findall(r'href="(/journal/\d+/\d+)"', page)][:6]
    assert f"/orders/{booked[0].order_id}" in "".join([(await open_page(each)).text for each in places])


async def test_a_search_that_finds_nothing_and_one_that_cannot_be_read_say_what_to_do(booked, open_page):
    assert "No voucher is like this" in (await open_page("/journal?min=99999999")).text
    wrong = await open_page("/journal?min=abc")
    assert (wrong.status_code, "Write a whole number of yen" in wrong.text) == (422, True)


async def test_the_page_says_when_it_was_verified_and_verifies_anew(booked, open_page, send):
    assert "has not been verified yet" in (await open_page("/journal")).text
    assert (await send("/journal/verify")).status_code == 303
    assert "balance, follow each other unbroken" in (await open_page("/journal")).text


async def test_the_trial_balance_adds_up_on_the_page(booked, open_page):
    page = (await open_page("/journal/balance?from=2026-11-01&to=2026-12-31", language="ja")).text
    debit, credit = re.search(r"<tfoot>.*?¥([\d,]+)</td><td[^>]*>¥([\d,]+)</td>", page).groups()
    assert debit == credit
    assert "決済事業者未収金" in page
    assert "2026年度決算" in (await open_page("/journal/balance?year=2026", language="ja")).text


FORM = {
    "day": "2026-11-25", "words": "通帳の利息",
    "account-1": "bank", "debit-1": "1,200", "account-2": "suspense", "credit-2": "1200",
}  # fmt: skip


async def test_a_voucher_by_hand_is_entered_shown_and_reversed(open_page, send):
    made = await send("/journal/new", **FORM)
    assert made.headers["location"] == "/journal/1"
    page = (await open_page("/journal/1")).text
    assert page.count("¥1,200") >= 4
    assert (await send("/journal/1/reverse", words="二重")).headers["location"] == "/journal/2"
    assert "reversed by 2" in (await open_page("/journal/1")).text


async def test_a_form_that_does_not_balance_comes_back_with_what_was_written(send):
    for changes, said in (
        ({"credit-2": "1300"}, "The debits come to ¥1,200 and the credits to ¥1,300"),
        ({"debit-2": "5"}, "Row 2: choose an account"),
        ({"debit-1": "many"}, "many is no amount"),
        ({"day": ""}, "Choose the day"),
    ):
        answer = await send("/journal/new", **(FORM | changes))
        assert (answer.status_code, said in answer.text) == (422, True), said
        assert "通帳の利息" in answer.text


async def test_an_auditor_reads_and_writes_nothing(booked, open_page, send):
    page = await open_page("/journal", role=Role.AUDITOR)
    assert (page.status_code, "/journal/new" in page.text) == (200, False)
    assert (await open_page("/journal/new", role=Role.AUDITOR)).status_code == 403
    assert (await send("/journal/new", role=Role.AUDITOR, **FORM)).status_code == 403
    assert (await open_page("/journal/999")).status_code == 404
