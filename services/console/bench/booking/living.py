"""What the worker does with the books, step by step: examining, posting, closing, verifying, and a replay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from console.installation import CannotStartError
from kernel.clock import business_date, new_id
from kernel.stream.protocol import dead_letter_topic_of
from reconciliation.closing.rounds import close_what_agrees
from reconciliation.discrepancies import actions as discrepancies
from reconciliation.journal.actions import Posted
from reconciliation.journal.rounds import post_once, verify_once
from reconciliation.journal.verifying import Verified
from reconciliation.replay.actions import TOPICS, replaying
from reconciliation.replay.model import Findings
from reconciliation.settings import ReconciliationSettings
from reconciliation.wiring import Wiring, wire

CLOSING_ROUNDS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class StandingClock:
    """A clock that always says the moment at which the books are looked at."""

    at: datetime

    def now(self) -> datetime:
        """Return that moment."""
        return self.at


def wired(url: str, at: datetime) -> Wiring:
    """Put reconciliation together over a database that holds its stream too, at a moment."""
    settings = ReconciliationSettings(reconciliation_database_url=url, stream_database_url=url, stream="postgres")
    made = wire(settings, clock=StandingClock(at))
    made.stream.create_topics([*TOPICS, *(dead_letter_topic_of(each) for each in TOPICS)])
    return made


async def examine(wiring: Wiring) -> int:
    """Bring discrepancies up to date as the worker does, a portion in each transaction; return how many touches."""
    touches, now = 0, wiring.clock.now()
    while True:
        async with wiring.database.transaction("bench") as tx:
            days = await discrepancies.examine_days(tx, at=now)
            orders = await discrepancies.examine(tx, at=now, grace=wiring.grace)
        touches += days + orders
        if days < discrepancies.PORTION_DAYS_MAX and orders < discrepancies.PORTION_TOUCHES_MAX:
            break
    async with wiring.database.transaction("bench") as tx:
        await discrepancies.examine_items(tx, at=now)  # No file was sent: nothing may be missed yet.
    return touches


async def post(wiring: Wiring) -> Posted:
    """Book what is new."""
    return await post_once(wiring, through=business_date(wiring.clock.now()))


async def close(wiring: Wiring) -> int:
    """Let everything close that agrees; return how many periods did."""
    closed = 0
    for _ in range(CLOSING_ROUNDS_MAX):
        count = await close_what_agrees(wiring)
        closed += count
        if not count:
            return closed
    raise CannotStartError(f"Periods still close after {CLOSING_ROUNDS_MAX} rounds.")


async def verify(wiring: Wiring) -> Verified:
    """Verify the journal from its first voucher on, and against its sources."""
    return await verify_once(wiring, by="momiji bench")


async def replay(wiring: Wiring) -> Findings:
    """Make the ledger again from the stream, beside the one that serves; return how both compare."""
    async with replaying(wiring.database, wiring.stream, run_id=new_id(), wait_seconds=1) as running:
        try:
            await running.read()
            return await running.compare()
        finally:
            await running.drop()
