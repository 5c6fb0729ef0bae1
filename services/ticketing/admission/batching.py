"""The scan desk: scans that arrive together are committed together, and none is answered before."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kernel.refusals import TooMany
from kernel.rows import Database
from ticketing.admission.actions import Outcome, record_now
from ticketing.admission.model import Scan

log = logging.getLogger(__name__)

BATCH_SCANS_MAX = 200  # Keeps one transaction under some 50 ms, so that nobody behind it waits long.
WAITING_SCANS_MAX = 5_000


@dataclass(slots=True)
class _Waiting:
    scan: Scan
    answered: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class ScanDesk:
    """One process's queue of single scans. While one batch is being committed, the next one gathers.

    There is no timer: a lone scan is committed at once, and load makes the batches larger by itself.
    Two processes, or two gates, may hold scans of one ticket: the row's lock and the unique index decide.
    """

    def __init__(self, database: Database, *, new_id: Callable[[], UUID]) -> None:
        self._database = database
        self._new_id = new_id
        self._waiting: deque[_Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, scan: Scan) -> Outcome:
        """Answer one scan after its transaction is committed; raise TooMany when far too many wait."""
        if len(self._waiting) >= WAITING_SCANS_MAX:
            raise TooMany(seconds=1)
        mine = _Waiting(scan)
        self._waiting.append(mine)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="scan desk")
        return await mine.answered

    async def submit_many(self, scans: Sequence[Scan]) -> list[Outcome]:
        """Answer the queue of an offline gate in one transaction."""
        return await record_now(self._database, scans, new_id=self._new_id, details=True)

    async def _work(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_SCANS_MAX))]
            try:
                await self._answer(batch)
            except Exception as problem:
                log.exception("a batch of scans failed", extra={"scans": len(batch)})
                for each in batch:
                    if not each.answered.done():
                        each.answered.set_exception(problem)

    async def _answer(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = await record_now(self._database, [each.scan for each in batch], new_id=self._new_id)
        except SQLAlchemyError as problem:
            if len(batch) == 1 or isinstance(problem, OperationalError | PoolTimeoutError):
                raise  # The database is away: it is away for each of them.
            # One scan must not take the others down with it: each gets its own transaction.
            for each in batch:
                await self._alone(each)
            return
        for each, outcome in zip(batch, outcomes, strict=True):
            if not each.answered.done():  # The gate may have hung up; its scan is kept all the same.
                each.answered.set_result(outcome)

    async def _alone(self, each: _Waiting) -> None:
        try:
            outcome = (await record_now(self._database, [each.scan], new_id=self._new_id))[0]
        except Exception as problem:  # noqa: BLE001 - whatever it is, its own gate must hear of it
            if not each.answered.done():
                each.answered.set_exception(problem)
        else:
            if not each.answered.done():
                each.answered.set_result(outcome)
