"""Matching as soon as files are here: those of one provider at a time, those of several providers at once."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile
from typing import Final

from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from kernel.clock import new_id
from reconciliation.matching import actions, store
from reconciliation.matching.model import BANKS
from reconciliation.wiring import Wiring

log = logging.getLogger(__name__)
RUNS = Counter("momiji_matching_runs_total", "Runs of matching over new files", ["outcome"])

LOOK_SECONDS: Final = 0.2
LOOK_AT_ALL_SECONDS: Final = 5.0
AWAY_SECONDS: Final = 5.0  # between looks while the database does not answer
RECENT: Final = timedelta(days=1)  # Files of before are looked for more seldom.
AT_ONCE_MAX: Final = 2  # What one run does keeps one core of the database busy.
REST_SECONDS_MIN: Final = 2.0  # after a run that failed; each time twice as long
REST_SECONDS_MAX: Final = 300.0


@dataclass(slots=True)
class Rest:
    """Whose files rest after a run that failed: until when, and how long that was, in seconds of one clock."""

    until: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def begins(self, provider: str, now: float) -> None:
        """Let a provider's files rest, each time twice as long."""
        rest = min(2 * self.seconds.get(provider, REST_SECONDS_MIN / 2), REST_SECONDS_MAX)
        self.seconds[provider], self.until[provider] = rest, now + rest

    def ends(self, provider: str) -> None:
        """Forget that a provider's files ever rested."""
        self.seconds.pop(provider, None)
        self.until.pop(provider, None)

    def over(self, waiting: Iterable[str], now: float) -> list[str]:
        """Return whose files do not rest."""
        return [each for each in waiting if self.until.get(each, now) <= now]


def next_of(waiting: Sequence[str], running: Collection[str]) -> list[str]:
    """Return whose files are taken now, of those that wait, the longest first; those of BANKS alone."""
    if BANKS in running:
        return []
    theirs = [each for each in takewhile(lambda each: each != BANKS, waiting) if each not in running]
    if not theirs and not running and BANKS in waiting:
        return [BANKS]
    return theirs[: AT_ONCE_MAX - len(running)]


async def keep_matching(wired: Wiring, stop: asyncio.Event) -> None:
    """Match what comes until stop is set; what fails rests and is tried again, and keeps no other provider waiting."""
    running: dict[str, asyncio.Task[bool]] = {}
    rest, all_looked_at = Rest(), -math.inf
    try:
        while not stop.is_set():
            now = time.monotonic()
            everything = now - all_looked_at >= LOOK_AT_ALL_SECONDS
            all_looked_at = now if everything else all_looked_at
            for provider in [provider for provider, each in running.items() if each.done()]:
                if running.pop(provider).result():
                    rest.ends(provider)
                else:
                    rest.begins(provider, now)
            waiting = await _waiting(wired, everything=everything)
            for provider in next_of(rest.over(waiting or (), now), running.keys()):
                running[provider] = asyncio.create_task(_tried(wired, provider))
            try:
                await asyncio.wait_for(stop.wait(), AWAY_SECONDS if waiting is None else LOOK_SECONDS)
            except TimeoutError:
                continue
    finally:
        for each in running.values():
            each.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


async def _waiting(wired: Wiring, *, everything: bool) -> list[str] | None:
    """Return whose files wait; None for a fault, which is said in the log."""
    since = None if everything else wired.clock.now() - RECENT
    try:
        async with wired.database.at_once("matching") as tx:
            return await store.waiting(tx, since=since)
    except SQLAlchemyError as problem:
        log.warning("matching waits", extra={"problem": str(problem)[:300]})
    except Exception:
        log.exception("matching waits after an unexpected fault")
    return None


async def _tried(wired: Wiring, provider: str) -> bool:
    """Match the files of a provider; return False for a fault, which is said in the log."""
    try:
        done = await match_once(wired, provider)
    except SQLAlchemyError as problem:
        log.warning("files are matched again", extra={"provider": provider, "problem": str(problem)[:300]})
    except Exception:
        log.exception("files are matched again after an unexpected fault", extra={"provider": provider})
    else:
        RUNS.labels("matched" if done else "busy").inc()
        return True
    RUNS.labels("failed").inc()
    await _settled(wired)
    return False


async def _settled(wired: Wiring) -> None:
    """Let no deposit wait for a run that fails; a fault of this is tried again after the next one."""
    try:
        async with wired.database.transaction("matching") as tx:
            await actions.settle(tx, run_id=new_id(), at=wired.clock.now())
    except Exception:
        log.exception("deposits wait for files that cannot be matched")


async def match_once(wired: Wiring, provider: str) -> bool:
    """Match the files of a provider that wait, or of BANKS, in one transaction; return False if another worker does."""
    async with wired.database.transaction("matching") as tx:
        if not await store.try_lock(tx, provider or None):
            return False
        await actions.run(tx, run_id=new_id(), at=wired.clock.now(), provider=provider)
    return True
