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
    ("facility", "hpam"): "県立美術館〜本館−",
    ("facility", "shukkeien"): "縮景園",
    ("facility", "history-museum"): "=HYPERLINK(1)",
    ("facility", "forest-park"): "もみのき森林公園",
    ("product", "hpam/collection"): "所蔵作品展",
    ("product", "hpam/special"): "特別展",
    ("product", "shukkeien/garden"): "庭園入園",
    ("category", "hpam/adult"): "一般",
    ("category", "hpam/university"): "大学生",
    ("category", "shukkeien/adult"): "一般",
}


async def fill(tx):
    """Write the example into empty books."""
    for event in month(7, *DAYS, orders_a_day=4, faults=FAULTS):
        await actions.record(tx, event)
    for (kind, code), name in NAMES.items():
        await tx.execute(
            "INSERT INTO known_names (kind, code, since, name_ja, name_en) VALUES (:kind, :code, :at, :name, :name)",
            kind=kind,
            code=code,
            at=datetime(2026, 11, 1, tzinfo=UTC),
            name=name,
        )
