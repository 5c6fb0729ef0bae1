"""会計・款・項・目・節 of revenue accounts, as master data says of a day, else as the code itself does."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from typing import Final

from kernel.rows import Transaction
from reconciliation.reports.model import Column

PARTS: Final = 5
ACCOUNT_COLUMNS: Final = (
    Column("会計", "text", 12, "Fund"),
    Column("款", "text", 18, "Part"),
    Column("項", "text", 14, "Chapter"),
    Column("目", "text", 18, "Item"),
    Column("節", "text", 18, "Section"),
)
Parts = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class RevenueAccounts:
    """What each account is from a day on; days of an account are in order."""

    days: dict[str, list[date]]
    parts: dict[str, list[Parts]]

    def on(self, code: str, day: date) -> Parts:
        """Return 会計・款・項・目・節 of an account on a day.

        What master data does not know is read from a code that is written so; any other code stands as 節.
        """
        place = bisect_right(self.days.get(code, []), day)
        if place:
            return self.parts[code][place - 1]
        said = code.split("・")
        if len(said) == PARTS:
            fund, part, chapter, item, section = said
            return fund, part, chapter, item, section
        return "", "", "", "", code


async def revenue_accounts(tx: Transaction) -> RevenueAccounts:
    """Return the accounts of the master data."""
    days: dict[str, list[date]] = {}
    parts: dict[str, list[Parts]] = {}
    for row in await tx.execute("SELECT * FROM revenue_accounts ORDER BY code, valid_from"):
        days.setdefault(row.code, []).append(row.valid_from)
        parts.setdefault(row.code, []).append((row.fund, row.part, row.chapter, row.item, row.section))
    return RevenueAccounts(days, parts)
