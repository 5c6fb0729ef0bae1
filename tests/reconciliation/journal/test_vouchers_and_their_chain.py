"""A voucher balances or is none, belongs to one fiscal year, and is chained to the one before it."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import Yen, total
from reconciliation.journal.model import (
    ACCOUNTS,
    GENESIS,
    Draft,
    Posting,
    UnbalancedError,
    Year,
    balances,
    corrections,
    digest_of,
    reversal_of,
    seal,
    year_of,
)
from reconciliation.journal.rules import RULES, Figure, drafts_of

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
DAY = date(2026, 11, 24)
ID = UUID("01939f00-0000-7000-8000-000000000001")


def draft(amount=510, origin="receipts:2026-11-24:hpam"):
    sides = (
        Posting("debit", "provider_receivable", Yen(amount), "hpam", method="paypay"),
        Posting("credit", "visitor_receivable", Yen(amount), "hpam", "hiroshima", "一般会計", "paypay", "", 10),
    )
    return Draft("receipts", origin, DAY, 2026, sides)


def sealed(given_draft, number=1, previous=GENESIS, booked_on=DAY):
    return seal(given_draft, number=number, id=ID, booked_on=booked_on, by="momiji", at=AT, previous_hash=previous)


figures = st.builds(
    Figure,
    rule=st.sampled_from(list(RULES)),
    day=st.dates(date(2026, 3, 25), date(2026, 4, 5)),
    place=st.sampled_from(["hpam", "shukkeien"]),
    belongs=st.sampled_from([2025, 2026]),
    amount=st.integers(-(10**6), 10**6).map(Yen),
    facility=st.sampled_from(["hpam", "shukkeien"]),
    revenue_account=st.sampled_from(["a", "b"]),
    method=st.sampled_from(["paypay", "stripe_card"]),
)


@given(st.lists(figures, max_size=12))
def test_whatever_the_figures_every_voucher_balances_and_every_yen_is_in_one(given_figures):
    drafts = drafts_of(given_figures)
    for each in drafts.values():
        assert total(posting.signed for posting in each.postings) == Yen(0)
    expected = {code: Yen(0) for code in ACCOUNTS}
    for each in given_figures:
        expected[RULES[each.rule].debit] += each.amount
        expected[RULES[each.rule].credit] -= each.amount
    found = balances(posting for each in drafts.values() for posting in each.postings)
    assert {code: found.get(code, Yen(0)) for code in ACCOUNTS} == expected


@pytest.mark.parametrize("sides", [(), ("debit",), ("debit", "debit")])
def test_what_does_not_balance_is_no_voucher(sides):
    with pytest.raises(UnbalancedError):
        Draft("manual", "manual:1", DAY, 2026, tuple(Posting(side, "bank", Yen(1)) for side in sides))


@pytest.mark.parametrize(
    ("side", "account", "amount"), [("debit", "bank", 0), ("debit", "cash", 1), ("both", "bank", 1)]
)
def test_a_posting_has_a_side_an_account_and_an_amount(side, account, amount):
    with pytest.raises(ValueError, match=r"side|says nothing"):
        Posting(side, account, Yen(amount))


@pytest.mark.parametrize(
    ("belongs", "booked_on", "expected"),
    [
        (2026, date(2026, 4, 1), Year(2026, old=False)),
        (2026, date(2027, 3, 31), Year(2026, old=False)),
        (2026, date(2027, 4, 1), Year(2026, old=True)),
        (2026, date(2027, 5, 31), Year(2026, old=True)),
        (2026, date(2027, 6, 1), Year(2027, old=False)),
        (2025, date(2027, 4, 1), Year(2027, old=False)),
    ],
)
def test_a_figure_is_of_its_year_until_the_books_of_that_year_close_on_31_may(belongs, booked_on, expected):
    assert year_of(belongs, booked_on) == expected


def test_a_sale_of_31_march_whose_correction_is_booked_in_april_is_marked_as_of_the_old_year():
    told = Draft("receipts", "x", date(2026, 3, 31), 2025, draft().postings)
    assert sealed(told, booked_on=date(2026, 4, 20)).year == Year(2025, old=True)


def other(voucher):
    yield replace(voucher, number=2)
    yield replace(voucher, posted_by="somebody")
    yield replace(voucher, booked_on=date(2026, 11, 25))
    yield replace(voucher, year=Year(2025, old=True))
    yield replace(voucher, previous_hash=bytes([1]) * 32)
    yield replace(voucher, draft=replace(voucher.draft, words="x"))
    yield replace(voucher, draft=draft(511))
    yield replace(voucher, draft=replace(voucher.draft, postings=voucher.draft.postings[::-1]))


def test_the_hash_covers_all_that_a_voucher_says():
    voucher = sealed(draft())
    hashes = {digest_of(voucher), *(digest_of(each) for each in other(voucher))}
    assert len(hashes) == 1 + len(list(other(voucher)))


def test_the_hash_is_of_the_published_encoding():
    text = (
        '{"belongs":2026,"booked_on":"2026-11-24","business_date":"2026-11-24","fiscal_year":2026,'
        '"id":"01939f00-0000-7000-8000-000000000001","kind":"receipts","number":1,"old_year":false,'
        '"origin":"receipts:2026-11-24:hpam","posted_at":"2026-11-25T03:00:00.000000+00:00","posted_by":"momiji",'
        '"postings":[["debit","provider_receivable",510,"hpam","","","paypay","",0],'
        '["credit","visitor_receivable",510,"hpam","hiroshima","一般会計","paypay","",10]],'
        f'"previous_hash":"{"0" * 64}","reverses":null,"words":""}}'
    )
    assert digest_of(sealed(draft())) == hashlib.sha256(text.encode()).digest()


def test_a_reversal_undoes_its_voucher_and_names_it():
    voucher = sealed(draft())
    undone = reversal_of(voucher)
    assert balances((*voucher.draft.postings, *undone.postings)) == dict.fromkeys(
        ("provider_receivable", "visitor_receivable"), Yen(0)
    )
    assert (undone.reverses, undone.kind, undone.origin) == (1, "reversal", voucher.draft.origin)


@pytest.mark.parametrize(
    ("said", "kinds"),
    [(510, []), (511, ["reversal", "receipts"]), (None, ["reversal"])],
)
def test_what_is_said_otherwise_is_reversed_and_booked_anew(said, kinds):
    standing = {draft().origin: sealed(draft())}
    now = {} if said is None else {draft().origin: draft(said)}
    assert [each.draft.kind for each in corrections(now, standing)] == kinds
