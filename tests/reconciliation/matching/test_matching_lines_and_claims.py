"""Lines of providers and our own claims are matched one to one, by payment, as far as they agree, and never twice."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.money import Yen
from reconciliation.matching import actions, store
from reconciliation.matching.model import IN_KINDS, ReversalReasonMissing, UnknownMatch
from reconciliation.provider_contracts.actions import define
from reconciliation.provider_contracts.model import Closing, Definition, Periods
from reconciliation.statements import store as statements
from support import settling
from support.settling import AT, DAY, Claim, Line, payment

CLAIM_KINDS = ("charge", "refund", "reversal", "dispute", "dispute_won")
AGENCY = Definition(
    title="Agency",
    provider="agency",
    methods=("agency_pay",),
    pays=Periods(closings=(Closing(day=31, months_later=1, pays_on=31),)),
    days_late=2,
)


@dataclass(frozen=True)
class Side:
    """A line or a claim: of a payment, of a kind, of an amount whose sign is the kind's, on a day."""

    attempt: UUID
    kind: str
    amount: int
    day: date = DAY


def signed(kind, amount):
    return amount if kind in IN_KINDS else -amount


def sides(kinds):
    return st.builds(
        lambda number, kind, amount, later: Side(payment(number), kind, signed(kind, amount), DAY + timedelta(later)),
        st.integers(1, 3),
        st.sampled_from(kinds),
        st.sampled_from([100, 200, 300]),
        st.integers(0, 3),
    )


@pytest.fixture
async def books(books):
    async with books.wiring.database.transaction("test") as tx:
        await define(tx, "agency", since=date(2026, 4, 1), definition=AGENCY, by="ana", at=AT)
    return books


async def put_lines(tx, lines, until=DAY + timedelta(days=30)):
    """Write lines, and that the statements of their provider reach until a day."""
    last = Line(-1, kind="fee", provider="agency", day=until)
    made = [Line(each.amount, each.kind, each.attempt, provider="agency", day=each.day) for each in lines]
    return (await settling.put_lines(tx, [*made, last]))[:-1]


async def put_claims(tx, claims):
    made = [Claim(each.amount, each.kind, each.attempt, method="agency_pay", day=each.day) for each in claims]
    return await settling.put_claims(tx, made)


async def legs(tx):
    return list(await tx.execute("SELECT * FROM match_legs WHERE stands"))


async def matched(books, lines, claims):
    """Return (id → line, id → claim, legs, open items) after one run; nothing of it is kept."""

    class UndoError(Exception):
        pass

    try:
        async with books.wiring.database.transaction("test") as tx:
            line_of = dict(zip(await put_lines(tx, lines), lines, strict=True))
            claim_of = dict(zip(await put_claims(tx, claims), claims, strict=True))
            first = await actions.run(tx, run_id=uuid4(), at=AT)
            found = await legs(tx)
            again = await actions.run(tx, run_id=uuid4(), at=AT)
            assert (again.lines, again.claims) == (0, 0)
            assert await legs(tx) == found
            assert (first.lines, first.claims) == (
                sum(1 for each in found if each.line_id),
                sum(1 for each in found if each.claim_id),
            )
            left = await store.open_items(tx, limit=1000)
            raise UndoError  # noqa: TRY301 - a way out of the transaction, not a fault
    except UndoError:
        return line_of, claim_of, found, left


async def test_any_lines_and_claims_are_matched_as_far_as_they_agree_and_no_further(books, monkeypatch):
    """`a_great_many`: they are joined as wholes, as a year of lines is."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(sides((*CLAIM_KINDS, "refund_failure")), max_size=8),
        st.lists(sides(CLAIM_KINDS), max_size=8),
        st.booleans(),
    )
    def hold(lines, claims, a_great_many):
        monkeypatch.setattr(store, "LINES_OF_MOST_CLAIMS", 0 if a_great_many else 100_000)
        check(*asyncio.run_coroutine_threadsafe(matched(books, lines, claims), loop).result(30))

    await asyncio.to_thread(hold)


def check(line_of, claim_of, found, left):
    once = Counter(each.line_id for each in found if each.line_id) + Counter(
        each.claim_id for each in found if each.claim_id
    )
    assert set(once.values()) <= {1}
    groups = defaultdict(list)
    for each in found:
        groups[each.group_id or each.line_id].append(each)
    for parts in groups.values():
        its_lines = [line_of[each.line_id] for each in parts if each.line_id]
        its_claims = [claim_of[each.claim_id] for each in parts if each.claim_id]
        assert its_lines
        assert its_claims
        assert len({(each.attempt, each.kind in IN_KINDS) for each in its_lines + its_claims}) == 1
        apart = sum(each.amount for each in its_lines) - sum(each.amount for each in its_claims)
        assert apart == sum(each.difference for each in parts)
        assert apart == 0 or (len(its_lines), len(its_claims)) == (1, 1)
    open_lines = [line for line_id, line in line_of.items() if line_id not in once]
    open_claims = [claim for claim_id, claim in claim_of.items() if claim_id not in once]
    for line in open_lines:
        for claim in open_claims:
            same = (line.attempt, line.kind in IN_KINDS) == (claim.attempt, claim.kind in IN_KINDS)
            assert not (same and line.amount == claim.amount)
    kinds = Counter(each.kind for each in left)
    assert kinds["missing_here"] + kinds["paid_again_at_provider"] == len(open_lines)
    assert kinds["provider_amount_differs"] == sum(1 for each in found if each.difference)
    assert kinds["missing_at_provider"] == len(open_claims)
    late = [each for each in found if each.days_late]
    assert kinds["booked_late"] == len(late)
    for each in late:
        if each.claim_id:
            assert each.days_late == (line_of[each.line_id].day - claim_of[each.claim_id].day).days - AGENCY.days_late


async def rules(books, lines, claims):
    _, _, found, left = await matched(books, lines, claims)
    return sorted(each.rule for each in found), sorted(each.kind for each in left)


A, B = payment(1), payment(2)
EXAMPLES = {
    "the same": ([Side(A, "charge", 510)], [Side(A, "charge", 510)], ["same_payment_same_kind"], []),
    "paid twice, booked once": (
        [Side(A, "charge", 510)] * 2, [Side(A, "charge", 510)], ["same_payment_same_kind"], ["paid_again_at_provider"],
    ),
    "paid twice, booked twice": (
        [Side(A, "charge", 510)] * 2, [Side(A, "charge", 510)] * 2, ["same_payment_same_kind"] * 2, [],
    ),
    "a bank's reversal that the provider calls a refund": (
        [Side(A, "refund", -510)], [Side(A, "reversal", -510)], ["same_payment_other_kind"], [],
    ),
    "one payment booked in two parts": (
        [Side(A, "charge", 610)], [Side(A, "charge", 510), Side(A, "charge", 100)], ["same_payment_in_sum"] * 3, [],
    ),
    "another amount": (
        [Side(A, "charge", 500)], [Side(A, "charge", 510)], ["same_payment_other_amount"], ["provider_amount_differs"],
    ),
    "unknown here": ([Side(A, "charge", 510)], [Side(B, "charge", 510)], [], ["missing_at_provider", "missing_here"]),
    "a refund is not its payment": (
        [Side(A, "refund", -510)], [Side(A, "charge", 510)], [], ["missing_at_provider", "missing_here"],
    ),
    "a dispute that was won": (
        [Side(A, "dispute", -510), Side(A, "dispute_won", 510)],
        [Side(A, "dispute", -510), Side(A, "dispute_won", 510)],
        ["same_payment_same_kind"] * 2,
        [],
    ),
    "a fee is nobody's claim": ([Side(A, "fee", -250)], [], [], []),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
async def test_each_rule_by_an_example(books, name):
    lines, claims, expected, left = EXAMPLES[name]
    assert await rules(books, lines, claims) == (expected, left)


@pytest.mark.parametrize(("until", "seen"), [(2, []), (3, ["missing_at_provider"])])
async def test_a_claim_is_not_missed_before_its_provider_s_statement_reaches_beyond_it(books, until, seen):
    async with books.wiring.database.transaction("test") as tx:
        await put_claims(tx, [Side(A, "charge", 510)])
        await put_lines(tx, [], until=DAY + timedelta(days=until))
        await actions.run(tx, run_id=uuid4(), at=AT)
        assert [each.kind for each in await store.open_items(tx, limit=10)] == seen


async def test_a_claim_whose_event_came_late_is_missed_at_the_next_statement(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [])
        await actions.run(tx, run_id=uuid4(), at=AT)
        await put_claims(tx, [Side(A, "charge", 510)])
        await put_lines(tx, [], until=DAY + timedelta(days=31))
        await actions.run(tx, run_id=uuid4(), at=AT)
        assert [each.kind for each in await store.open_items(tx, limit=10)] == ["missing_at_provider"]


async def test_a_line_is_matched_when_its_event_comes_after_it(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [Side(A, "charge", 510)])
        await actions.run(tx, run_id=uuid4(), at=AT)
        await put_claims(tx, [Side(A, "charge", 510)])
        again = await actions.run(tx, run_id=uuid4(), at=AT)
        assert (again.lines, again.claims, await store.open_items(tx, limit=10)) == (1, 1, [])


async def test_a_match_that_was_taken_back_is_not_made_again_and_its_sides_are_open(books):
    async with books.wiring.database.transaction("test") as tx:
        (line,) = await put_lines(tx, [Side(A, "charge", 510)])
        await put_claims(tx, [Side(A, "charge", 510)])
        await actions.run(tx, run_id=uuid4(), at=AT)
        (leg,) = await actions.take_back(tx, line, reversal_id=uuid4(), by="ana", reason="another visitor", at=AT)
    assert leg.difference == Yen(0)
    async with books.wiring.database.transaction("test") as tx:
        again = await actions.run(tx, run_id=uuid4(), at=AT)
        said = (await tx.execute("SELECT reversed_by, reason FROM match_reversals")).one()
        left = await store.open_items(tx, limit=10)
    assert (again.lines, again.claims) == (0, 0)
    assert tuple(said) == ("ana", "another visitor")
    assert sorted(each.kind for each in left) == ["missing_at_provider", "paid_again_at_provider"]


async def test_a_group_is_taken_back_as_a_whole(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [Side(A, "charge", 610)])
        await put_claims(tx, [Side(A, "charge", 510), Side(A, "charge", 100)])
        await actions.run(tx, run_id=uuid4(), at=AT)
        group = (await legs(tx))[0].group_id
        taken = await actions.take_back(tx, group, reversal_id=uuid4(), by="ana", reason="wrong", at=AT)
    assert len(taken) == 3
    async with books.wiring.database.transaction("test") as tx:
        assert (await actions.run(tx, run_id=uuid4(), at=AT)).claims == 0


async def test_taking_back_needs_a_match_and_a_reason(books):
    async with books.wiring.database.transaction("test") as tx:
        (line,) = await put_lines(tx, [Side(A, "charge", 510)])
        await put_claims(tx, [Side(A, "charge", 510)])
        await actions.run(tx, run_id=uuid4(), at=AT)
        with pytest.raises(ReversalReasonMissing):
            await actions.take_back(tx, line, reversal_id=uuid4(), by="ana", reason=" ", at=AT)
        await actions.take_back(tx, line, reversal_id=uuid4(), by="ana", reason="x", at=AT)
        with pytest.raises(UnknownMatch):
            await actions.take_back(tx, line, reversal_id=uuid4(), by="ana", reason="x", at=AT)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM match_legs",
        "UPDATE match_legs SET difference = 1",
        "UPDATE match_legs SET stands = false, rule = 'x'",
        "INSERT INTO match_legs SELECT * FROM match_legs",
    ],
)
async def test_the_database_itself_keeps_matches(books, statement):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [Side(A, "charge", 510)])
        await put_claims(tx, [Side(A, "charge", 510)])
        await actions.run(tx, run_id=uuid4(), at=AT)
    address = books.wiring.database.url.replace("+psycopg", "", 1)
    with psycopg.connect(address) as connection, pytest.raises(psycopg.errors.DatabaseError):
        connection.execute(statement)


async def test_what_follows_from_matches_waits_for_new_files_but_not_for_long(books):
    async with books.wiring.database.transaction("test") as tx:
        assert not await actions.is_behind(tx, at=AT)
        await put_lines(tx, [Side(A, "charge", 510)])
        assert await actions.is_behind(tx, at=AT + timedelta(minutes=9))
        assert not await actions.is_behind(tx, at=AT + timedelta(minutes=11))
        await actions.run(tx, run_id=uuid4(), at=AT)
        assert not await actions.is_behind(tx, at=AT)


async def test_a_file_is_matched_once_a_run_took_it_alone_or_with_others(books):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [Side(A, "charge", 510)])
        await put_lines(tx, [Side(B, "charge", 510)])
        files = [row.id for row in await tx.execute("SELECT id FROM statement_files")]
        assert [await statements.is_matched(tx, each) for each in files] == [False, False]
        await actions.run(tx, run_id=uuid4(), at=AT)
        assert [await statements.is_matched(tx, each) for each in files] == [True, True]
