"""Gathering the morning's overview."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from kernel.clock import business_date
from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.board import store as board
from reconciliation.board.model import Share, next_month, share_of
from reconciliation.closing.gathering import books_begin
from reconciliation.days import actions as days
from reconciliation.discrepancies import listing
from reconciliation.discrepancies.listing import Wish
from reconciliation.matching import actions as matching
from reconciliation.morning import store
from reconciliation.morning.model import (
    CHART_DAYS,
    CHART_MONTHS,
    Books,
    Fee,
    KindCount,
    Overview,
    months_before,
    most_first,
)


async def overview(
    tx: Transaction, facilities: Sequence[str] | None, *, by: str, at: datetime, grace: timedelta
) -> Overview:
    """Return what somebody is told in the morning; `facilities` None: of all of them, and of the books as a whole."""
    today = business_date(at)
    yesterday = today - timedelta(days=1)
    seen = await days.calendar(tx, facilities, first=yesterday, last=yesterday, at=at, grace=grace)
    months = months_before(today, CHART_MONTHS)
    return Overview(
        yesterday=seen[0],
        kinds=await _kinds(tx, facilities, today),
        books=await _books(tx, today, by, at) if facilities is None else None,
        takings=tuple(await store.takings(tx, facilities, first=today - timedelta(days=CHART_DAYS - 1), last=today)),
        shares=await _shares(tx, months) if facilities is None else (),
        fees=await _fees(tx, months) if facilities is None else (),
    )


async def _kinds(tx: Transaction, facilities: Sequence[str] | None, today: date) -> tuple[KindCount, ...]:
    sums: dict[str, tuple[int, int]] = {}
    for each in (await listing.tallies(tx, facilities, Wish(), today=today)).each:
        items, size = sums.get(each.kind, (0, 0))
        sums[each.kind] = (items + each.items, size + each.size.amount)
    return most_first([KindCount(kind, items, Yen(size)) for kind, (items, size) in sums.items()])


async def _books(tx: Transaction, today: date, by: str, at: datetime) -> Books:
    begins = await books_begin(tx)
    yesterday = today - timedelta(days=1)
    number, first = await store.open_days(tx, begins, yesterday) if begins else (0, None)
    late, late_amount = await store.late(tx, today)
    return Books(
        due=tuple(await store.due(tx, today)),
        came=await store.came(tx, today),
        late=late,
        late_amount=late_amount,
        providers=tuple(await store.provider_reaches(tx)),
        accounts=tuple(await store.account_reaches(tx)),
        unmatched=await matching.overdue_files(tx, at=at),
        open_days=number,
        first_open_day=first,
        suggestions=await store.suggestions(tx),
        approvals=await store.approvals(tx, by),
        reopenings=await store.reopenings(tx, by),
    )


async def _shares(tx: Transaction, months: Sequence[date]) -> tuple[tuple[date, Share], ...]:
    first, end = months[0], next_month(months[-1])
    taken, cash = await board.days(tx, first, end), await board.cash(tx, first, end)
    return tuple(
        (
            month,
            share_of(
                [each for each in taken if each.day.replace(day=1) == month],
                [each for each in cash if each.month == month],
            ),
        )
        for month in months
    )


async def _fees(tx: Transaction, months: Sequence[date]) -> tuple[Fee, ...]:
    return tuple(
        Fee(each.month, each.provider, each.kept) for each in await board.fees(tx, months[0], next_month(months[-1]))
    )
