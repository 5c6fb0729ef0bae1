"""Rows and the unit of work: where a service touches its own PostgreSQL database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from kernel import outbox
from kernel.contracts.envelope import Fact
from kernel.money import Yen
from kernel.outbox import Pending, write_event
from kernel.sql import Result, Session


class Row(SQLModel):
    """The base of every table row. Rows stay in a slice's store.py and never leave it."""


class YenColumn(TypeDecorator[Yen]):
    """An integer column that is Yen in Python and bigint in PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Yen | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Write Yen as its integer; refuse a bare number."""
        if value is None:
            return None
        if not isinstance(value, Yen):
            raise TypeError(f"A money column takes Yen, not {type(value).__name__}.")
        return value.amount

    def process_result_value(self, value: int | None, dialect: Dialect) -> Yen | None:  # noqa: ARG002 - as above
        """Read an integer as Yen."""
        return None if value is None else Yen(value)


@dataclass(frozen=True, slots=True)
class Write:
    """One INSERT, UPDATE or DELETE that is carried out together with others; `sql` is a constant."""

    sql: str
    parameters: Mapping[str, Any]


@lru_cache(maxsize=256)
def _together(parts: tuple[str, ...], wakes_relay: bool) -> str:  # noqa: FBT001 - part of the cache's key
    """Return one statement of several writes: a data-modifying WITH is carried out whether or not it is read."""
    written = ", ".join(f"part_{number} AS ({sql})" for number, sql in enumerate(parts))
    return f"WITH {written} SELECT " + ("pg_notify(:wake, '')" if wakes_relay else "1")


@dataclass(frozen=True, slots=True)
class Transaction:
    """One unit of work: rows, events and wake-ups that are committed together or not at all."""

    session: Session
    service: str
    correlation_id: str

    async def publish(self, fact: Fact, *, subject: UUID | str, version: int, event_id: UUID, at: datetime) -> None:
        """Write an event to the outbox of this transaction.

        `version` is the aggregate's new version, taken under the lock of its row: the outbox
        refuses a second event with the same version.
        """
        await write_event(self, fact, subject=str(subject), version=version, event_id=event_id, at=at)

    async def execute(self, sql: str, /, **parameters: Any) -> Result:
        """Run one SQL statement with named parameters."""
        return await self.session.execute(sql, parameters)

    async def write(self, *writes: Write, events: Sequence[Pending] = ()) -> None:
        """Carry out writes and put events into the outbox, all in one statement and one round trip.

        No write sees what another one of them wrote, and their parameters have different names. The relay is woken
        on commit. Raises EventTooLargeError before anything is written.
        """
        parts = [*writes, *([Write(outbox.INSERT_MANY, outbox.parameters_of(events))] if events else [])]
        if not parts:
            return
        parameters = {name: value for each in parts for name, value in each.parameters.items()}
        assert len(parameters) == sum(len(each.parameters) for each in parts)  # noqa: S101 - each keeps its own
        statement = _together(tuple(each.sql for each in parts), bool(events))
        await self.session.execute(statement, parameters | ({"wake": outbox.OUTBOX_CHANNEL} if events else {}))

    async def wake(self, channel: str, payload: str = "") -> None:
        """Wake listeners of a channel once this transaction commits."""
        await self.session.execute("SELECT pg_notify(:c, :p)", {"c": channel, "p": payload})


class Database:
    """One service's database: a bounded pool of connections and its transactions."""

    def __init__(self, url: str, *, service: str, pool_size_max: int = 10) -> None:
        self.url = url
        self.service = service
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size_max,
            max_overflow=0,
            pool_timeout=10,
            pool_pre_ping=False,
            connect_args={"options": "-c statement_timeout=30s -c lock_timeout=10s -c timezone=UTC"},
        )
        self._at_once = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self, correlation_id: str) -> AsyncIterator[Transaction]:
        """Open a transaction; commit on leaving, roll back on any exception."""
        async with self.engine.begin() as connection:
            yield Transaction(await Session.on(connection), self.service, correlation_id)

    @asynccontextmanager
    async def at_once(self, correlation_id: str) -> AsyncIterator[Transaction]:
        """Give statements that are each committed by themselves: for one alone, two round trips less."""
        async with self._at_once.connect() as connection:
            yield Transaction(await Session.on(connection), self.service, correlation_id)

    async def ping(self) -> None:
        """Return if the database answers; raise whatever the driver raises otherwise."""
        async with self.at_once("ping") as tx:
            await tx.execute("SELECT 1")

    async def close(self) -> None:
        """Let go of every connection."""
        await self.engine.dispose()
