"""What a run lays down for itself: tables of its transaction, and how PostgreSQL plans what is a great deal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from kernel.rows import Transaction
from reconciliation.matching.model import Taken

ROWS_LAID_MAX: Final = 1_000  # It takes a table that it never looked at for one of about so many rows.
ALIKE: Final = "provider, occurred_on, brand, payout, kind, gross, fee, tax"  # What counts of a line, but for its ids.
# A great deal is joined as wholes, whatever PostgreSQL knows of rows that have just come: nothing is looked up for each
# of them. By one process: another core has the run of another provider, or a file that is taken.
_WHOLES: Final = {"enable_nestloop": "off", "enable_mergejoin": "off", "max_parallel_workers_per_gather": "0"}
_AS_SET: Final = "SELECT " + ", ".join(f"current_setting('{name}') AS {name}" for name in _WHOLES)


@asynccontextmanager
async def planned(tx: Transaction, *, many: bool) -> AsyncIterator[None]:
    """Let statements be planned for a great deal, if they are about that; after a fault only a rollback ends it."""
    if not many:
        yield
        return
    before = await tx.execute(_AS_SET)
    await _set(tx, _WHOLES)
    yield
    await _set(tx, before.one()._asdict())


async def _set(tx: Transaction, settings: Mapping[str, str]) -> None:
    await tx.execute(
        "SELECT set_config(name, value, true) FROM unnest(CAST(:names AS text[]), CAST(:values AS text[])) "
        "AS given (name, value)",
        names=list(settings),
        values=list(settings.values()),
    )


async def lay(tx: Transaction, table: str, query: str, **told: Any) -> None:
    """Lay a query's rows down as a table of this transaction, and let PostgreSQL look at it if they are many."""
    made = await tx.execute(f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {query}", **told)
    if made.rowcount > ROWS_LAID_MAX:
        await tx.execute(f"ANALYZE {table}")


async def sum_up(tx: Transaction, taken: Taken) -> None:
    """Lay down what lines of files are, as `alike_lines`: those that are alike in all that counts are one row there.

    They are a tenth as many, as prices are few.
    """
    async with planned(tx, many=taken.many):
        await lay(
            tx,
            "alike_lines",
            f"SELECT {ALIKE}, count(*) AS number, max(arrives_on) AS arrives_on FROM settlement_lines "
            f"WHERE file_id = ANY(CAST(:files AS uuid[])) GROUP BY {ALIKE}",
            files=list(taken.files),
        )


async def forget_what_was_laid_down(tx: Transaction) -> None:
    """Drop what only this run needed: another run may follow in the same transaction."""
    await tx.execute(
        "DROP TABLE IF EXISTS alike_lines, provider_days, candidates, paired, repeated, repeated_lines, "
        "repeated_claims, left_lines, left_claims"
    )
