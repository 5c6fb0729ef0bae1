"""A provider's statement meets what the ledger keeps: what a visitor paid is matched with the line that tells of it."""

import random
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from kernel.access import Role
from reconciliation import statements
from reconciliation.matching import rounds, store
from support.ledger_data import order_story

AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
EXAMPLE = (Path(statements.__path__[0]) / "stripe_payouts" / "example" / "one_payout.csv").read_text()
HEADING, ROW = EXAMPLE.splitlines()[:2]


def row(number, attempt, amount):
    """Return a line of Stripe's that tells of one payment, with the fee that its contract says."""
    fee = (amount * 36 + 500) // 1000
    return (
        ROW.replace("txn_1", f"txn_{number}")
        .replace("01939f00-0000-7000-8000-000000000001", str(attempt))
        .replace("1020.00,37.00,983.00", f"{amount},{fee},{amount - fee}")
    )


async def test_what_was_paid_is_matched_and_the_rest_is_open(books, web):
    dice, payments = random.Random(7), []
    for _ in range(5):
        story = order_story(dice, AT, end="kept", method="stripe_card")
        await books.take(story.events)
        payments += [each.fact for each in story.events if each.fact.TYPE == "payments.charge.captured.v1"]
    missed, *known = payments
    body = "\r\n".join(
        [HEADING, *(row(number, each.attempt_id, each.captured.amount) for number, each in enumerate(known)),
         row(92, "", -250).replace("charge", "fee").replace("2026-11-19", "2026-11-30"),
         row(90, known[0].attempt_id, known[0].captured.amount), row(91, uuid4(), 777)]
    )  # fmt: skip
    answer = await web.post(
        "/v1/statements/stripe_payouts", content=body.encode(), headers=books.token(Role.ACCOUNTING)
    )
    assert answer.status_code == 201, answer.text
    async with books.wiring.database.transaction("test") as tx:
        assert await store.waiting(tx) == ["stripe"]
    await rounds.match_once(books.wiring, "stripe")
    await rounds.match_once(books.wiring, "stripe")  # Somebody else was faster: there is nothing new.
    async with books.wiring.database.transaction("test") as tx:
        assert await store.waiting(tx) == []
        run = (await tx.execute("SELECT lines, claims, differing FROM match_runs")).one()
        left = await store.open_items(tx, limit=10)
    assert tuple(run) == (len(known), len(known), 0)
    assert sorted((each.kind, each.amount.amount) for each in left) == sorted(
        [
            ("missing_at_provider", missed.captured.amount),
            ("missing_here", 777),
            ("paid_again_at_provider", known[0].captured.amount),
        ]
    )
