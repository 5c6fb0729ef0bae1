"""Orders whose truth is known go through the ledger; every kind of fault is found, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from console.bench.reconciling.stories import ORDER_FAULTS, stories
from reconciliation.discrepancies import actions

AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_fault_of_an_order_is_found_and_nothing_else(books, seed):
    told = list(stories(seed, AT, each=4))
    events = [event for story in told for event in story.events]
    told[0].dice.shuffle(events)  # They may arrive in any order.
    await books.take(events)
    async with books.wiring.database.transaction("test") as tx:
        await actions.examine(tx, at=AT + timedelta(days=1), grace=timedelta(minutes=5))
        found = {
            (row.kind, row.subject, row.amount)
            for row in await tx.execute("SELECT kind, subject, amount FROM discrepancies WHERE state = 'open'")
        }
    labels = {
        (each.label.kind, f"order:{each.label.order_id}", each.label.amount.amount) for each in told if each.label
    }
    assert found == labels
    assert {kind for kind, _, _ in labels} == set(ORDER_FAULTS)
    assert len(labels) == 4 * len(ORDER_FAULTS)
