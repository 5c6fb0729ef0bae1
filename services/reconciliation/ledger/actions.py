"""Keeping facts, and booking what they mean."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.contracts import Envelope
from kernel.rows import Transaction
from reconciliation.ledger import store
from reconciliation.ledger.model import meaning_of


async def record(tx: Transaction, event: Envelope) -> bool:
    """Keep a fact and book what it means; return False if it is known already."""
    meaning = meaning_of(event.fact, version=event.aggregate_version, at=event.time)
    if not await store.keep_fact(tx, event, meaning):
        return False
    await store.book(tx, event.id, meaning)
    return True


async def record_all(tx: Transaction, events: Sequence[Envelope]) -> int:
    """Keep many facts and book what they mean; return how many the ledger did not have."""
    told = [(event, meaning_of(event.fact, version=event.aggregate_version, at=event.time)) for event in events]
    new = await store.keep_facts(tx, told) if told else set()
    fresh = {event.id: (event.id, meaning) for event, meaning in told if event.id in new}  # each once
    await store.book_all(tx, list(fresh.values()))
    return len(fresh)
