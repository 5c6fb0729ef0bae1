"""SQL as written, sent by the driver itself: SQLAlchemy keeps the pool and the errors, and stays out of each statement.

A statement through SQLAlchemy's asynchronous layer costs three times what the driver needs for it, and a service runs
dozens of statements for one visitor (docs/decisions/0145).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg._cursor_base import BaseCursor
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.ext.asyncio import AsyncConnection

Parameters = Mapping[str, Any]

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]
STREAM_ROWS = 500


@lru_cache(maxsize=1024)
def _row_class(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """Return what makes rows of columns of these names; one that names no attribute is found by position only."""
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 - known only now
    make: Callable[[Iterable[Any]], Any] = row._make
    return make


def _rows(cursor: BaseCursor[Any, Any]) -> Callable[[Sequence[Any]], Any]:
    return _row_class(tuple(column.name for column in cursor.description or ()))


class Result:
    """The rows of one statement, each with its columns as attributes."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        """Return every row."""
        return list(self._rows)

    def first(self) -> Any | None:
        """Return the first row, or None."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """Return the only row; raise NoResultFound or MultipleResultsFound."""
        if not self._rows:
            raise NoResultFound("No row was found, and one is needed.")
        return self.one_or_none()

    def one_or_none(self) -> Any | None:
        """Return the only row, or None; raise MultipleResultsFound."""
        if len(self._rows) > 1:
            raise MultipleResultsFound("Several rows were found where there may be one.")
        return self.first()

    def scalars(self) -> Iterator[Any]:
        """Return the first column of every row."""
        return (row[0] for row in self._rows)

    def scalar_one(self) -> Any:
        """Return the first column of the only row; raise as one() does."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any | None:
        """Return the first column of the only row, or None; raise as one_or_none() does."""
        row = self.one_or_none()
        return None if row is None else row[0]


class Session:
    """One connection in one unit of work."""

    __slots__ = ("_connection", "_driver")

    def __init__(self, connection: AsyncConnection, driver: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._driver = driver

    @classmethod
    async def on(cls, connection: AsyncConnection) -> Session:
        """Return the session of a pooled connection."""
        fairy: Any = await connection.get_raw_connection()
        return cls(connection, fairy.driver_connection)

    async def execute(
        self, statement: str | TextClause, parameters: Parameters | Sequence[Parameters] | None = None
    ) -> Result:
        """Run one statement with named parameters (`:name`); with a list of them, once for each.

        Raises SQLAlchemy's DBAPIError and its kinds, without the parameters: they may name a person.
        """
        sql = _driver_sql(statement if isinstance(statement, str) else statement.text)
        cursor = self._driver.cursor(row_factory=_rows)
        try:
            if isinstance(parameters, Sequence):
                await cursor.executemany(sql, parameters)
                return Result((), cursor.rowcount)
            await cursor.execute(sql, parameters or {})
            rows = await cursor.fetchall() if cursor.description is not None else ()
        except psycopg.Error as problem:
            raise await self._translated(sql, problem) from problem
        return Result(rows, cursor.rowcount)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what is done within, and only that, if it ends with an exception."""
        async with self._connection.begin_nested():
            yield

    async def stream(self, statement: str, parameters: Parameters | None = None) -> AsyncIterator[Any]:
        """Yield a statement's rows while PostgreSQL still finds more: a table of any size in little memory."""
        sql = _driver_sql(statement)
        try:
            async with self._driver.cursor("streamed", row_factory=_rows) as cursor:
                cursor.itersize = STREAM_ROWS
                await cursor.execute(sql, parameters or {})
                async for row in cursor:
                    yield row
        except psycopg.Error as problem:
            raise await self._translated(sql, problem) from problem

    async def copy_in(self, statement: str, pieces: AsyncIterable[bytes]) -> int:
        """Feed a COPY ... FROM STDIN and return how many rows it took: for many rows many times as fast as INSERT."""
        cursor = self._driver.cursor()
        try:
            async with cursor.copy(statement) as copy:
                async for piece in pieces:
                    await copy.write(piece)
        except psycopg.Error as problem:
            raise await self._translated(statement, problem) from problem
        return cursor.rowcount

    async def _translated(self, sql: str, problem: psycopg.Error) -> BaseException:
        """Return an error as SQLAlchemy names it; a connection that is gone does not go back to the pool."""
        gone = self._driver.closed
        if gone:
            await self._connection.invalidate(problem)
        return DBAPIError.instance(
            sql, None, problem, psycopg.Error, hide_parameters=True, connection_invalidated=gone, dialect=_DIALECT
        )


@lru_cache(maxsize=1024)
def _driver_sql(sql: str) -> str:
    """Return a statement with the driver's placeholders: `:name` becomes `%(name)s`, a percent sign stays one."""
    return str(text(sql).compile(dialect=_DIALECT))
