"""Counting for the board in the worker: a round every minute, the days with new facts only."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from reconciliation.board import actions
from reconciliation.wiring import Wiring

log = logging.getLogger(__name__)


async def keep_counting(wiring: Wiring, stop: asyncio.Event) -> None:
    """Count until stop is set; a fault is logged and tried again in the next round."""
    while not stop.is_set():
        try:
            await count_all(wiring, stop)
        except SQLAlchemyError as problem:
            log.warning("counting for the board is tried again", extra={"problem": str(problem)[:300]})
        except Exception:
            log.exception("counting for the board is tried again after an unexpected fault")
        try:
            await asyncio.wait_for(stop.wait(), wiring.settings.board_round_seconds)
        except TimeoutError:
            continue


async def count_all(wiring: Wiring, stop: asyncio.Event | None = None) -> None:
    """Count every day that has new facts, a month's days in each transaction."""
    async with wiring.database.transaction("board") as tx:
        await actions.find_stale_days(tx)
    while stop is None or not stop.is_set():
        async with wiring.database.transaction("board") as tx:
            if not await actions.count_some_days(tx):
                return
