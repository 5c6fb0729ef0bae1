"""Bringing discrepancies up to date, and what people do about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.contracts import Fact
from kernel.contracts.reconciliation import DiscrepancyRaised, DiscrepancyResolved, DiscrepancyVanished
from kernel.money import Yen
from kernel.outbox import Pending
from kernel.rows import Transaction
from reconciliation.closing import store as closings
from reconciliation.closing.model import changed_since
from reconciliation.days import store as figures
from reconciliation.days.figures import NOTHING
from reconciliation.discrepancies import findings, handling, listing, store
from reconciliation.discrepancies.findings import Move
from reconciliation.discrepancies.handling import BULK_MAX, Reason, Step, Stored, TooManyAtOnce
from reconciliation.discrepancies.model import (
    Discrepancy,
    StillArriving,
    StillExamining,
    UnknownDiscrepancy,
    judge,
)

PORTION_TOUCHES_MAX: Final = 2_000
PORTION_DAYS_MAX: Final = 50
PORTIONS_ON_READING_MAX: Final = 5
PORTION_ITEMS_MAX: Final = 20_000
OPEN_ONES_MAX: Final = 10_000
ARRIVING_MAX: Final = 2_000
BATCH_EVENTS_MAX: Final = 1_000

Change = Callable[[Stored], tuple[Stored, Sequence[Step]]]


async def examine(tx: Transaction, *, at: datetime, grace: timedelta) -> int:
    """Judge orders that were touched or whose grace is over; return how many, at most PORTION_TOUCHES_MAX.

    Whoever gets that many calls it again, in another transaction: so much is locked and published at once at most.
    """
    if not await findings.any_due(tx, at=at):
        return 0
    await findings.lock_orders(tx)
    taken = await findings.take_due(tx, at=at, limit=PORTION_TOUCHES_MAX)
    orders = sorted(set(taken))
    found = [each for order in await findings.suspects_among(tx, orders) for each in judge(order, at=at, grace=grace)]
    waits: dict[str, datetime] = {}
    for each in found:
        if each.pending:
            waits[each.order_id] = min(each.since + grace, waits.get(each.order_id, each.since + grace))
    if waits:
        await findings.look_again(tx, waits)
    certain = [each for each in found if not each.pending]
    await _tell(tx, await findings.apply_orders(tx, orders, certain, at=at), at=at)
    return len(taken)


async def examine_days(tx: Transaction, *, at: datetime) -> int:
    """Compare days that were touched with what they were closed with; return how many, at most PORTION_DAYS_MAX.

    Whoever gets that many calls it again, in another transaction.
    """
    if not await findings.any_touched_day(tx):
        return 0
    await findings.lock_days(tx)
    days = await findings.take_touched_days(tx, limit=PORTION_DAYS_MAX)
    if not days:
        return 0
    closed = await closings.standing(tx, "day", first=days[0], last=days[-1])
    found = []
    for day in days:
        if day in closed:
            now = await figures.totals(tx, None, first=day, last=day)
            found.append(changed_since(closed[day], now.get(day, NOTHING)))
    await _tell(tx, await findings.apply_days(tx, days, [each for each in found if each], at=at), at=at)
    return len(days)


async def examine_items(tx: Transaction, *, at: datetime) -> int:
    """Compare discrepancies with what matching leaves open; return how many differed, at most PORTION_ITEMS_MAX.

    Whoever gets that many calls it again, in another transaction.
    """
    await findings.lock_items(tx)
    differed, moves = await findings.apply_items(tx, at=at, limit=PORTION_ITEMS_MAX)
    await _tell(tx, moves, at=at)
    return differed


async def up_to_date(tx: Transaction, *, at: datetime, grace: timedelta) -> bool:
    """Judge the orders and days that were touched, within bounds; tell whether nothing is left to judge."""
    for _ in range(PORTIONS_ON_READING_MAX):
        days, orders = await examine_days(tx, at=at), await examine(tx, at=at, grace=grace)
        if days < PORTION_DAYS_MAX and orders < PORTION_TOUCHES_MAX:
            return True
    return not (await findings.any_touched_day(tx) or await findings.any_due(tx, at=at))


async def _tell(tx: Transaction, moves: Sequence[Move], *, at: datetime) -> None:
    """Publish what was found, in bounded batches."""
    again = [each.id for each in moves if each.step == "resolved"]
    reasons = await store.settlements(tx, again) if again else {}
    for first in range(0, len(moves), BATCH_EVENTS_MAX):
        portion = moves[first : first + BATCH_EVENTS_MAX]
        await tx.write(
            events=[
                _event(tx, each.id, each.version, fact, at)
                for each in portion
                if (fact := _fact(each, reasons.get(each.id), at)) is not None
            ]
        )


def _fact(move: Move, settled: Step | None, at: datetime) -> Fact | None:
    match move.step:
        case "raised" | "reopened" | "changed":
            return DiscrepancyRaised(
                discrepancy_id=move.id,
                kind=move.kind,
                day=move.day,
                facility=move.facility,
                amount=move.amount,
                raised_at=at,
                order_id=move.order_id,
                number=move.number,
                provider=move.provider,
                again=move.step != "raised",
            )
        case "vanished":
            return DiscrepancyVanished(discrepancy_id=move.id, kind=move.kind, vanished_at=at)
        case "resolved" if settled is not None:  # Its amount is again the one that somebody explained.
            return DiscrepancyResolved(
                discrepancy_id=move.id,
                kind=move.kind,
                reason=settled.words,
                resolved_by=settled.by,
                resolved_at=at,
                cause=settled.cause,
            )
        case _:
            return None


def _event(tx: Transaction, discrepancy_id: UUID, version: int, fact: Fact, at: datetime) -> Pending:
    # The same step is the same event, whoever tells of it.
    return Pending(fact, str(discrepancy_id), version, uuid5(discrepancy_id, str(version)), tx.correlation_id, at)


async def open_ones(
    tx: Transaction,
    facilities: Sequence[str] | None,
    *,
    at: datetime,
    grace: timedelta,
    days: tuple[date, date] | None = None,
) -> list[Discrepancy]:
    """Return what does not agree and nobody has explained, oldest first, the pending ones included.

    `days`: the first and the last business day to look at; at most OPEN_ONES_MAX. Raises StillExamining.
    """
    if not await up_to_date(tx, at=at, grace=grace):
        raise StillExamining
    kept = await listing.open_ones(tx, facilities, days=days, limit=OPEN_ONES_MAX)
    waiting = await pending_ones(tx, facilities, at=at, grace=grace, days=days)
    return sorted([*kept, *waiting], key=lambda each: (each.since, each.about, each.kind))


async def pending_ones(
    tx: Transaction,
    facilities: Sequence[str] | None,
    *,
    at: datetime,
    grace: timedelta,
    days: tuple[date, date] | None = None,
) -> list[Discrepancy]:
    """Return what does not agree yet: it is judged when somebody looks, and raised when its grace is over."""
    orders = await findings.arriving(tx, at=at, limit=ARRIVING_MAX)
    return [
        each
        for order in await findings.suspects_among(tx, orders)
        if facilities is None or order.facility in facilities
        for each in judge(order, at=at, grace=grace)
        if each.pending and (days is None or days[0] <= each.day <= days[1])
    ]


def _require_no_card_number(words: str) -> None:
    if holds_card_number(words):
        raise CardNumberRefused


async def _one(
    tx: Transaction, discrepancy_id: UUID, facilities: Sequence[str] | None, *, at: datetime, grace: timedelta
) -> Stored:
    """Return a discrepancy as it is now, locked for a change; raise StillArriving or UnknownDiscrepancy."""
    await up_to_date(tx, at=at, grace=grace)
    try:
        [found] = await store.take(tx, [discrepancy_id], facilities)
    except UnknownDiscrepancy:
        waiting = await pending_ones(tx, facilities, at=at, grace=grace)
        if any(each.id == discrepancy_id for each in waiting):
            raise StillArriving from None
        raise
    return found


async def resolve(
    tx: Transaction,
    discrepancy_id: UUID,
    facilities: Sequence[str] | None,
    *,
    reason: Reason,
    by: str,
    at: datetime,
    grace: timedelta,
    alone_max: Yen,
) -> Stored:
    """Note why a discrepancy is none, or how it was settled; above `alone_max` a second person has to approve it.

    Raises CardNumberRefused, UnknownDiscrepancy, StillArriving, and what handling.resolve does.
    """
    _require_no_card_number(reason.words)
    before = await _one(tx, discrepancy_id, facilities, at=at, grace=grace)
    moved = handling.resolve(before, reason, by=by, at=at, alone_max=alone_max)
    await _settle(tx, [moved], at=at)
    return moved[0]


async def _settle(tx: Transaction, moved: Sequence[tuple[Stored, Sequence[Step]]], *, at: datetime) -> None:
    """Write what became of discrepancies, and publish which are settled."""
    await store.change(tx, moved)
    await tx.write(
        events=[
            _event(
                tx,
                after.id,
                step.version,
                DiscrepancyResolved(
                    discrepancy_id=after.id,
                    kind=after.kind,
                    reason=step.words,
                    resolved_by=step.by,
                    resolved_at=at,
                    cause=step.cause,
                    approved_by=after.approved_by,
                ),
                at,
            )
            for after, steps in moved
            for step in steps
            if step.step == "resolved"
        ]
    )


async def approve(
    tx: Transaction, discrepancy_id: UUID, facilities: Sequence[str] | None, *, by: str, at: datetime, grace: timedelta
) -> Stored:
    """Settle what another person proposed. Raises UnknownDiscrepancy, and what handling.approve does."""
    before = await _one(tx, discrepancy_id, facilities, at=at, grace=grace)
    if before.state != "proposed":
        raise handling.NothingProposed
    moved = handling.approve(before, await store.proposal_of(tx, before.id), by=by, at=at)
    await _settle(tx, [moved], at=at)
    return moved[0]


async def decline(
    tx: Transaction,
    discrepancy_id: UUID,
    facilities: Sequence[str] | None,
    *,
    words: str,
    by: str,
    at: datetime,
    grace: timedelta,
) -> Stored:
    """Give back what another person proposed. Raises CardNumberRefused, and what handling.decline does."""
    _require_no_card_number(words)
    before = await _one(tx, discrepancy_id, facilities, at=at, grace=grace)
    moved = handling.decline(before, words, by=by, at=at)
    await store.change(tx, [moved])
    return moved[0]


async def change_many(
    tx: Transaction,
    ids: Sequence[UUID],
    facilities: Sequence[str] | None,
    move: Change,
    *,
    words: str,
    at: datetime,
    grace: timedelta,
) -> list[Stored]:
    """Do the same to each of some discrepancies, or to none: one that may not be changed keeps all from it.

    `words` are what `move` writes. Raises TooManyAtOnce, CardNumberRefused, UnknownDiscrepancy, and what `move` does.
    """
    if not 1 <= len(ids) <= BULK_MAX:
        raise TooManyAtOnce(count_max=BULK_MAX)
    _require_no_card_number(words)
    await up_to_date(tx, at=at, grace=grace)
    moved = [move(each) for each in await store.take(tx, ids, facilities)]
    await _settle(tx, moved, at=at)
    return [after for after, _ in moved]
