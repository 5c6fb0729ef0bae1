"""Payouts are the sums of their lines, closed by the contract: whatever comes, in whatever files, in whatever order."""

import asyncio
import random
from collections import defaultdict
from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.money import ZERO, Yen, total
from reconciliation.matching import actions, store
from reconciliation.payouts import store as payouts
from reconciliation.provider_contracts import store as contracts
from reconciliation.provider_contracts.actions import define
from reconciliation.provider_contracts.fees import kept_of, term_for, transfer_fee_of
from reconciliation.provider_contracts.model import Closing, Definition, Fees, FeeTerm, Named, Periods, TransferFee
from reconciliation.provider_contracts.schedule import period_of
from support.settling import AT, DAY, Claim, Line, payment, put_claims, put_lines

ROUND = {"rounding": "up", "tax_percent": 10, "tax_rounding": "down"}
DEFINITIONS = {
    "named_one": Definition(
        title="N",
        provider="named_one",
        methods=("card_a", "card_b"),
        pays=Named(bank_days_after=3),
        fees=Fees(
            known_by="lines",
            tolerance=1,
            terms=(
                FeeTerm(method="card_a", basis_points=360),
                FeeTerm(method="card_a", brand="jcb", basis_points=400, tax_percent=10),
                FeeTerm(method="card_b", basis_points=300, fixed=5, rounding="down"),
            ),
        ),
    ),
    "by_lines": Definition(
        title="L",
        provider="by_lines",
        methods=("qr_one",),
        pays=Periods(
            closings=(
                Closing(day=15, months_later=0, pays_on=31, moved="previous"),
                Closing(day=31, months_later=1, pays_on=15),
            )
        ),
        fees=Fees(known_by="terms", refunds="returned", terms=(FeeTerm(basis_points=198, **ROUND),)),
        transfer_fees=(TransferFee(below=3000, fee=220), TransferFee(fee=410)),
    ),
    "by_whole": Definition(
        title="W",
        provider="by_whole",
        methods=("qr_two",),
        pays=Periods(closings=(Closing(day=31, months_later=1, pays_on=31),)),
        fees=Fees(
            known_by="terms",
            rounded="payout",
            terms=(FeeTerm(basis_points=160, **ROUND), FeeTerm(brand="jcb", basis_points=250, **ROUND)),
        ),
    ),
}


@pytest.fixture
async def books(books):
    async with books.wiring.database.transaction("test") as tx:
        for name, definition in DEFINITIONS.items():
            await define(tx, name, since=date(2026, 4, 1), definition=definition, by="ana", at=AT)
    return books


def lines():
    return st.builds(
        lambda provider, kind, amount, fee, payout, later, brand: Line(
            kind=kind,
            gross=amount if kind in ("charge", "adjustment") else -amount,
            provider=provider,
            fee=fee if provider == "named_one" and kind == "charge" else 0,
            payout=payout if provider == "named_one" or not later % 5 else "",
            day=DAY + timedelta(later),
            brand=brand,
        ),
        st.sampled_from([*DEFINITIONS, "nobody_knows"]),
        st.sampled_from(["charge", "charge", "refund", "fee", "transfer_fee", "adjustment", "payout"]),
        st.integers(0, 5000),
        st.integers(0, 50),
        st.sampled_from(["", "po_1", "po_2"]),
        st.integers(0, 40),
        st.sampled_from(["", "jcb", "visa"]),
    )


def kept_by_terms(line):
    fees = DEFINITIONS[line.provider].fees if line.provider in DEFINITIONS else None
    if fees is None or fees.known_by == "lines" or fees.rounded == "payout":
        return ZERO, ZERO
    kept = kept_of(fees, term_for(fees, "", line.brand), line.kind, Yen(line.gross))
    return kept.fee, kept.tax


def expected(made):
    """Return the payouts by a plain reading: (provider, key) → (lines, gross, fee, tax, transfer fee)."""
    found = defaultdict(list)
    for line in made:
        if line.kind != "payout":
            said = DEFINITIONS.get(line.provider)
            periods = said.pays if said and said.pays.by == "periods" else DEFINITIONS["by_whole"].pays
            found[line.provider, line.payout or period_of(periods, line.day).key].append(line)
    answer = {}
    for (provider, key), parts in found.items():
        gross = total(Yen(each.gross) for each in parts if each.kind not in ("fee", "transfer_fee"))
        fee = total(kept_by_terms(each)[0] + Yen(each.fee) for each in parts)
        fee -= total(Yen(each.gross) for each in parts if each.kind == "fee")
        tax = total(kept_by_terms(each)[1] for each in parts)
        if provider == "by_whole":
            exact = sum(
                each.gross * term_for(DEFINITIONS[provider].fees, "", each.brand).basis_points
                for each in parts
                if each.kind == "charge"
            )
            whole = -(-exact // 10_000)
            fee, tax = fee + Yen(whole), tax + Yen(whole * 10 // 100)
        said, told = DEFINITIONS.get(provider), [Yen(-each.gross) for each in parts if each.kind == "transfer_fee"]
        agreed = transfer_fee_of(said, gross - fee - tax) if said else ZERO
        answer[provider, key] = (len(parts), gross, fee, tax, total(told) if told else agreed)
    return answer


class UndoError(Exception):
    pass


async def hold(books, made, dice):
    async with books.wiring.database.transaction("test") as tx:
        files = defaultdict(list)
        for line in made:
            files[line.provider, dice.randrange(2)].append(line)
        for file in files.values():
            await put_lines(tx, file)
            if dice.random() < 0.7:
                await actions.run(tx, run_id=uuid4(), at=AT)
        await actions.run(tx, run_id=uuid4(), at=AT)
        found = {
            (each.provider, each.key): each
            for each in await payouts.between(tx, first=date.min, last=date.max, limit=1000)
        }
        seen = {
            key: (each.lines, each.gross, each.fee, each.tax, each.transfer_fee)
            for key, each in found.items()
            if each.lines
        }
        assert seen == expected(made)
        for each in found.values():
            assert each.net == each.gross - each.fee - each.tax - each.transfer_fee
            assert each.first_day <= each.last_day
            assert each.arrives_on <= each.missed_after
        before = list(await tx.execute("SELECT * FROM payouts ORDER BY id"))
        again = await actions.run(tx, run_id=uuid4(), at=AT)
        assert again.payouts == 0
        for provider in {each.provider for each in made}:
            await actions.contract_changed(tx, provider, at=AT)  # Making them anew from all lines is the same.
        assert list(await tx.execute("SELECT * FROM payouts ORDER BY id")) == before
        raise UndoError


async def test_payouts_are_what_a_plain_reading_of_their_lines_says(books):
    loop = asyncio.get_running_loop()

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(lines(), max_size=12), st.randoms(use_true_random=False))
    def check(made, dice):
        with pytest.raises(UndoError):
            asyncio.run_coroutine_threadsafe(hold(books, made, random.Random(dice.random())), loop).result(30)

    await asyncio.to_thread(check)


async def after_run(books, *made, claims=()):
    """Return the payouts and the open items after a run over lines."""
    async with books.wiring.database.transaction("test") as tx:
        await put_claims(tx, claims)
        await put_lines(tx, made)
        await actions.run(tx, run_id=uuid4(), at=AT)
        return await payouts.between(tx, first=date.min, last=date.max, limit=10), await store.open_items(tx, limit=10)


async def test_a_provider_s_own_word_that_its_lines_do_not_make_is_open(books):
    (payout,), left = await after_run(
        books,
        Line(1000, kind="adjustment", provider="named_one", payout="po_1"),
        Line(-990, kind="payout", provider="named_one", payout="po_1"),
    )
    assert (payout.net, payout.stated_net, payout.equal) == (Yen(1000), Yen(990), False)
    assert [(each.kind, each.subject, each.amount) for each in left] == [
        ("payout_unequal", f"payout:{payout.id}", Yen(-10))
    ]


async def test_a_transfer_that_names_no_payout_is_about_the_period_that_arrives_around_its_day(books):
    paid = date(2026, 12, 15)
    (payout,), left = await after_run(
        books,
        Line(10_000, provider="by_lines", attempt=payment(1)),
        Line(-(10_000 - 198 - 19 - 410), kind="payout", provider="by_lines", day=paid),
        claims=[Claim(10_000, attempt=payment(1), method="qr_one")],
    )
    assert (payout.key, payout.arrives_on, payout.net) == ("2026-11-30", paid, Yen(9373))
    assert (payout.equal, left) == (True, [])


async def test_what_lines_say_that_the_transfer_cost_counts_instead_of_what_the_contract_says(books):
    (payout,), left = await after_run(
        books,
        Line(5_000, kind="adjustment", provider="by_lines"),
        Line(-165, kind="transfer_fee", provider="by_lines"),
        Line(-4_835, kind="payout", provider="by_lines", day=date(2026, 12, 15)),
    )
    assert (payout.gross, payout.fee, payout.transfer_fee, payout.net) == (Yen(5_000), ZERO, Yen(165), Yen(4_835))
    assert (payout.equal, left) == (True, [])


async def test_when_lines_say_the_day_of_arrival_it_counts(books):
    friday = date(2026, 11, 27)
    (payout,), _ = await after_run(books, Line(1000, provider="named_one", payout="po_1", arrives_on=friday))
    assert (payout.arrives_on, payout.missed_after) == (friday, date(2026, 12, 1))


async def test_a_provider_without_a_contract_is_taken_to_pay_by_months(books):
    (payout,), _ = await after_run(books, Line(1000, provider="nobody_knows"))
    assert (payout.contract, payout.key, payout.arrives_on) == ("", "2026-11-30", date(2027, 1, 4))


FEES = {
    "as agreed": ("card_a", "visa", 36, 0, []),
    "a yen of rounding": ("card_a", "visa", 37, 0, []),
    "more than rounding": ("card_a", "visa", 38, 0, [2]),
    "another brand's": ("card_a", "jcb", 36, 0, [-8]),
    "the brand's own, with its tax": ("card_a", "jcb", 40, 4, []),
    "another method's": ("card_b", "visa", 36, 0, []),
    "less": ("card_b", "visa", 30, 0, [-5]),
}


@pytest.mark.parametrize("name", FEES)
async def test_a_fee_that_is_not_as_agreed_is_open(books, name):
    method, brand, fee, tax, differences = FEES[name]
    _, left = await after_run(
        books,
        Line(1000, provider="named_one", attempt=payment(1), payout="po_1", fee=fee, tax=tax, brand=brand),
        claims=[Claim(1000, attempt=payment(1), method=method)],
    )
    assert [(each.kind, each.amount.amount) for each in left] == [("fee_differs", each) for each in differences]


async def test_a_new_version_of_the_contract_makes_payouts_and_findings_anew(books, web):
    await after_run(books, Line(1000, provider="by_lines", day=date(2026, 11, 10)))
    dearer = DEFINITIONS["by_lines"].model_copy(
        update={
            "fees": Fees(known_by="terms", terms=(FeeTerm(basis_points=500),)),
            "pays": DEFINITIONS["by_whole"].pays,
        }
    )
    async with books.wiring.database.transaction("test") as tx:
        made, _ = await define(tx, "by_lines", since=date(2026, 11, 1), definition=dearer, by="ana", at=AT)
        await actions.contract_changed(tx, made.provider, at=AT)
        (payout,) = await payouts.between(tx, first=date.min, last=date.max, limit=10)
        assert (await contracts.terms(tx))["by_lines"].newest == made
    assert (payout.key, payout.fee, payout.net) == ("2026-11-30", Yen(50), Yen(1000 - 50 - 220))
