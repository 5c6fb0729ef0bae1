"""Finding what does not agree, and resolving it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.contracts.reconciliation import DiscrepancyResolved
from kernel.rows import Transaction
from reconciliation.discrepancies import store
from reconciliation.discrepancies.model import Discrepancy, StillArriving, UnknownDiscrepancy, judge


async def open_ones(
    tx: Transaction,
    facilities: Sequence[str] | None,
    *,
    at: datetime,
    grace: timedelta,
    days: tuple[date, date] | None = None,
) -> list[Discrepancy]:
    """Return what does not agree and nobody has explained, oldest first, the pending ones included.

    `days`: the first and the last business day to look at; None for all.
    """
    found = [
        each
        async for portion in store.suspects(tx, facilities, days=days)
        for order in portion
        for each in judge(order, at=at, grace=grace)
        if days is None or days[0] <= each.day <= days[1]
    ]
    return sorted(await _unexplained(tx, found), key=lambda each: (each.since, each.order_id, each.kind))


async def _unexplained(tx: Transaction, found: Sequence[Discrepancy]) -> list[Discrepancy]:
    known = await store.resolutions(tx, [each.id for each in found])
    return [each for each in found if each.id not in known or known[each.id].amount != each.amount]


async def some(
    tx: Transaction, facilities: Sequence[str] | None, *, after: str, limit: int, at: datetime, grace: timedelta
) -> tuple[list[Discrepancy], str | None]:
    """Return a page of open discrepancies by order id, from behind the order `after`, and where the next page begins.

    An order's discrepancies stay together, so that a page may hold a few more than `limit`.
    """
    page: list[Discrepancy] = []
    async for portion in store.suspects(tx, facilities, after=after):
        found = [each for order in portion for each in judge(order, at=at, grace=grace)]
        for _order_id, theirs in groupby(await _unexplained(tx, found), key=lambda each: each.order_id):
            if len(page) >= limit:
                return page, page[-1].order_id
            page += theirs
    return page, None


async def resolve(
    tx: Transaction,
    discrepancy_id: UUID,
    facilities: Sequence[str] | None,
    *,
    reason: str,
    by: str,
    at: datetime,
    grace: timedelta,
    event_id: UUID,
) -> Discrepancy:
    """Note why a discrepancy is none, or how it was settled.

    Raises CardNumberRefused, UnknownDiscrepancy or StillArriving.
    """
    if holds_card_number(reason):
        raise CardNumberRefused
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(:id, 8))", id=str(discrepancy_id))
    found = next(
        (each for each in await open_ones(tx, facilities, at=at, grace=grace) if each.id == discrepancy_id), None
    )
    if found is None:
        raise UnknownDiscrepancy(id=str(discrepancy_id))
    if found.pending:
        raise StillArriving
    before = (await store.resolutions(tx, [discrepancy_id])).get(discrepancy_id)
    version = before.version + 1 if before else 1
    await store.add_resolution(tx, found, version=version, reason=reason, by=by, at=at)
    fact = DiscrepancyResolved(
        discrepancy_id=discrepancy_id, kind=found.kind, reason=reason, resolved_by=by, resolved_at=at
    )
    await tx.publish(fact, subject=discrepancy_id, version=version, event_id=event_id, at=at)
    return found
