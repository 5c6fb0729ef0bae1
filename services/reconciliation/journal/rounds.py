"""The journal's round: every minute what is new is booked; once a day all of it is looked at again and verified."""

from __future__ import annotations

import asyncio
import logging
from datetime import date
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from kernel.clock import business_date, new_id
from reconciliation.closing.actions import first_open_day
from reconciliation.journal import actions
from reconciliation.journal.verifying import Verified, keep, verify
from reconciliation.matching import actions as matching
from reconciliation.wiring import Wiring

log = logging.getLogger(__name__)

SECONDS: Final = 60.0


async def keep_posted(wired: Wiring, stop: asyncio.Event) -> None:
    """Book what is new until stop is set; what fails is tried again in the next round.

    While new statements are matched, a round is left out: what it would book would be booked anew.
    """
    looked_at_all: date | None = None
    while not stop.is_set():
        today = business_date(wired.clock.now())
        try:
            if not await _matching_is_behind(wired):
                await post_once(wired, through=today, whole=looked_at_all != today)
                if looked_at_all != today:
                    await verify_once(wired)
                looked_at_all = today
        except SQLAlchemyError as problem:
            log.warning("the journal is posted again", extra={"problem": str(problem)[:300]})
        except Exception:
            log.exception("the journal is posted again after an unexpected fault")
        try:
            await asyncio.wait_for(stop.wait(), SECONDS)
        except TimeoutError:
            continue


async def _matching_is_behind(wired: Wiring) -> bool:
    async with wired.database.transaction("journal") as tx:
        return await matching.is_behind(tx, at=wired.clock.now())


async def post_once(wired: Wiring, *, through: date, whole: bool = False) -> actions.Posted:
    """Book what is new, in one transaction."""
    async with wired.database.transaction("journal") as tx:
        return await actions.post(
            tx, through=through, at=wired.clock.now(), new_id=new_id, open_day=first_open_day, whole=whole
        )


async def verify_once(wired: Wiring, *, by: str = actions.BY_ITSELF) -> Verified:
    """Verify the journal and write down what was found; a fault is an error in the log too."""
    async with wired.database.transaction("journal") as tx:
        found = await verify(tx, known={})
    async with wired.database.transaction("journal") as tx:
        await keep(tx, found, by=by, at=wired.clock.now())
    if found.fault is not None:
        log.error(
            "the journal is broken",
            extra={"fault": found.fault.kind, "voucher": found.fault.number, "origin": found.fault.origin},
        )
    return found
