"""Copies the stencils: draws the year's orders and writes their rows into the ledger's tables, month by month.

All of it is SQL in the books' own database, beside them in a schema of its own, `made`. Everything is drawn from MD5
sums of the seed and a number, so that it is the same on every machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import Any, Final

import psycopg

from console.bench.booking.plan import FAULTS_EVERY_DAYS, LATER_DAYS_MAX, Plan
from console.bench.booking.stencils import Sheet, Stencil
from console.bench.reconciling.goods import GOODS
from console.bench.reconciling.plan import SHARES_PERCENT, busy
from console.bench.reconciling.stories import ORDER_FAULTS, End
from reconciliation.replay.model import TABLES

LATER_FROM_MINUTES: Final = 20  # what is told of an order from then on is told so many days later
DAY_MINUTES: Final = 1_440
# An order with a fault is placed by ten in the evening: its hour is not over on the next day, which agrees.
FAULTY_SECONDS: Final = 22 * 3_600
DAY_SECONDS: Final = 86_400
_KEPT_AS: Final = {"uuid": "text", "jsonb": "text", "timestamp with time zone": "integer", "date": "integer"}
_ORDERS: Final = "i integer, stencil integer, placed_at timestamptz, later integer, method text, number text, base text"


def moment(minutes: str) -> str:
    """Return the SQL of a moment of the order `o`, so many minutes after it was placed."""
    return (
        f"(o.placed_at + make_interval(mins => {minutes} + CASE WHEN {minutes} >= {LATER_FROM_MINUTES} "
        "THEN o.later ELSE 0 END))"
    )


def day_of(at: str) -> str:
    """Return the SQL of the day in Japan of a moment."""
    return f"CAST({at} AT TIME ZONE 'Asia/Tokyo' AS date)"


def _written(at: str) -> str:
    """Return the SQL of a moment as events write it."""
    return f"""to_char({at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


def copied(sheet: Sheet) -> str:
    """Return the SQL of a copied row: of the stencil's row `s` and the order `o`."""
    return ", ".join(f'{_copied(name, kind)} AS "{name}"' for name, kind in sheet.columns)


def _copied(name: str, kind: str) -> str:
    cell = f's."{name}"'
    match kind:
        case "uuid":
            return f"CAST(o.base || {cell} AS uuid)"
        case "timestamp with time zone":
            return moment(cell)
        case "date":
            return day_of(moment(cell))
        case "jsonb":
            visit = f"to_char({day_of('(o.placed_at + make_interval(mins => o.later))')}, 'YYYY-MM-DD')"
            first, second = _written(moment("s.first_minute")), _written(moment("s.second_minute"))
            return f"CAST(format({cell}, o.base, o.number, {visit}, {first}, {second}, o.method) AS jsonb)"
        case "text" if name in {"order_id", "subject", "number", "method"}:
            return f"format({cell}, o.base, o.number, '', '', '', o.method)"
        case _:
            return cell


def prepare(database: psycopg.Connection[Any], stencils: Sequence[Stencil], sheets: Sequence[Sheet]) -> None:
    """Write down the stencils, in tables named as the ledger's."""
    database.execute("DROP SCHEMA IF EXISTS made CASCADE; CREATE SCHEMA made")
    database.execute(
        "CREATE TABLE made.stencils (stencil integer, total bigint, label text, label_amount bigint, "
        "label_minute integer)"
    )
    rows = [
        (each.number, each.total, said.kind, said.amount.amount, said.minutes)
        if (said := each.story.label)
        else (each.number, each.total, None, None, None)
        for each in stencils
    ]
    _fill(database, "made.stencils", rows)
    for sheet in sheets:
        columns = ", ".join(f'"{name}" {_KEPT_AS.get(kind, kind)}' for name, kind in sheet.columns)
        database.execute(
            f"CREATE TABLE made.{sheet.table} (stencil integer, {columns}, first_minute integer, second_minute integer)"
        )
        _fill(database, f"made.{sheet.table}", sheet.rows)
    database.execute(f"CREATE TABLE made.orders ({_ORDERS})")
    database.execute("CREATE TABLE made.labels (kind text, subject text, amount bigint, day date)")


def _fill(database: psycopg.Connection[Any], table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with database.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def place_of(plan: Plan, end: End) -> int:
    """Return the number of the first stencil of an end."""
    return [each for each, _ in plan.ends].index(end) * len(GOODS)


def add_orders(database: psycopg.Connection[Any], drawn: str) -> int:
    """Add orders that SQL selects by i, stencil, placed_at, later, method and 32 drawn hexadecimal digits."""
    # Ids grow with time as those that the system makes (UUIDv7), and with them the indexes.
    begin = "lpad(to_hex(CAST(extract(epoch FROM placed_at) * 1000 AS bigint)), 12, '0')"
    return database.execute(
        "INSERT INTO made.orders SELECT i, stencil, placed_at, later, method, "
        "concat(lpad(CAST(i / 100000 AS text), 5, '0'), '-', lpad(CAST(i % 100000 AS text), 5, '0')), "
        "concat(substr(begun, 1, 8), '-', substr(begun, 9, 4), '-7', substr(drawn, 17, 3), '-8', substr(drawn, 20, 3), "
        f"'-', substr(drawn, 23, 10)) FROM (SELECT *, {begin} AS begun FROM ({drawn}) AS d) AS b ORDER BY placed_at"
    ).rowcount


def draw(database: psycopg.Connection[Any], plan: Plan) -> None:
    """Draw the year's orders and label them. Which end an order has is its number; a number says nothing else."""
    places = [day for day, weight in busy(plan.first, plan.days) for _ in range(weight)]
    offers = [place for place, each in enumerate(GOODS) for _ in range(each.weight)]
    database.execute("CREATE TEMPORARY TABLE day_places (place integer, day date)")
    _fill(database, "day_places", list(enumerate(places)))
    database.execute("CREATE TEMPORARY TABLE offer_places (place integer, offer integer)")
    _fill(database, "offer_places", list(enumerate(offers)))
    firsts = accumulate(count for _, count in plan.ends)
    ends = " ".join(f"WHEN i < {first} THEN {number}" for number, first in enumerate(firsts))
    faults = ", ".join(str(number) for number, (end, _) in enumerate(plan.ends) if end in ORDER_FAULTS)
    limits = accumulate(SHARES_PERCENT.values())
    methods = " ".join(
        f"WHEN c % 100 < {limit} THEN '{method}'" for method, limit in zip(SHARES_PERCENT, limits, strict=True)
    )
    numbers = ", ".join(
        f"CAST(CAST('x' || substr(drawn, {first}, 7) AS bit(28)) AS integer) AS {name}"
        for name, first in (("a", 1), ("b", 8), ("c", 15))
    )
    add_orders(
        database,
        f"""
WITH drawn AS (
    SELECT i, md5(concat('{plan.seed}:', i)) AS drawn, CASE {ends} END AS ending
    FROM generate_series(0, {plan.orders - 1}) AS r (i)
), numbered AS (
    SELECT *, ending IN ({faults}) AS wrong, {numbers} FROM drawn
)
SELECT i, ending * {len(GOODS)} + offer AS stencil, drawn, CASE {methods} END AS method,
    CAST(CASE WHEN wrong THEN day - (day - DATE '{plan.first}') % {FAULTS_EVERY_DAYS} ELSE day END AS timestamp)
        AT TIME ZONE 'Asia/Tokyo'
        + make_interval(secs => (c / 100) % CASE WHEN wrong THEN {FAULTY_SECONDS} ELSE {DAY_SECONDS} END) AS placed_at,
    {DAY_MINUTES} * CASE WHEN wrong THEN (b / 1000) % {LATER_DAYS_MAX // FAULTS_EVERY_DAYS} * {FAULTS_EVERY_DAYS}
        WHEN (b / 1000) % 2 = 0 THEN 0 ELSE (b / 7919) % {LATER_DAYS_MAX + 1} END AS later
FROM numbered JOIN day_places AS d ON d.place = a % {len(places)} JOIN offer_places AS g ON g.place = b % {len(offers)}
""",
    )
    database.execute("DROP TABLE day_places, offer_places; ANALYZE made.orders")
    database.execute(
        "INSERT INTO made.labels SELECT s.label, format('order:%s00', o.base), s.label_amount, "
        f"{day_of(moment('s.label_minute'))} FROM made.orders AS o JOIN made.stencils AS s USING (stencil) "
        "WHERE s.label IS NOT NULL"
    )


def lay(database: psycopg.Connection[Any], plan: Plan, sheets: Sequence[Sheet]) -> dict[str, tuple[int, float]]:
    """Write every order's rows, as they would have come in the course of a year; return rows and seconds by table."""
    written = {each.table: (0, 0.0) for each in sheets}
    assert list(written) == list(TABLES)  # noqa: S101 - facts come first: entries refer to them
    for first, after in _months(plan):
        for sheet in sheets:
            started = time.perf_counter()
            count = database.execute(
                f"INSERT INTO {sheet.table} ({', '.join(name for name, _ in sheet.columns)}) SELECT {copied(sheet)} "
                f"FROM made.orders AS o JOIN made.{sheet.table} AS s USING (stencil) "
                f"WHERE {day_of('o.placed_at')} >= DATE '{first}' AND {day_of('o.placed_at')} < DATE '{after}'"
            ).rowcount
            rows, seconds = written[sheet.table]
            written[sheet.table] = (rows + count, seconds + time.perf_counter() - started)
    return written


def _months(plan: Plan) -> Iterator[tuple[date, date]]:
    first = plan.first
    while first <= plan.last:
        after = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield first, after
        first = after
