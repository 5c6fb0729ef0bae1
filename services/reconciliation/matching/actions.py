"""Matching what is open, and taking a match back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from kernel.rows import Transaction
from reconciliation.matching import store
from reconciliation.matching.model import Leg, Run, UnknownMatch, require_reason


async def run(tx: Transaction, *, run_id: UUID, at: datetime) -> Run:
    """Match what is open; a second run over the same finds nothing."""
    await store.lock(tx)
    await store.match(tx, run_id)
    return await store.add_run(tx, run_id, at=at)


async def take_back(
    tx: Transaction, match_id: UUID, *, reversal_id: UUID, by: str, reason: str, at: datetime
) -> list[Leg]:
    """Take a match back, by its line's id or its group's; the rules do not make the same match again.

    Raises UnknownMatch and ReversalReasonMissing.
    """
    said = require_reason(reason)
    legs = await store.standing(tx, match_id)
    if not legs:
        raise UnknownMatch(id=str(match_id))
    await store.take_back(tx, match_id, legs, reversal_id=reversal_id, by=by, reason=said, at=at)
    return legs
