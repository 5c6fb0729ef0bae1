"""What came to the bank meets the payouts that were due: in each run, all or nothing, and never twice."""

import asyncio
import hashlib
from collections import Counter
from datetime import date, timedelta
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from kernel.money import Yen
from reconciliation.deposits import actions, store
from reconciliation.deposits.model import (
    PAYOUT_CHANGED,
    DepositReasonMissing,
    MatchedAlready,
    NoDeposit,
    UnknownDepositMatch,
    UnknownSuggestion,
)
from reconciliation.matching import actions as matching
from reconciliation.matching import store as matching_store
from reconciliation.payouts import store as payouts
from reconciliation.payouts.model import UnknownPayout
from reconciliation.provider_contracts.actions import define
from reconciliation.provider_contracts.model import Closing, Definition, Named, Periods, TransferFee
from support.settling import AT, Deposit, Line, put_deposits, put_lines

MONDAY = date(2026, 11, 16)
NAMES = ("エージェンシー(カ",)
PAYER = "ｴ-ｼﾞｴﾝｼ-(ｶ"
BY_MONTH = Periods(closings=(Closing(day=31, months_later=1, pays_on=31),))
DEFINITIONS = [
    Definition(title="N", provider="agency", methods=("agency_pay",), pays=Named(), names=NAMES, days_late=1),
    Definition(
        title="G", provider="group_one", methods=("g_one",), pays=BY_MONTH, names=NAMES, together="both",
    ),
    Definition(
        title="H", provider="group_two", methods=("g_two",), pays=BY_MONTH, names=NAMES, together="both",
        transfer_fees=(TransferFee(fee=220),),
    ),
]  # fmt: skip
TABLES = (
    *("match_legs", "payouts", "deposit_legs", "deposit_suggestions", "open_lines", "open_claims", "fee_findings"),
    *("provider_reach", "account_reach", "matched_files", "match_runs", "deposit_reversals"),
)


@pytest.fixture
async def books(books):
    async with books.wiring.database.transaction("test") as tx:
        for each in DEFINITIONS:
            await define(tx, each.provider, since=date(2026, 4, 1), definition=each, by="ana", at=AT)
    return books


def paid(net, key, arrives_on=MONDAY, provider="agency", kind="adjustment"):
    """Return the only line of a payout."""
    return Line(
        net, kind=kind, provider=provider, payout=key, day=arrives_on - timedelta(days=5), arrives_on=arrives_on
    )


def deposit(amount, day=MONDAY, payer=PAYER):
    return Deposit(amount, day=day, payer=payer)


async def run(tx):
    return await matching.run(tx, run_id=uuid4(), at=AT)


async def ids(tx):
    """Return the payouts by their names."""
    found = await payouts.between(tx, first=date.min, last=date.max, limit=100)
    return {each.key: each.id for each in found}


async def opened(tx):
    return sorted((each.kind, each.amount.amount) for each in await matching_store.open_items(tx, limit=100))


async def matches(tx):
    found = await store.matches_of_payouts(tx, (await ids(tx)).values())
    return sorted((each.rule, len(each.bank_lines), len(each.payouts), each.difference.amount) for each in found)


async def digest(tx):
    sha = hashlib.sha256()
    for table in TABLES:
        for row in await tx.execute(f"SELECT row_to_json(r)::text AS said FROM {table} AS r ORDER BY 1"):
            sha.update(row.said.encode())
    return sha.hexdigest()


async def test_a_payout_that_came_is_matched_and_a_second_run_changes_nothing(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a"), paid(2000, "b", MONDAY + timedelta(days=1))])
        await put_deposits(tx, [deposit(1000)], until=MONDAY + timedelta(days=14))
        made = await run(tx)
        assert (made.payouts, made.deposits) == (2, 1)
        assert await matches(tx) == [("one_transfer_one_payout", 1, 1, 0)]
        assert await opened(tx) == [("deposit_missing", 2000)]
        before = await digest(tx)
        await run(tx)
        assert await digest(tx) == before


async def test_whichever_file_comes_first_the_match_is_made(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_deposits(tx, [deposit(1000)])
        assert (await run(tx)).deposits == 0
        await put_lines(tx, [paid(1000, "a")])
        assert (await run(tx)).deposits == 1


async def test_contracts_of_one_group_come_in_one_transfer(books):
    paid_on = date(2027, 1, 4)
    async with books.wiring.database.transaction("test") as tx:
        for provider, amount in (("group_one", 1000), ("group_two", 2220)):
            await put_lines(tx, [Line(amount, kind="adjustment", provider=provider, day=date(2026, 11, 5))])
        await put_deposits(tx, [deposit(3000, paid_on)])
        await run(tx)
        assert await matches(tx) == [("one_transfer_of_a_group", 1, 2, 0)]
        assert await opened(tx) == []


async def test_two_payouts_alike_are_left_to_a_person(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a"), paid(1000, "b")])
        (line,) = await put_deposits(tx, [deposit(1000)], until=MONDAY + timedelta(days=14))
        assert (await run(tx)).deposits == 0
        found = await store.suggestions(tx, limit=10)
        assert [(each.bank_lines, each.score, each.reasons[-1].word) for each in found] == [
            ((line,), 85, "not_unique"),
            ((line,), 85, "not_unique"),
        ]
        assert await opened(tx) == [("deposit_missing", 1000), ("deposit_missing", 1000), ("unknown_deposit", 1000)]
        await actions.accept(tx, found[0].id, decision_id=uuid4(), by="ana", at=AT)
        assert await matches(tx) == [("suggestion_accepted", 1, 1, 0)]
        assert await opened(tx) == [("deposit_missing", 1000)]
        assert await store.suggestions(tx, limit=10) == []


async def test_what_a_provider_says_that_it_pays_out_is_due_though_its_lines_make_another_sum(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a"), paid(-1700, "a", kind="payout")])
        await put_deposits(tx, [deposit(1700)], until=MONDAY + timedelta(days=14))
        await run(tx)
        assert await matches(tx) == [("one_transfer_one_payout", 1, 1, 0)]
        assert await opened(tx) == [("payout_unequal", 700)]


@pytest.mark.parametrize(("amount", "left"), [(700, []), (1000, [("deposit_missing", -300)])])
async def test_what_is_below_zero_is_missed_only_when_the_next_payout_came_without_it(books, amount, left):
    later = MONDAY + timedelta(days=7)
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(-300, "a"), paid(1000, "b", later)])
        await put_deposits(tx, [], until=later)
        await run(tx)
        assert await opened(tx) == []
        await put_deposits(tx, [deposit(amount, later)], until=later + timedelta(days=14))
        await run(tx)
        assert await opened(tx) == left


@pytest.mark.parametrize(("until", "seen"), [(2, []), (3, ["deposit_missing"])])
async def test_a_deposit_is_missed_only_beyond_its_bank_days(books, until, seen):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a")])
        await put_deposits(tx, [], until=MONDAY + timedelta(days=until))
        await run(tx)
        assert [kind for kind, _ in await opened(tx)] == seen


@pytest.mark.parametrize(("until", "seen"), [(2, []), (3, ["unknown_deposit"])])
async def test_a_deposit_is_unknown_only_when_its_payout_should_have_been_told(books, until, seen):
    async with books.wiring.database.transaction("test") as tx:
        strange = [Deposit(5, MONDAY, basis="notice"), Deposit(5, MONDAY, cancelled=True), deposit(-5), deposit(1000)]
        await put_deposits(tx, strange, until=MONDAY + timedelta(days=until))
        await run(tx)
        assert [kind for kind, _ in await opened(tx)] == seen


async def test_what_a_person_took_back_is_neither_made_nor_suggested_again(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a")])
        (line,) = await put_deposits(tx, [deposit(1000)], until=MONDAY + timedelta(days=14))
        await run(tx)
        await actions.take_back(tx, line, reversal_id=uuid4(), by="ana", reason="another's", at=AT)
        assert (await run(tx)).deposits == 0
        assert await store.suggestions(tx, limit=10) == []
        assert await opened(tx) == [("deposit_missing", 1000), ("unknown_deposit", 1000)]
        said = (await tx.execute("SELECT reversed_by, reason FROM deposit_reversals")).one()
        assert tuple(said) == ("ana", "another's")


async def test_what_was_dismissed_is_not_suggested_again_but_the_rest_is(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a"), paid(1000, "b")])
        await put_deposits(tx, [deposit(1000)])
        await run(tx)
        first, second = await store.suggestions(tx, limit=10)
        await actions.dismiss(tx, first.id, by="ana", reason="no", at=AT)
        assert [each.id for each in await store.suggestions(tx, limit=10)] == [second.id]
        assert (await run(tx)).deposits == 1  # Now it can be nothing else.
        with pytest.raises(UnknownSuggestion):
            await actions.accept(tx, first.id, decision_id=uuid4(), by="ana", at=AT)


async def test_a_person_matches_by_hand_with_a_difference_that_stays_open(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a"), paid(2000, "b")])
        lines = await put_deposits(tx, [deposit(2500), deposit(400)], until=MONDAY + timedelta(days=14))
        await run(tx)
        due = sorted((await ids(tx)).values())
        made = await actions.match_by_hand(
            tx, bank_lines=lines, payouts=due, decision_id=uuid4(), by="ana", reason="fees abroad", at=AT
        )
        assert (made.difference, made.reason, made.accepted_by) == (Yen(-100), "fees abroad", "ana")
        (left,) = await matching_store.open_items(tx, limit=10)
        assert (left.kind, left.subject, left.amount) == ("deposit_differs", f"deposit:{made.id}", Yen(-100))
        assert left.provider == "agency"
        await actions.take_back(tx, made.id, reversal_id=uuid4(), by="ben", reason="wrong", at=AT)
        assert len(await opened(tx)) == 4


async def test_what_cannot_be_matched_by_hand_is_refused(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a"), paid(77, "b")])
        line, other = await put_deposits(tx, [deposit(1000), deposit(3)])
        (notice,) = await put_deposits(tx, [Deposit(1000, basis="notice")])
        await run(tx)
        due = await ids(tx)

        async def refused(kind, lines, wanted, reason="x"):
            with pytest.raises(kind):
                await actions.match_by_hand(
                    tx, bank_lines=lines, payouts=wanted, decision_id=uuid4(), by="ana", reason=reason, at=AT
                )

        await refused(MatchedAlready, [line], [due["b"]])
        await refused(MatchedAlready, [other], [due["a"]])
        await refused(NoDeposit, [notice], [due["b"]])
        await refused(UnknownPayout, [other], [uuid4()])
        await refused(DepositReasonMissing, [other], [due["b"]], " ")
        with pytest.raises(UnknownDepositMatch):
            await actions.take_back(tx, uuid4(), reversal_id=uuid4(), by="ana", reason="x", at=AT)


async def test_a_match_falls_by_itself_when_its_payout_has_another_sum(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a")])
        await put_deposits(tx, [deposit(1000)], until=MONDAY + timedelta(days=14))
        await run(tx)
        await put_lines(tx, [paid(50, "a")])
        await run(tx)
        assert await matches(tx) == []
        assert await opened(tx) == [("deposit_missing", 1050), ("unknown_deposit", 1000)]
        said = (await tx.execute("SELECT reversed_by, reason FROM deposit_reversals")).one()
        assert tuple(said) == ("", PAYOUT_CHANGED)
        await put_lines(tx, [paid(-50, "a")])
        assert (await run(tx)).deposits == 1  # Nobody refused it: a rule took it back.


async def test_a_crash_in_mid_run_loses_nothing(books):
    database = books.wiring.database
    async with database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a")])
        await put_deposits(tx, [deposit(1000)], until=MONDAY + timedelta(days=14))
        before = await digest(tx)
    with pytest.raises(DBAPIError):
        async with database.transaction("test") as tx:
            await run(tx)
            number = (await tx.execute("SELECT pg_backend_pid() AS number")).one().number
            async with database.transaction("test") as other:
                await other.execute("SELECT pg_terminate_backend(:number)", number=number)
            await tx.execute("SELECT 1")
    async with database.transaction("test") as tx:
        assert await digest(tx) == before
        made = await run(tx)
        assert (made.payouts, made.deposits, await opened(tx)) == (1, 1, [])


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM deposit_legs",
        "UPDATE deposit_legs SET difference = 1",
        "INSERT INTO deposit_legs SELECT * FROM deposit_legs",
        "UPDATE deposit_refusals SET reason = 'y'",
        "DELETE FROM deposit_reversals",
    ],
)
async def test_the_database_itself_keeps_matches(books, statement):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [paid(1000, "a"), paid(7, "b")])
        line, _ = await put_deposits(tx, [deposit(1000), deposit(7)])
        await run(tx)
        await actions.take_back(tx, line, reversal_id=uuid4(), by="ana", reason="x", at=AT)
    address = books.wiring.database.url.replace("+psycopg", "", 1)
    with psycopg.connect(address) as connection, pytest.raises(psycopg.errors.DatabaseError):
        connection.execute(statement)


AMOUNTS, LATER = st.sampled_from([100, 200, 300]), st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("payout"), AMOUNTS, LATER),
    st.tuples(st.just("deposit"), AMOUNTS, LATER),
    st.tuples(st.just("run"), st.just(0), st.just(0)),
    st.tuples(st.sampled_from(["accept", "dismiss", "back", "hand"]), st.integers(0, 5), st.just(0)),
)


class UndoError(Exception):
    pass


async def story(books, steps):
    async with books.wiring.database.transaction("test") as tx:
        refused = set()
        for number, (step, value, later) in enumerate([*steps, ("run", 0, 0)]):
            await one_step(tx, step, value, MONDAY + timedelta(days=later), number, refused)
            await invariants(tx, refused)
        before = await digest(tx)
        await run(tx)
        assert await digest(tx) == before
        raise UndoError


async def one_step(tx, step, value, day, number, refused):
    said = {"by": "ana", "at": AT}
    suggested = await store.suggestions(tx, limit=10)
    standing = await store.matches_of_payouts(tx, (await ids(tx)).values())
    match step:
        case "payout":
            await put_lines(tx, [paid(value, f"p{number % 4}", day)])
        case "deposit":
            await put_deposits(tx, [deposit(value, day)], until=day)
        case "run":
            await run(tx)
        case "accept" if suggested:
            await actions.accept(tx, suggested[value % len(suggested)].id, decision_id=uuid4(), **said)
        case "dismiss" if suggested:
            one = suggested[value % len(suggested)]
            refused.add((one.bank_lines, one.payouts))
            await actions.dismiss(tx, one.id, reason="no", **said)
        case "back" if standing:
            one = standing[value % len(standing)]
            refused.add((one.bank_lines, one.payouts))
            await actions.take_back(tx, one.id, reversal_id=uuid4(), reason="no", **said)
        case "hand":
            free = [each.id for each in await store.deposits(tx, first=date.min, last=date.max, matched=False, limit=9)]
            due = [
                each.id for each in await payouts.between(tx, first=date.min, last=date.max, limit=9) if each.awaited
            ]
            if free and due:
                chosen = {"bank_lines": free[: 1 + value % 2], "payouts": due[: 1 + value // 3]}
                await actions.match_by_hand(tx, **chosen, decision_id=uuid4(), reason="seen", **said)


async def invariants(tx, refused):
    standing = await store.matches_of_payouts(tx, (await ids(tx)).values())
    once = Counter(part for each in standing for part in (*each.bank_lines, *each.payouts))
    assert set(once.values()) <= {1}
    for each in standing:
        assert await store.difference_now(tx, each) == each.difference
        if each.rule.startswith("one_transfer"):
            assert (each.difference, each.accepted_by) == (Yen(0), "")
            assert (each.bank_lines, each.payouts) not in refused
    for each in await store.suggestions(tx, limit=100):
        assert (each.bank_lines, each.payouts) not in refused
        assert not once.keys() & {*each.bank_lines, *each.payouts}


async def test_whatever_comes_and_whoever_decides_nothing_is_matched_twice_and_every_sum_is_right(books):
    loop = asyncio.get_running_loop()

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, max_size=9))
    def check(steps):
        with pytest.raises(UndoError):
            asyncio.run_coroutine_threadsafe(story(books, steps), loop).result(60)

    await asyncio.to_thread(check)
