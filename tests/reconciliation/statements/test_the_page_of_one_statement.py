"""A statement's page shows its lines and what became of each, portion by portion."""

import re
from pathlib import Path

import pytest

from kernel.access import Role
from reconciliation import statements
from reconciliation.lines import pages

FOLDER = Path(statements.__path__[0])


@pytest.fixture
def send(books, web):
    async def post(name, file):
        body = (FOLDER / name / "example" / file).read_bytes()
        answer = await web.post(f"/v1/statements/{name}", content=body, headers=books.token(Role.ACCOUNTING))
        return answer.json()["id"]

    return post


@pytest.fixture
def read(books, web):
    async def get(path):
        return await web.get(path, headers=books.token(Role.AUDITOR) | {"accept-language": "en"})

    return get


async def test_a_provider_s_lines_are_listed_with_what_is_still_open(send, read):
    page = await read(f"/statements/{await send('stripe_payouts', 'one_payout.csv')}")
    assert page.status_code == 200
    assert "This file is being matched" in page.text  # the worker has not seen it yet
    assert len(re.findall(r'href="/statements/lines/', page.text)) == 6
    assert 'data-label="Fee with tax"' in page.text  # the line's own page has both apart
    assert page.text.count("nothing yet") == 4  # a fee and an adjustment want no match
    [line, *_] = re.findall(r'href="(/statements/lines/[0-9a-f-]+)"', page.text)
    assert "Nothing in our books is matched with this line." in (await read(line)).text


async def test_a_bank_s_bookings_are_listed(send, read):
    page = await read(f"/statements/{await send('zengin_statement', 'two_days.dat')}")
    assert len(re.findall(r'href="/statements/bank-lines/', page.text)) == 2
    assert page.text.count("nothing yet") == 1  # what left us is no deposit


async def test_a_long_file_comes_in_portions(send, read, monkeypatch):
    monkeypatch.setattr(pages, "LINES_SHOWN_MAX", 4)
    page = await read(f"/statements/{await send('stripe_payouts', 'one_payout.csv')}")
    [after] = re.findall(r'href="(/statements/[0-9a-f-]+\?after=\d+)"', page.text)
    assert len(re.findall(r'href="/statements/lines/', (await read(after)).text)) == 2


async def test_a_file_that_nobody_sent_has_no_page(read):
    answer = await read("/statements/01939f00-0000-7000-8000-000000000001")
    assert answer.status_code == 404


async def test_the_list_leads_to_each_file(send, read):
    file_id = await send("paypay_transactions", "a_week.csv")
    assert f'href="/statements/{file_id}"' in (await read("/statements")).text
