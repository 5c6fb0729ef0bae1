"""An entry says whose money it was and whether any order has it; ledgers of before are told so by the migration."""

import random
from datetime import UTC, datetime
from pathlib import Path

import reconciliation
from support.money_stories import ENDS, OF_OTHER_SYSTEMS, tale

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
MIGRATION = (Path(reconciliation.__file__).parent / "migrations" / "versions" / "2026_11_26_journal.sql").read_text()
BACKFILL = MIGRATION[MIGRATION.index("UPDATE entries") : MIGRATION.index("CREATE INDEX facts_by_arrival")]
LISTED = "SELECT row_to_json(e)::text FROM entries AS e ORDER BY fact_id, position"


async def test_an_older_ledger_gets_the_entries_that_a_new_one_makes(books):
    for seed, end in enumerate((*ENDS, *OF_OTHER_SYSTEMS)):
        await books.take(tale(end, random.Random(seed), AT).events)
    async with books.wiring.database.transaction("test") as tx:
        made = [row[0] for row in await tx.execute(LISTED)]
        await tx.execute("DELETE FROM entries WHERE kind = 'dispute_won'")
        await tx.execute(
            "UPDATE entries SET attempt_id = NULL, refund_id = NULL, surplus = false, by_us = false, "
            "method = CASE WHEN kind LIKE 'dispute%' THEN '' ELSE method END"
        )
        for statement in BACKFILL.split(";\n"):
            if statement.strip():
                await tx.execute(statement)
        filled = [row[0] for row in await tx.execute(LISTED)]
    assert filled == made
