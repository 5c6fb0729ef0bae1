"""People read providers as they write themselves, wherever a page speaks of one; programs read the code."""

import csv
import io
import re

import pytest

from kernel.access import Role
from reconciliation.mappings import shipped
from support import example_books

DAYS = f"from={example_books.FIRST}&to={example_books.LAST}"
CODES = re.compile(r"\b(?:stripe|paypay|komoju)\b")


@pytest.fixture
def ask(books, web):
    async def get(address, language="ja"):
        answer = await web.get(address, headers=books.token(Role.ACCOUNTING) | {"accept-language": language})
        assert answer.status_code == 200, (address, answer.text)
        return answer

    return get


def read(page):
    """Return what people read of a page: no tags, no addresses, and no names that are typed as they are written."""
    plain = re.sub(r"<code\b[^>]*>.*?</code>", " ", page.text, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", plain)


PAGES = (
    "/",
    "/matching",
    "/cash-flow?month=2026-11",
    "/statements",
    "/statements/mappings",
    "/provider-contracts",
    "/provider-contracts/komoju",
    "/discrepancies",
    f"/journal?{DAYS}",
    f"/search?{DAYS}&kind=settlement_line",
    f"/reports/provider_payouts?{DAYS}",
    "/closings/month/2026-11-01",
    "/board",
)
LINKS = (
    r'href="(/(?:payouts|statements/lines|statements/bank-lines|discrepancies|journal|statements/mappings)/[^"#?]+)"'
)


@pytest.fixture
async def mapped(books, web):
    """A mapping of KOMOJU's files, as accounting makes it."""
    made = shipped.examples()["komoju"]
    answer = await web.put("/v1/column-mappings/komoju", json=made, headers=books.token(Role.ACCOUNTING))
    assert answer.is_success, answer.text


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_no_page_calls_a_provider_by_its_code(ask, mapped, language):
    links: dict[str, list[str]] = {}
    for each in PAGES:
        page = await ask(each, language)
        assert not CODES.findall(read(page)), each
        for link in re.findall(LINKS, page.text):
            links.setdefault(link.rsplit("/", 1)[0], []).append(link)
    for each in (link for some in links.values() for link in some[:3]):
        assert not CODES.findall(read(await ask(each, language))), each
    assert {"/payouts", "/journal", "/statements/lines", "/statements/mappings"} <= set(links)


async def test_the_matching_desk_says_whose_payout_is_open_and_whose_came(ask):
    text = read(await ask("/matching"))
    assert re.search(r"PayPay\s+2026-", text)
    assert "Stripe" in text


async def test_a_line_that_is_found_says_its_provider_by_name(ask):
    assert "PayPay" in read(await ask(f"/search?{DAYS}&kind=settlement_line&counterparty=paypay"))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("journal_yayoi", "cp932"), ("journal_money_forward", "utf-8-sig"), ("journal_freee", "utf-8-sig")],
)
async def test_files_of_packages_name_the_provider_as_people_do(ask, name, encoding):
    text = (await ask(f"/v1/exports/{name}?{DAYS}")).content.decode(encoding)
    words = {word for row in csv.reader(io.StringIO(text, newline="")) for cell in row for word in cell.split()}
    assert "Stripe" in words
    assert not words & {"stripe", "paypay", "komoju"}
