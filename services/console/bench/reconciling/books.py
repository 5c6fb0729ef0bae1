"""Puts our side of the made-up world into the books' database: claims as the ledger writes them, by COPY."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import psycopg

PIECE_BYTES: Final = 1 << 20
CLAIM_COLUMNS: Final = (
    *("id", "kind", "method", "attempt_id", "charge_id", "order_id", "facility", "amount", "business_date"),
)


def put_claims(world: duckdb.DuckDBPyConnection, database: psycopg.Connection[Any], *, scratch: Path) -> int:
    """Write every claim; return how many."""
    file = scratch / "claims.csv"
    world.execute(
        "COPY (SELECT id, kind, method, attempt, charge, order_id, facility, amount, business_date FROM claims "
        f"ORDER BY moment, deed) TO '{file}' (FORMAT csv, HEADER false)"
    )
    count = copy_in(database, f"COPY claims ({', '.join(CLAIM_COLUMNS)}) FROM STDIN (FORMAT csv)", file)
    file.unlink()
    return count


def copy_in(database: psycopg.Connection[Any], statement: str, file: Path) -> int:
    """Feed a file to a COPY; return how many rows it took."""
    with database.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for piece in _pieces(file):
                copy.write(piece)
        return cursor.rowcount


def copy_out(database: psycopg.Connection[Any], query: str, file: Path) -> None:
    """Write a query's rows into a CSV with headings."""
    with (
        file.open("wb") as sink,
        database.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy,
    ):
        for piece in copy:
            sink.write(piece)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(PIECE_BYTES):
            yield piece
