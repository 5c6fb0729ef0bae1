"""Accounting writes contracts on a page, sees before saving what they mean, and afterwards which counts when."""

import json
import re
from datetime import date
from uuid import uuid4

import pytest

from kernel.access import Role
from reconciliation.matching import actions as matching
from reconciliation.provider_contracts import draft
from reconciliation.provider_contracts.actions import EXAMPLE
from reconciliation.provider_contracts.model import Definition
from reconciliation.provider_contracts.store import every
from support.settlement import put_file, put_line

EDITOR = "/provider-contracts/new-version"


@pytest.fixture
def see(books, web):
    async def read(path, role=Role.AUDITOR, scope=("*",)):
        return await web.get(path, headers=books.token(role, *scope) | {"accept-language": "en"})

    return read


@pytest.fixture
def send(books, web):
    async def post(form, wish="save", role=Role.ACCOUNTING, scope=("*",)):
        headers = books.token(role, *scope) | {"accept-language": "en"}
        return await web.post(EDITOR, data=form | {"wish": wish}, headers=headers)

    return post


async def form_of(books, contract, /, **changed):
    async with books.wiring.database.transaction("test") as tx:
        newest = next(each for each in await every(tx) if each.name == contract)
    begun = draft.form_of(newest.definition)
    return begun | {"contract": contract, "made_from": str(newest.version), "since": "2026-11-01"} | changed


async def lines_of_komoju(books, count=2):
    """Let KOMOJU tell of some payments of ¥10,000 in November."""
    async with books.wiring.database.transaction("test") as tx:
        file_id = await put_file(tx, first=date(2026, 11, 2), last=date(2026, 11, 20))
        for number in range(count):
            await put_line(
                tx, provider="komoju", kind="charge", day=date(2026, 11, 2 + number), gross=10_000, fee=275, tax=28,
                file_id=file_id,
            )  # fmt: skip
        await matching.run(tx, run_id=uuid4(), at=books.clock.at)


async def test_the_list_says_what_a_payment_of_today_means(see):
    page = (await see("/provider-contracts")).text
    assert "A payment of Wed 25 Nov 2026 arrives on Wed 30 Dec 2026." in page  # the bank day before the month's end
    assert "Of ¥10,000, ¥275 is kept as fee and ¥28 as tax on it." in page


async def test_a_provider_without_a_contract_is_named(books, see):
    async with books.wiring.database.transaction("test") as tx:
        await put_line(tx, provider="newcomer", kind="charge", day=date(2026, 11, 2), gross=500)
        await matching.run(tx, run_id=uuid4(), at=books.clock.at)
    assert "newcomer has lines and no contract" in (await see("/provider-contracts")).text


async def test_what_a_form_says_of_a_contract_is_the_contract(books):
    async with books.wiring.database.transaction("test") as tx:
        known = await every(tx)
    assert [draft.checked(draft.form_of(each.definition)) for each in known] == [each.definition for each in known]


async def test_saving_makes_a_version_and_says_which_payouts_are_another(books, web, see, send):
    await lines_of_komoju(books)
    form = await form_of(books, "komoju", transfer0_fee="165", closing0_moved="next")
    answer = await send(form)
    assert answer.headers["location"] == "/provider-contracts/komoju?saved=2&changed=1&came=0&gone=0&unmatched=0"
    page = (await see(answer.headers["location"])).text
    assert "Saved as version 2. Payouts made anew: 1 are another now" in page
    assert re.search(r"It changed:\s*How it pays out,\s*Transfer fee", page)
    assert re.search(r"Version 1</strong><span>until Sat 31 Oct 2026", page)


async def test_a_preview_shows_what_would_be_another_and_saves_nothing(books, see, send):
    await lines_of_komoju(books)
    form = await form_of(books, "komoju", transfer0_fee="165", example_amount="20000", example_day="2026-11-30")
    page = (await send(form, "preview")).text
    assert "1 payouts would be another, 0 would come, 0 would be no more, 0 stay." in page
    assert "<del>¥826</del> ¥771" in page  # 2 × (275 + 28) and the transfer
    assert '<td class="number">¥550</td>' in page  # 2.75 % of what the form asks about
    assert "Version 2" not in (await see("/provider-contracts/komoju")).text


async def test_the_preview_is_what_saving_makes(books, send):
    await lines_of_komoju(books)
    form = await form_of(books, "komoju", closing0_day="15", closing0_pays_on="28")
    said = re.search(r"(\d) payouts would be another, (\d) would come, (\d) would", (await send(form, "preview")).text)
    saved = (await send(form)).headers["location"]
    assert re.findall(r"(?:changed|came|gone)=(\d)", saved) == list(said.groups())
    assert said.groups() == ("0", "1", "1")


async def test_the_same_again_says_that_nothing_changed(books, see, send):
    answer = await send(await form_of(books, "paypay", since="2026-04-01"))
    assert "Nothing changed: this is what counts already." in (await see(answer.headers["location"])).text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"title": " "}, "Write what people call the contract"),
        ({"term0_percent": "3.245"}, "Fee, row 1: write a percentage from 0 to 100 with at most two decimals"),
        ({"term0_percent": "101"}, "Fee, row 1: write a percentage"),
        ({"term1_percent": "1"}, "Two fees are for the same way to pay and brand."),
        ({"term0_method": "paypay"}, "the contract does not carry paypay"),
        ({"closing0_day": "32"}, "Closing day, row 1: write a whole number from 1 to 31."),
        ({"closing0_day": ""}, "Write at least one closing day"),
        ({"closing0_months_later": "0", "closing0_day": "20", "closing0_pays_on": "10"}, "A period is paid after it"),
        ({"closing1_day": "31"}, "Each closing day is written once."),
        ({"transfer0_below": "", "transfer1_below": "5"}, "Write transfer fees by rising amounts."),
        ({"transfer0_fee": ""}, "Transfer fee, row 1: write what the transfer costs"),
        ({"bank_days_late": "soon"}, "Bank days late that are tolerated: write a whole number from 0 to 20."),
        ({"method_payeasy_komoju": ""}, "Choose at least one way to pay."),
        ({"fees": "terms", "term0_method": "payeasy_komoju"}, "Lines do not tell the way to pay"),
        ({"rounded": "payout"}, "A fee is rounded once for a payout only where"),
        ({"names": "x" * 101}, "Write at most 20 names of the sender"),
        ({"together": "Both!"}, "The word for shared transfers has"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(changed, said):
    known = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    komoju = next(Definition.model_validate(each["definition"]) for each in known if each["name"] == "komoju")
    problems = draft.checked(draft.form_of(komoju) | changed)
    assert said in " ".join(each.message.format(**each.fields) for each in problems)


async def test_a_form_that_cannot_be_saved_loses_nothing_and_says_all_that_is_wrong(books, see, send):
    cases = [
        ({"since": "", "bank_days_late": "x"}, ["Choose the first day of payments", "Bank days late that are"]),
        ({"method_paypay": "1"}, ["Payments by paypay belong to the contract paypay."]),
        ({"made_from": "0"}, ["Meanwhile somebody wrote version 1."]),
        ({"contract": "", "name": "komoju"}, ["There is a contract of this name."]),
    ]
    for changed, said in cases:
        answer = await send(await form_of(books, "komoju", note="do not lose me", **changed))
        assert (answer.status_code, *(each in answer.text for each in (*said, "do not lose me"))) == (
            (422,) + (True,) * (len(said) + 1)
        )
    assert "Version 2" not in (await see("/provider-contracts/komoju")).text


async def test_full_width_digits_and_a_percent_sign_are_read(books):
    form = await form_of(books, "komoju", term0_percent="3.5%", bank_days_late="4")
    assert (draft.checked(form).fees.terms[0].basis_points, draft.checked(form).bank_days_late) == (350, 4)


async def test_a_contract_with_a_new_provider_is_begun_for_it_and_saved(see, send):
    assert 'name="provider" value="newcomer"' in (await see(f"{EDITOR}?provider=newcomer", Role.ACCOUNTING)).text
    form = draft.empty_form() | {
        "name": "newcomer", "provider": "newcomer", "title": "New", "methods_more": "new_pay", "since": "2026-11-01",
        "term0_percent": "3", "names": "シンキ(カ\n\nシンキ(カ",
    }  # fmt: skip
    assert (await send(form)).status_code == 303
    assert (await see("/provider-contracts/newcomer")).text.count("シンキ(カ") == 1


@pytest.mark.parametrize(("role", "scope"), [(Role.AUDITOR, ("*",)), (Role.ACCOUNTING, ("hpam",))])
async def test_only_accounting_of_all_facilities_writes(books, see, send, role, scope):
    assert (await see(EDITOR, role, scope)).status_code == 403
    assert (await send(await form_of(books, "komoju"), role=role, scope=scope)).status_code == 403


async def test_auditors_look_without_being_led_to_write(see):
    page = await see("/provider-contracts/stripe")
    assert (page.status_code, EDITOR in page.text) == (200, False)


async def test_an_unknown_contract_names_those_that_there_are(see):
    answer = await see("/provider-contracts/nothing")
    assert (answer.status_code, "komoju, paypay, stripe" in answer.text) == (404, True)
