"""The shadow schema, and both ledgers side by side, in SQL only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from kernel.contracts import registry
from kernel.rows import Transaction
from reconciliation.replay.model import FACT_COLUMN, TABLES, Compared, Difference, Lost

SERVING: Final = "public"
SHADOW: Final = "replay"
LOCK: Final = 186
COMPARE_MINUTES_MAX: Final = 120
UNTOLD: Final = frozenset({"recorded_at"})  # when a ledger wrote a fact down is its own matter

Columns = dict[str, tuple[str, ...]]


async def take_turn(tx: Transaction) -> bool:
    """Return whether this connection now holds the right to replay, until it gives it back or is gone."""
    return bool((await tx.execute("SELECT pg_try_advisory_lock(:lock)", lock=LOCK)).scalar_one())


async def give_back(tx: Transaction) -> None:
    """Let another replay begin."""
    await tx.execute("SELECT pg_advisory_unlock(:lock)", lock=LOCK)


async def make_shadow(tx: Transaction) -> None:
    """Make the ledger's tables once more, empty; what an earlier replay left behind goes."""
    await drop_shadow(tx)
    await tx.execute(f"CREATE SCHEMA {SHADOW}")
    for table in TABLES:
        # Unlogged: a crash empties it, and nothing of it is needed then.
        await tx.execute(f"CREATE UNLOGGED TABLE {SHADOW}.{table} (LIKE {SERVING}.{table} INCLUDING ALL)")


async def drop_shadow(tx: Transaction) -> None:
    """Remove the shadow, if there is one."""
    await tx.execute(f"DROP SCHEMA IF EXISTS {SHADOW} CASCADE")


async def write_to_shadow(tx: Transaction) -> None:
    """Let plain names mean the shadow's tables until the transaction ends, and the serving ones never."""
    await tx.execute(f"SET LOCAL search_path = {SHADOW}")
    await tx.execute(f"SET LOCAL statement_timeout = '{COMPARE_MINUTES_MAX}min'")


async def write_to_serving(tx: Transaction) -> None:
    """Let plain names mean the serving tables again: what stands behind them, such as a trigger, counts on that."""
    await tx.execute(f"SET LOCAL search_path = {SERVING}")


async def see_one_moment(tx: Transaction) -> None:
    """Let every statement of this transaction see both ledgers as of now."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    await write_to_shadow(tx)
    await tx.execute("SET LOCAL work_mem = '128MB'")
    await tx.execute(f"SELECT FROM {SERVING}.facts LIMIT 1")


async def columns(tx: Transaction) -> Columns:
    """Return the columns of each table that the facts alone decide; a migration's new ones too."""
    rows = await tx.execute(
        "SELECT c.relname AS name, a.attname AS col FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid "
        "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relname = ANY(:tables) "
        "AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum",
        schema=SERVING,
        tables=list(TABLES),
    )
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row.col not in UNTOLD:
            found[row.name] = (*found.get(row.name, ()), row.col)
    return found


async def known(tx: Transaction, ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these facts the serving ledger has."""
    answer = await tx.execute(f"SELECT event_id FROM {SERVING}.facts WHERE event_id = ANY(:ids)", ids=list(ids))
    return set(answer.scalars())


async def lacking(tx: Transaction) -> tuple[int, Difference | None]:
    """Return how many facts the shadow has and the serving ledger has not, and the oldest of them."""
    without = (
        f"FROM {SHADOW}.facts AS r WHERE NOT EXISTS (SELECT FROM {SERVING}.facts AS s WHERE s.event_id = r.event_id)"
    )
    count = (await tx.execute(f"SELECT count(*) {without}")).scalar_one()
    first = await tx.execute(f"SELECT r.* {without} ORDER BY r.occurred_at, r.event_id LIMIT 1")
    row = first.first()
    if row is None:
        return count, None
    said = f"{row.type} of {row.occurred_at.isoformat()}"
    return count, Difference("facts", str(row.event_id), row.order_id, "", said)


async def note_lost(tx: Transaction) -> Lost | None:
    """Write down which facts the shadow could not be given, until the transaction ends; return what they are."""
    await tx.execute(
        f"CREATE TEMPORARY TABLE lost ON COMMIT DROP AS SELECT event_id, order_id, occurred_at "
        f"FROM {SERVING}.facts AS s WHERE NOT EXISTS (SELECT FROM {SHADOW}.facts AS r WHERE r.event_id = s.event_id)"
    )
    await tx.execute("CREATE INDEX ON lost (event_id)")
    await tx.execute(
        "CREATE TEMPORARY TABLE lost_orders ON COMMIT DROP AS SELECT DISTINCT order_id FROM lost WHERE order_id <> ''"
    )
    await tx.execute("ANALYZE lost")
    await tx.execute("ANALYZE lost_orders")
    row = (
        await tx.execute(
            "SELECT count(*) AS facts, min(occurred_at) AS first, max(occurred_at) AS last, "
            "(SELECT count(*) FROM lost_orders) AS orders FROM lost"
        )
    ).one()
    return Lost(row.facts, row.orders, row.first, row.last) if row.facts else None


async def note_older_forms(tx: Transaction) -> int:
    """Write down which facts lie in the ledger in an older form; return how many differ otherwise.

    A contract only grows: a fact kept before a field was there, or after one that nobody read, is the same fact.
    """
    await tx.execute(
        "CREATE TEMPORARY TABLE older_forms (event_id uuid PRIMARY KEY, payload jsonb NOT NULL) ON COMMIT DROP"
    )
    others = 0
    older: list[dict[str, Any]] = []
    pairs = (
        f"SELECT s.event_id, s.type, s.payload::text AS kept, r.payload::text AS told FROM {SERVING}.facts AS s "
        f"JOIN {SHADOW}.facts AS r USING (event_id) WHERE s.payload <> r.payload"
    )
    async for row in tx.session.stream(pairs):
        model = registry[row.type]
        if model.model_validate_json(row.kept) == model.model_validate_json(row.told):
            older.append({"id": row.event_id, "payload": row.told})
        else:
            others += 1
    if older:
        await tx.session.execute("INSERT INTO older_forms VALUES (:id, CAST(:payload AS jsonb))", older)
    return others


def _scope(table: str) -> str:
    """Return what leaves out the rows that rest on a lost fact."""
    if table in FACT_COLUMN:
        return f"NOT EXISTS (SELECT FROM lost WHERE lost.event_id = t.{FACT_COLUMN[table]})"
    return "NOT EXISTS (SELECT FROM lost_orders WHERE lost_orders.order_id = t.order_id)"


def _rows(schema: str, table: str, names: Sequence[str]) -> str:
    """Return the rows of a table that both ledgers can have, each fact in its newest form."""
    if table == "facts" and schema == SERVING:
        chosen = ", ".join("coalesce(o.payload, t.payload) AS payload" if n == "payload" else f"t.{n}" for n in names)
        forms = "LEFT JOIN older_forms AS o USING (event_id)"
        return f"SELECT {chosen} FROM {schema}.facts AS t {forms} WHERE {_scope(table)}"
    return f"SELECT {', '.join(f't.{n}' for n in names)} FROM {schema}.{table} AS t WHERE {_scope(table)}"


async def compare(tx: Transaction, table: str, names: Sequence[str]) -> Compared:
    """Return the digests of a table in both ledgers."""
    serving, rows = await _digest(tx, SERVING, table, names)
    replayed, _ = await _digest(tx, SHADOW, table, names)
    return Compared(table, rows, serving, replayed)


async def _digest(tx: Transaction, schema: str, table: str, names: Sequence[str]) -> tuple[str, int]:
    sha, count = hashlib.sha256(), 0
    key = ", ".join(TABLES[table])
    async for row in tx.session.stream(
        f"SELECT row_to_json(r)::text FROM ({_rows(schema, table, names)}) AS r ORDER BY {key}"
    ):
        sha.update(row[0].encode())
        sha.update(b"\n")
        count += 1
    return sha.hexdigest(), count


async def differences(tx: Transaction, table: str, names: Sequence[str]) -> tuple[int, Difference | None]:
    """Return how many rows of a table differ, and the first of them by its order."""
    key = TABLES[table]
    whose = "order_id" if "order_id" in names else key[0]
    joined = (
        f"FROM ({_rows(SERVING, table, names)}) AS s FULL JOIN ({_rows(SHADOW, table, names)}) AS r "
        f"USING ({', '.join(key)}) WHERE to_jsonb(s) IS DISTINCT FROM to_jsonb(r)"
    )
    found = await tx.execute(
        f"SELECT count(*) OVER () AS number, concat_ws('/', {', '.join(key)}) AS key, "
        f"coalesce(CAST(s.{whose} AS text), CAST(r.{whose} AS text)) AS order_id, "
        f"coalesce(CAST(to_jsonb(s) AS text), '') AS serving, coalesce(CAST(to_jsonb(r) AS text), '') AS replayed "
        f"{joined} ORDER BY order_id, key LIMIT 1"
    )
    row = found.first()
    if row is None:
        return 0, None
    return row.number, Difference(table, row.key, row.order_id, row.serving, row.replayed)


async def hold_still(tx: Transaction) -> None:
    """Let nobody else write the serving ledger until the transaction ends; everybody may read."""
    await tx.execute(f"LOCK TABLE {', '.join(f'{SERVING}.{table}' for table in TABLES)} IN SHARE ROW EXCLUSIVE MODE")


async def put_right(tx: Transaction, table: str, names: Sequence[str]) -> int:
    """Make a serving table what the shadow's is, row by row where they differ; return how many rows that were.

    Views, triggers and whoever refers to a row that was right all along never notice.
    """
    key, listed = TABLES[table], ", ".join(names)
    same_key = " AND ".join(f"s.{name} = r.{name}" for name in key)
    same = f"({', '.join(f's.{n}' for n in names)}) IS NOT DISTINCT FROM ({', '.join(f'r.{n}' for n in names)})"
    removed = 0
    if table != "facts":  # whose history is kept by a trigger
        gone = await tx.execute(
            f"DELETE FROM {SERVING}.{table} AS s WHERE NOT EXISTS (SELECT FROM {SHADOW}.{table} AS r "
            f"WHERE {same_key} AND {same})"
        )
        removed = gone.rowcount
    added = await tx.execute(
        f"INSERT INTO {SERVING}.{table} ({listed}) SELECT {listed} FROM {SHADOW}.{table} AS r "
        f"WHERE NOT EXISTS (SELECT FROM {SERVING}.{table} AS s WHERE {same_key})"
    )
    return max(removed, added.rowcount)
