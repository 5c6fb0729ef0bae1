"""Booking what the ledger, statements and banks say; a voucher by hand; the chain and the books verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol
from uuid import UUID

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.clock import business_date
from kernel.rows import Transaction
from reconciliation.journal import progress, sources, store
from reconciliation.journal.model import (
    BooksClosed,
    BooksNotBegun,
    Correction,
    Draft,
    UnknownVoucher,
    Voucher,
    VoucherFollowsFacts,
    VoucherReversed,
    WordsMissing,
    corrections,
    reversal_of,
    seal,
)
from reconciliation.journal.rules import drafts_of

BY_ITSELF: Final = "momiji"  # who posted a voucher that follows from facts
DAYS_AT_ONCE: Final = 31
VOUCHERS_AT_ONCE: Final = 500


class OpenDay(Protocol):
    """Says on which day of the books something is booked."""

    async def __call__(self, tx: Transaction, day: date) -> date:
        """Return the day itself if its books are open, else the first open day after it."""
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """What one run booked: new vouchers, and of them reversals of older ones; over so many days."""

    days: int
    vouchers: int
    reversals: int


async def post(
    tx: Transaction,
    *,
    through: date,
    at: datetime,
    new_id: Callable[[], UUID],
    open_day: OpenDay,
    by: str = BY_ITSELF,
    whole: bool = False,
) -> Posted:
    """Book what is new, as far as it differs from what is booked; a second run books nothing.

    What has changed is reversed and booked anew, on its own day if that is open, else on the first open day after it.
    `whole`: every day there is, and not only those of which something came since the last run.
    """
    await store.lock(tx)
    told = await progress.news(tx, whole=whole)
    days = sorted(day for day in told.days if day <= through)
    wanted: list[Correction] = []
    for start in range(0, len(days), DAYS_AT_ONCE):
        some = days[start : start + DAYS_AT_ONCE]
        wanted += corrections(drafts_of(await sources.of_days(tx, some)), await store.standing_of_days(tx, some))
    deposits_later = False
    if told.deposits:
        found = await sources.of_deposits(tx)
        deposits_later = any(each.day > through for each in found)
        said = drafts_of(each for each in found if each.day <= through)
        wanted += corrections(said, await store.standing_deposits(tx))
    made = await _book(tx, wanted, at=at, by=by, new_id=new_id, open_day=open_day)
    later = [day for day in told.days if day > through]
    await progress.keep(tx, told, later=later, deposits_later=deposits_later)
    return Posted(len(days), len(made), sum(1 for each in made if each.draft.reverses is not None))


async def _book(
    tx: Transaction,
    wanted: Iterable[Correction],
    *,
    at: datetime,
    by: str,
    new_id: Callable[[], UUID],
    open_day: OpenDay,
) -> list[Voucher]:
    """Seal drafts as the next vouchers of the chain; call it with the journal locked."""
    number, previous = await store.last(tx)
    open_days: dict[date, date] = {}
    made: list[Voucher] = []
    for each in wanted:
        if each.day not in open_days:
            open_days[each.day] = await open_day(tx, each.day)
        number += 1
        voucher = seal(
            each.draft,
            number=number,
            id=new_id(),
            booked_on=open_days[each.day],
            by=by,
            at=at,
            previous_hash=previous,
        )
        previous = voucher.hash
        made.append(voucher)
    for start in range(0, len(made), VOUCHERS_AT_ONCE):
        await store.add(tx, made[start : start + VOUCHERS_AT_ONCE])
    return made


async def enter(
    tx: Transaction, draft: Draft, *, at: datetime, by: str, new_id: Callable[[], UUID], open_day: OpenDay
) -> Voucher:
    """Book a voucher that somebody made by hand, on its own day.

    Raises BooksClosed, BooksNotBegun and CardNumberRefused.
    """
    if holds_card_number(draft.words):
        raise CardNumberRefused
    today = business_date(at)
    if draft.business_date > today:
        raise BooksNotBegun(day=draft.business_date.isoformat(), today=today.isoformat())
    await store.lock(tx)
    open_ = await open_day(tx, draft.business_date)
    if open_ != draft.business_date:
        raise BooksClosed(day=draft.business_date.isoformat(), open=open_.isoformat())
    wanted = [Correction(draft, draft.business_date)]
    return (await _book(tx, wanted, at=at, by=by, new_id=new_id, open_day=open_day))[0]


async def reverse(
    tx: Transaction,
    number: int,
    *,
    words: str,
    at: datetime,
    by: str,
    new_id: Callable[[], UUID],
    open_day: OpenDay,
) -> Voucher:
    """Undo a voucher that was made by hand, today or on the first open day after it.

    Raises UnknownVoucher, VoucherReversed, VoucherFollowsFacts, WordsMissing and CardNumberRefused.
    """
    if holds_card_number(words):
        raise CardNumberRefused
    if not words.strip():
        raise WordsMissing
    await store.lock(tx)
    voucher = await store.find(tx, number)
    if voucher is None:
        raise UnknownVoucher(number=number)
    if voucher.draft.reverses is not None or await store.reversal_number(tx, number) is not None:
        raise VoucherReversed(number=number)
    if voucher.draft.kind != "manual":
        raise VoucherFollowsFacts(number=number)
    wanted = [Correction(reversal_of(voucher, words=words.strip()), business_date(at))]
    return (await _book(tx, wanted, at=at, by=by, new_id=new_id, open_day=open_day))[0]
