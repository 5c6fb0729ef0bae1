"""What it costs that each booking notes its day: entries inserted with and without the trigger, in bulk and singly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

BULK_ROWS: Final = 100_000
SINGLE_ROWS: Final = 5_000
TIMES: Final = 4  # Each way, and every other time in the other order; the quickest of each counts.
_TRIGGER: Final = (
    "CREATE TRIGGER copies_added AFTER INSERT ON made.copies REFERENCING NEW TABLE AS newer "
    "FOR EACH STATEMENT EXECUTE FUNCTION touch_days()"
)


def cost(database: psycopg.Connection[Any]) -> dict[str, object]:
    """Measure it on a table like entries, with the same indexes; nothing of it stays."""
    with database.transaction(force_rollback=True):
        database.execute("CREATE TABLE made.copies (LIKE entries INCLUDING ALL)")
        database.execute(f"CREATE TABLE made.originals AS SELECT * FROM entries LIMIT {BULK_ROWS}")
        bulk = "INSERT INTO made.copies SELECT * FROM made.originals"
        singles = database.execute(f"SELECT * FROM made.originals LIMIT {SINGLE_ROWS}").fetchall()
        single = f"INSERT INTO made.copies VALUES ({', '.join(['%s'] * len(singles[0]))})"

        def one_by_one() -> int:
            with database.cursor() as cursor:
                cursor.executemany(single, singles)
                return cursor.rowcount

        def at_once() -> int:
            return database.execute(bulk).rowcount

        return {"bulk": _both(database, at_once), "singly": _both(database, one_by_one)}


def _both(database: psycopg.Connection[Any], insert: Callable[[], int]) -> dict[str, object]:
    seconds: dict[bool, list[float]] = {False: [], True: []}
    database.execute("TRUNCATE made.copies")
    rows = insert()  # The first time is nobody's: files are made longer, plans are prepared.
    for number in range(TIMES):
        for touching in (False, True) if number % 2 else (True, False):
            database.execute("TRUNCATE made.copies")
            if touching:
                database.execute(_TRIGGER)
            started = time.perf_counter()
            rows = insert()
            seconds[touching].append(time.perf_counter() - started)
            if touching:
                database.execute("DROP TRIGGER copies_added ON made.copies")
    return {
        "rows": rows,
        "seconds_without": round(min(seconds[False]), 3),
        "seconds_with": round(min(seconds[True]), 3),
    }
