"""Counting days for the board, reading it, entering cash, changing an assumption."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Final

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.clock import JAPAN, business_date
from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.board import store
from reconciliation.board.cash_file import CashRow
from reconciliation.board.model import (
    REASON_LENGTH_MAX,
    Assumed,
    AssumptionReasonMissing,
    Assumptions,
    Board,
    Cash,
    Measured,
    board_of,
    months_of,
    next_month,
)

DAYS_PER_STEP_MAX: Final = 31


async def find_stale_days(tx: Transaction) -> None:
    """Note which days have to be counted again."""
    await store.lock(tx)
    await store.note_stale_days(tx)


async def count_some_days(tx: Transaction) -> int:
    """Count some of the days that are to be counted again, the newest first; return how many."""
    await store.lock(tx)
    days = await store.take_stale_days(tx, DAYS_PER_STEP_MAX)
    if days:
        await store.count(tx, days)
    return len(days)


async def board(tx: Transaction, fiscal_year: int, *, at: datetime, version: int | None = None) -> Board:
    """Return a fiscal year's board, by the newest assumptions or by a version of them."""
    months = months_of(fiscal_year)
    first, end = months[0], next_month(months[-1])
    begins, ends = (datetime.combine(day, time(0), JAPAN) for day in (first, end))
    versions = await store.assumptions(tx)
    assumed = next((each for each in versions if each.version == version), versions[0])
    measured = Measured(
        days=await store.days(tx, first, end),
        waits=await store.waits(tx, first, end),
        cash=await store.cash(tx, first, end),
        fees=await store.fees(tx, first, end),
        firsts=await store.firsts(tx),
        matched=await store.matched(tx, begins, ends),
        resolved=await store.resolved(tx, first, end),
    )
    return board_of(
        fiscal_year, assumed, measured, today=business_date(at), counted_until=await store.counted_until(tx)
    )


async def enter_cash(tx: Transaction, rows: Sequence[CashRow], *, by: str, at: datetime) -> int:
    """Keep what was counted; return how many facilities and months changed. The same again changes nothing."""
    if not rows:
        return 0
    await store.lock_cash(tx)
    first, end = min(row.month for row in rows), next_month(max(row.month for row in rows))
    known = {(each.facility, each.month): each for each in await store.cash(tx, first, end)}
    made = []
    for row in rows:
        before = known.get((row.facility, row.month))
        if _says(before) == _says(row):
            continue
        version = before.version + 1 if before else 1
        made.append(
            Cash(row.facility, row.month, version, row.known, row.amount, row.payments, row.paper_tickets, by, at)
        )
    await store.add_cash(tx, made)
    return len(made)


def _says(counted: Cash | CashRow | None) -> tuple[Yen, int, int] | None:
    return (counted.amount, counted.payments, counted.paper_tickets) if counted and counted.known else None


async def change_assumptions(
    tx: Transaction, values: Assumptions, *, reason: str, by: str, at: datetime
) -> tuple[Assumed, bool]:
    """Make the next version; return it and whether it is new: the same again changes nothing.

    Raises AssumptionReasonMissing or CardNumberRefused.
    """
    said = reason.strip()
    await store.lock_assumptions(tx)
    newest = (await store.assumptions(tx))[0]
    if newest.values == values:
        return newest, False
    if not 1 <= len(said) <= REASON_LENGTH_MAX:
        raise AssumptionReasonMissing
    if holds_card_number(said):
        raise CardNumberRefused
    made = Assumed(newest.version + 1, values, said, by, at)
    await store.add_assumptions(tx, made)
    return made, True
