"""Tells open pages that an order changed: one LISTEN connection for a whole process."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import psycopg

from kernel.refusals import TooMany
from ticketing.orders.store import ORDER_CHANNEL

log = logging.getLogger(__name__)

WATCHERS_MAX = 5_000
RECONNECT_SECONDS = 1.0


class OrderWatch:
    """Wakes whoever waits for a change of an order. After a lost connection everybody is woken to look again."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start listening."""
        self._task = asyncio.create_task(self._listen(), name="order watch")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def require_room(self) -> None:
        """Raise TooMany if as many pages watch as one process takes; they ask now and then instead."""
        if self._count >= WATCHERS_MAX:
            raise TooMany(seconds=30)

    @asynccontextmanager
    async def watching(self, order_id: UUID) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set whenever the order changed."""
        changed = asyncio.Event()
        self._count += 1
        self._watchers[str(order_id)].add(changed)
        try:
            yield changed
        finally:
            self._count -= 1
            self._watchers[str(order_id)].discard(changed)
            if not self._watchers[str(order_id)]:
                del self._watchers[str(order_id)]

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {ORDER_CHANNEL}")
                    self._wake_all()
                    async for notice in connection.notifies():
                        for changed in self._watchers.get(notice.payload, ()):
                            changed.set()
            except psycopg.Error as problem:
                log.warning("order watch reconnects", extra={"problem": str(problem)})
                await asyncio.sleep(RECONNECT_SECONDS)

    def _wake_all(self) -> None:
        for watchers in self._watchers.values():
            for changed in watchers:
                changed.set()
