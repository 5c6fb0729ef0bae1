"""What is due and what came add up to the yen; what no line has told yet is estimated by contract, and said to be."""

import random
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import Role
from kernel.money import Yen
from reconciliation.cash_flow.model import OpenClaims, estimate, expected_of, weeks_of
from reconciliation.provider_contracts.model import (
    Closing,
    Contract,
    Definition,
    Fees,
    FeeTerm,
    Named,
    Periods,
    TransferFee,
    by_provider,
)
from reconciliation.provider_contracts.schedule import arrival_of_named, period_of
from support.ledger_data import order_story

TODAY = date(2026, 11, 25)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
PAYPAY = Definition(
    title="PayPay",
    provider="paypay",
    methods=("paypay",),
    pays=Periods(closings=(Closing(day=15, months_later=0, pays_on=28), Closing(day=31, months_later=1, pays_on=15))),
    fees=Fees(known_by="terms", terms=(FeeTerm(basis_points=198, tax_percent=10, rounding="down"),)),
    transfer_fees=(TransferFee(fee=110),),
)
CARD = Definition(
    title="Stripe",
    provider="stripe",
    methods=("stripe_card",),
    pays=Named(bank_days_after=4),
    fees=Fees(known_by="lines", terms=(FeeTerm(basis_points=360, fixed=5),)),
)
TERMS = by_provider(
    [Contract(said.provider + "_one", 1, date(2020, 1, 1), said, "test", NOW) for said in (PAYPAY, CARD)]
)

claims = st.builds(
    OpenClaims,
    day=st.dates(date(2026, 9, 1), TODAY),
    method=st.sampled_from(["paypay", "stripe_card", "payeasy_komoju"]),
    facility=st.just("hpam"),
    kind=st.just("charge"),
    count=st.integers(1, 50),
    amount=st.integers(1, 10**7).map(Yen),
)


@given(st.lists(claims, max_size=30))
def test_every_open_claim_is_due_on_the_day_of_its_contract_or_said_to_have_none(found):
    items, without = expected_of(found, TERMS, {})
    due, none = Counter(), Counter()
    for each in found:
        if each.method == "paypay":
            due["paypay", period_of(PAYPAY.pays, each.day).arrives_on] += each.amount.amount
        elif each.method == "stripe_card":
            due["stripe", arrival_of_named(CARD.pays, each.day)] += each.amount.amount
        else:
            none[each.method] += each.amount.amount
    gross = Counter()
    for item in items:
        gross[item.provider, item.arrives_on] += item.gross.amount
    assert gross == due
    assert {method: amount.amount for method, amount in without} == none


@given(st.lists(claims.filter(lambda each: each.method != "payeasy_komoju"), max_size=30))
def test_what_is_kept_is_estimated_by_the_terms(found):
    items, _ = expected_of(found, TERMS, {})
    fees = sum(estimate(PAYPAY if each.method == "paypay" else CARD, each).amount for each in found)
    transfers = 110 * sum(item.provider == "paypay" for item in items)
    assert sum(item.kept.amount for item in items) == fees + transfers


def test_terms_by_example():
    def claimed(method, count, amount, kind="charge"):
        return OpenClaims(TODAY, method, "hpam", kind, count, Yen(amount))

    assert estimate(PAYPAY, claimed("paypay", 1, 10_000)) == Yen(198 + 20)
    assert estimate(CARD, claimed("stripe_card", 3, 10_000)) == Yen(360 + 15)
    assert estimate(CARD, claimed("stripe_card", 1, -10_000, "refund")) == Yen(0)  # the fee of a refund is kept
    assert estimate(CARD, claimed("stripe_card", 1, -10_000, "dispute")) == Yen(0)


@given(st.lists(claims, max_size=20), st.dates(date(2026, 9, 1), TODAY))
def test_a_claim_that_statements_should_have_told_is_no_money_due(found, until):
    items, _ = expected_of(found, TERMS, {"paypay": until, "stripe": until})
    still = [each for each in found if each.method != "payeasy_komoju" and each.day + timedelta(days=2) >= until]
    assert sum(item.count for item in items) == sum(each.count for each in still)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 60))
def test_weeks_begin_on_sunday_and_leave_no_day_out(first, length):
    last = first + timedelta(days=length)
    weeks = weeks_of(first, last)
    days = [begin + timedelta(days=n) for begin, end in weeks for n in range((end - begin).days + 1)]
    assert days == [first + timedelta(days=n) for n in range(length + 1)]
    assert all(begin.weekday() == 6 for begin, _ in weeks[1:])
    assert all(end.weekday() == 5 for _, end in weeks[:-1])


async def do(books, statement, **given_values):
    async with books.wiring.database.transaction("test") as tx:
        await tx.execute(statement, **given_values)


async def payout(books, provider, day, net, *, missed_after=None, key=""):
    payout_id = uuid.uuid4()
    await do(
        books,
        "INSERT INTO payouts (id, contract, provider, key, arrives_on, first_day, last_day, lines, gross, fee, tax, "
        "transfer_fee, net, missed_after) VALUES (:id, '', :provider, :key, :day, :first, :last, 1, :gross, 30, 3, 2, "
        ":net, :missed)",
        id=payout_id,
        provider=provider,
        key=key or str(payout_id),
        day=day,
        first=day - timedelta(days=9),
        last=day - timedelta(days=3),
        gross=net + 35,
        net=net,
        missed=missed_after or day,
    )
    return payout_id


async def deposit(books, day, amount, *payouts, difference=0):
    line = uuid.uuid4()
    await do(
        books,
        "INSERT INTO bank_lines VALUES (:id, :id, 1, 'statement', '0169-001', :day, :day, :amount, '', '', 'テガタ', "
        "'', '', '', '', '', false)",
        id=line,
        day=day,
        amount=amount,
    )
    leg = (
        "INSERT INTO deposit_legs (bank_line_id, payout_id, group_id, rule, rule_version, run_id, difference, "
        "accepted_by) VALUES (:line, :payout, :group_id, 'by_hand', 1, :run, :difference, 'hanako')"
    )
    run = uuid.uuid4()
    if len(payouts) == 1:
        await do(books, leg, line=line, payout=payouts[0], group_id=None, run=run, difference=difference)
    elif payouts:
        group = uuid.uuid4()
        await do(books, leg, line=line, payout=None, group_id=group, run=run, difference=difference)
        for each in payouts:
            await do(books, leg, line=None, payout=each, group_id=group, run=run, difference=0)
    return line


async def flow(web, books, first="2026-11-01", last="2026-11-30"):
    answer = await web.get(f"/v1/cash-flow?from={first}&to={last}", headers=books.token(Role.AUDITOR))
    assert answer.status_code == 200
    return answer.json()


async def test_weeks_and_providers_add_up_to_what_is_there(books, web):
    dice = random.Random(1)
    due, came = Counter(), Counter()
    for _ in range(25):
        provider, day = dice.choice(["paypay", "stripe", "komoju"]), date(2026, 11, dice.randint(1, 30))
        net, difference = dice.randint(1, 99_999), dice.choice([0, 0, -40])
        made = await payout(books, provider, day, net)
        due[provider] += net
        if dice.random() < 0.6:
            arrives = date(2026, 11, dice.randint(1, 30))
            await deposit(books, arrives, net + difference, made, difference=difference)
            came[provider] += net + difference
    seen = await flow(web, books)
    assert {each["provider"]: each["told"] for each in seen["providers"]} == due
    assert {each["provider"]: each["came"] for each in seen["providers"] if each["came"]} == came
    assert sum(each["told"] for each in seen["weeks"]) == sum(due.values())
    assert sum(each["came"] for each in seen["weeks"]) == sum(came.values())


async def test_each_transfer_says_how_it_stands(books, web):
    on_time = await payout(books, "stripe", date(2026, 11, 20), 100, key="on time")
    short = await payout(books, "stripe", date(2026, 11, 20), 200, key="short")
    await payout(books, "stripe", date(2026, 11, 20), 300, key="late")
    await payout(books, "stripe", date(2026, 11, 24), 400, missed_after=TODAY, key="tolerated")
    together = [await payout(books, "paypay", date(2026, 11, 21), net) for net in (50, 60)]
    await deposit(books, date(2026, 11, 20), 100, on_time)
    await deposit(books, date(2026, 11, 21), 190, short, difference=-10)
    await deposit(books, date(2026, 11, 24), 110, *together)
    await deposit(books, date(2026, 11, 24), 7)
    seen = await flow(web, books)
    states = {(each["net"], each["state"]) for each in seen["items"]}
    assert states == {
        (100, "came"),
        (200, "differs"),
        (300, "late"),
        (400, "expected"),
        (50, "came"),
        (60, "came"),
    }
    [pair] = {each["arrived"]["payouts"] for each in seen["items"] if each["provider"] == "paypay"}
    assert pair == 2
    assert [each["amount"] for each in seen["deposits"] if each["match_id"] is None] == [7]


async def test_what_no_line_told_yet_is_shown_as_an_estimate_by_a_contract_that_is_only_an_example(books, web):
    told = order_story(random.Random(1), datetime(2026, 11, 24, 1, 0, tzinfo=UTC), method="paypay")
    await books.take(told.events)
    seen = await flow(web, books, "2026-12-01", "2027-01-31")
    [item] = seen["items"]
    total = told.events[0].fact.total.amount
    fee = total * 198 // 10_000
    assert (item["provider"], item["arrives_on"], item["estimated"]) == ("paypay", "2027-01-04", True)
    assert (item["gross"], item["kept"], item["payout_id"]) == (total, fee + fee // 10, None)
    assert seen["illustrative"] == ["paypay"]
    page = await web.get("/cash-flow?month=2027-01&lang=en", headers=books.token(Role.AUDITOR))
    assert "only an example" in page.text


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_the_calendar_leads_to_a_payout_and_from_there_to_its_orders(books, web, language):
    late = await payout(books, "stripe", date(2026, 11, 20), 7_777)
    headers = books.token(Role.ACCOUNTING)
    page = await web.get(f"/cash-flow?lang={language}", headers=headers)
    assert page.status_code == 200
    assert f"/payouts/{late}" in page.text
    assert 'class="late' in page.text
    told = order_story(random.Random(2), datetime(2026, 11, 15, 1, 0, tzinfo=UTC), method="stripe_card", place="hpam")
    await books.take(told.events)
    attempt = next(event.fact.attempt_id for event in told.events if hasattr(event.fact, "captured"))
    await do(
        books,
        "INSERT INTO settlement_lines (id, file_id, record, provider, kind, word, attempt_id, reference, key, gross, "
        "fee, tax, net, payout, occurred_on) VALUES (:id, :id, 1, 'stripe', 'charge', 'charge', :attempt, '', 'ch_1', "
        "7812, 30, 3, 7779, (SELECT key FROM payouts WHERE id = :payout), '2026-11-15')",
        id=uuid.uuid4(),
        attempt=attempt,
        payout=late,
    )
    down = await web.get(f"/payouts/{late}?lang={language}", headers=headers)
    assert down.status_code == 200
    order = told.events[0].fact
    assert f"/orders/{order.order_id}" in down.text
    assert order.number in down.text


@pytest.mark.parametrize(
    ("address", "role", "status"),
    [
        ("/cash-flow", Role.AUDITOR, 200),
        ("/cash-flow", Role.FACILITY, 403),
        ("/cash-flow?month=2026-13", Role.AUDITOR, 422),
        (f"/payouts/{uuid.UUID(int=1)}", Role.AUDITOR, 404),
        ("/v1/cash-flow?from=2026-11-02&to=2026-11-01", Role.AUDITOR, 422),
        ("/v1/cash-flow?from=2026-11-01&to=2026-11-02", Role.FACILITY, 403),
    ],
)
async def test_who_may_look_and_at_what(books, web, address, role, status):
    places = ("hpam",) if role is Role.FACILITY else ()
    assert (await web.get(address, headers=books.token(role, *places))).status_code == status
