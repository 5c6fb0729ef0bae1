"""Closing by itself: each morning, and every few minutes then, whatever has nothing missing, the oldest first."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from kernel.clock import business_date, new_id
from kernel.refusals import Conflict, Refusal
from kernel.rows import Transaction
from reconciliation.closing import actions, store
from reconciliation.closing.gathering import books_begin, gather
from reconciliation.closing.missing import closes_from, missing_of
from reconciliation.closing.model import BY_ITSELF, Period, PeriodKind, is_closed, periods_between
from reconciliation.closing.reading import held_until
from reconciliation.journal.rounds import post_once
from reconciliation.wiring import Wiring

log = logging.getLogger(__name__)

KINDS: Final[tuple[PeriodKind, ...]] = ("day", "month", "year")
CLOSINGS_MAX: Final = 100  # of each kind in one round


async def keep_closing(wiring: Wiring, stop: asyncio.Event) -> None:
    """Close what agrees until stop is set; a fault is logged and tried again in the next round."""
    while not stop.is_set():
        count = 0
        try:
            count = await close_what_agrees(wiring)
        except (SQLAlchemyError, Refusal) as problem:
            log.warning("closing is tried again", extra={"problem": str(problem)[:300]})
        except Exception:
            log.exception("closing is tried again after an unexpected fault")
        if count < CLOSINGS_MAX:
            try:
                await asyncio.wait_for(stop.wait(), wiring.settings.closing_round_seconds)
            except TimeoutError:
                continue


async def close_what_agrees(wiring: Wiring) -> int:
    """Close every period that may be closed by now, each in its own transaction; return how many were."""
    await post_once(wiring, through=business_date(wiring.clock.now()))
    count = 0
    for kind in KINDS:  # A month that its last day completes closes in the same round.
        async with wiring.database.transaction("closing") as tx:
            ready = await _ready(tx, kind, wiring)
        for period in ready[:CLOSINGS_MAX]:
            count += await _close(wiring, period)
    return count


async def _ready(tx: Transaction, kind: PeriodKind, wiring: Wiring) -> list[Period]:
    at, starts = wiring.clock.now(), wiring.settings.closing_starts_at
    begins, yesterday = await books_begin(tx), business_date(at) - timedelta(days=1)
    if begins is None or begins > yesterday:
        return []
    over = [each for each in periods_between(kind, begins, yesterday) if closes_from(each, starts) <= at]
    if not over:
        return []
    closed = await store.closed(tx, first=over[0].first_day, last=over[-1].last_day)
    open_ = [each for each in over if not is_closed(each, closed)]
    held = await held_until(tx, open_, starts=starts)
    known = await gather(tx, open_, at=at, grace=wiring.grace)
    return [each for each in open_ if held.get(each, at) <= at and not missing_of(each, known[each], at=at)]


async def _close(wiring: Wiring, period: Period) -> bool:
    try:
        async with wiring.database.transaction("closing") as tx:
            await actions.close(tx, period, by=BY_ITSELF, at=wiring.clock.now(), grace=wiring.grace, event_id=new_id())
    except Conflict as problem:  # Somebody was quicker, or something came in between.
        log.info("a period does not close", extra={"period": str(period), "problem": problem.detail})
        return False
    log.info("a period closed by itself", extra={"kind": period.kind, "period": str(period)})
    return True
