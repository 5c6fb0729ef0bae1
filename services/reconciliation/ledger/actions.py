"""Keeping facts, and making everything that follows from them once more."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay ended: the ledger's digest before and after, over so many facts."""

    facts_count: int
    digest_before: str
    digest_after: str

    @property
    def identical(self) -> bool:
        """Tell whether the books were what the facts say."""
        return self.digest_before == self.digest_after


async def replay(tx: Transaction) -> Replayed:
    """Make entries and positions again from the facts alone."""
    before = await store.digest(tx)
    await store.forget_what_follows(tx)
    count = 0
    async for portion in store.all_facts(tx):
        for kept in portion:
            await store.book(tx, kept.event_id, meaning_of(kept.fact, version=kept.version, at=kept.occurred_at))
            count += 1
    return Replayed(count, before, await store.digest(tx))
