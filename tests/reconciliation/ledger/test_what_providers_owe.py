"""Each movement of money at a provider is claimed once, so that its statement can be held against our own books."""

import random
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

import reconciliation
from kernel.contracts import payments
from kernel.money import Yen
from reconciliation.ledger.model import meaning_of
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ENDS = (
    "admitted",
    "cancelled",
    "undone",
    "unallocated",
    "abandoned",
    "short",
    "late",
    "reversed",
    "refund_outstanding",
)
BACKFILL = (Path(reconciliation.__file__).parent / "migrations" / "versions" / "2026_11_25_claims.sql").read_text()
ID = UUID("01939f00-0000-7000-8000-000000000001")
DISPUTE = {
    "dispute_id": ID,
    "charge_id": ID,
    "attempt_id": ID,
    "method": "stripe_card",
    "reference": "an order",
    "facility": "hpam",
    "amount": Yen(510),
    "reason": "fraudulent",
}


def story(end, seed=11):
    return order_story(random.Random(seed), AT, end=end)


def claims_of(events):
    found = [meaning_of(each.fact, version=each.aggregate_version, at=each.time).claim for each in events]
    return [each for each in found if each is not None]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("end", ENDS)
def test_the_claims_of_an_order_are_the_money_that_moved(end, seed):
    events = story(end, seed).events
    changes = [meaning_of(each.fact, version=each.aggregate_version, at=each.time).change for each in events]
    moved = sum((each.captured + each.unallocated - each.reversed - each.refunded).amount for each in changes if each)
    assert sum(each.amount.amount for each in claims_of(events)) == moved


def test_money_that_was_captured_before_is_not_claimed_again():
    kinds = [each.kind for each in claims_of(story("late").events)]
    assert sorted(kinds) == ["charge", "refund"]


def test_a_payment_that_came_twice_is_claimed_twice():
    first, second = claims_of(story("unallocated").events)
    assert (first.kind, first.attempt_id, first.amount) == (second.kind, second.attempt_id, second.amount)


@pytest.mark.parametrize(
    ("fact", "claimed"),
    [
        (payments.DisputeOpened(**DISPUTE, opened_at=AT), ("dispute", Yen(-510))),
        (payments.DisputeClosed(**DISPUTE, won=True, closed_at=AT), ("dispute_won", Yen(510))),
        (payments.DisputeClosed(**DISPUTE, won=False, closed_at=AT), None),
    ],
)
def test_a_dispute_takes_the_money_at_once_and_a_won_one_brings_it_back(fact, claimed):
    claim = meaning_of(fact, version=1, at=AT).claim
    assert (None if claim is None else (claim.kind, claim.amount)) == claimed


def test_a_refund_from_our_own_account_is_no_provider_s_matter():
    refund = {name: DISPUTE[name] for name in ("charge_id", "attempt_id", "method", "reference", "facility", "amount")}
    told = payments.RefundSettled(refund_id=ID, **refund, allocations=(), by_us=True, settled_at=AT)
    assert meaning_of(told, version=1, at=AT).claim is None


async def test_an_older_ledger_gets_the_claims_that_a_new_one_makes(books):
    """What the migration makes of the facts that there are is what the ledger itself makes of them."""
    stories = [story(end, seed) for seed, end in enumerate(ENDS)]
    stories[0].tell(payments.DisputeOpened(**DISPUTE, opened_at=AT), ID, AT)
    stories[0].tell(payments.DisputeClosed(**DISPUTE, won=True, closed_at=AT), ID, AT)
    await books.take([event for each in stories for event in each.events])
    listed = "SELECT row_to_json(c)::text FROM claims AS c ORDER BY id"
    async with books.wiring.database.transaction("test") as tx:
        made = [row[0] for row in await tx.execute(listed)]
        await tx.execute("DELETE FROM claims")
        await tx.execute(BACKFILL[BACKFILL.index("INSERT INTO claims") :].replace("::", "\\:\\:"))
        filled = [row[0] for row in await tx.execute(listed)]
    assert len(made) > len(ENDS)
    assert filled == made
