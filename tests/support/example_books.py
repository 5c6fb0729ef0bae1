"""A small month of books, always the same: what every report and export format writes its example of."""

from __future__ import annotations

from datetime import UTC, date, datetime

from reconciliation.ledger import actions
from support.ledger_data import month

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
DAYS = date(2026, 11, 21), date(2026, 11, 24)
FAULTS = {
    date(2026, 11, 21): ("unallocated", "late"),
    date(2026, 11, 22): ("reversed", "not_captured", "short"),
    date(2026, 11, 23): ("not_sold", "refund_outstanding", "free"),
    date(2026, 11, 24): ("unallocated", "late", "reversed"),
}
# Names with what is hard to write: a wave dash, a minus sign, what a spreadsheet would run.
NAMES = {
    "hpam": "県立美術館〜本館−",
    "shukkeien": "縮景園",
    "history-museum": "=HYPERLINK(1)",
    "forest-park": "もみのき森林公園",
}


async def fill(tx):
    """Write the example into empty books."""
    for event in month(7, *DAYS, orders_a_day=4, faults=FAULTS):
        await actions.record(tx, event)
    for code, name in NAMES.items():
        await tx.execute(
            "INSERT INTO facility_names (code, since, name_ja, name_en) VALUES (:code, :at, :name, :name)",
            code=code,
            at=datetime(2026, 11, 1, tzinfo=UTC),
            name=name,
        )
