"""Kills what reconciles, in the midst of it: its two processes and PostgreSQL's server, each twice, by SIGKILL."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

SECONDS_BETWEEN: Final = 3.0  # Long enough for each to come back, and short against the steps of a million payments.
TIMES: Final = 2  # And then no more: a transaction of ten seconds has to end some time.


class Killing:
    """Kills one process after the other, in turn; `killed` says how often each.

    `victims` returns their numbers by name as they are at the moment: who comes back has another.
    """

    def __init__(self, victims: Callable[[], Mapping[str, int]]) -> None:
        self.killed: dict[str, int] = {}
        self._victims = victims
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._kill())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _kill(self) -> None:
        for turn in range(TIMES * len(self._victims())):
            await asyncio.sleep(SECONDS_BETWEEN)
            victims = sorted(self._victims().items())
            if not victims:
                continue  # All are just coming back.
            name, pid = victims[turn % len(victims)]
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # It has just ended.
            self.killed[name] = self.killed.get(name, 0) + 1
