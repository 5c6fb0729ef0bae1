"""Vouchers and postings: written once, in order, and read back as they were sealed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.journal.model import GENESIS, Draft, Posting, Voucher, Year

Row = Any  # as it lies in the database
PORTION: Final = 1_000
AUTOMATIC: Final = ("assessment", "receipts", "refunds", "reversals", "disputes", "fees", "adjustments")
_POSTING_COLUMNS: Final = (
    "side",
    "account",
    "amount",
    "facility",
    "revenue_owner",
    "revenue_account",
    "method",
    "provider",
    "tax_rate_percent",
)
SELECT: Final = "SELECT v.* FROM vouchers AS v "
_POSTINGS: Final = (
    f"SELECT voucher, {', '.join(_POSTING_COLUMNS)} FROM postings "
    "WHERE voucher = ANY(CAST(:numbers AS bigint[])) ORDER BY voucher, place"
)
_ADD_VOUCHER: Final = """
INSERT INTO vouchers (number, id, kind, origin, booked_on, business_date, belongs, fiscal_year, old_year, reverses,
                      words, posted_by, posted_at, previous_hash, hash)
VALUES (:number, :id, :kind, :origin, :booked_on, :business_date, :belongs, :fiscal_year, :old_year, :reverses,
        :words, :posted_by, :posted_at, :previous_hash, :hash)
"""
_ADD_POSTINGS: Final = (
    f"INSERT INTO postings (voucher, place, {', '.join(_POSTING_COLUMNS)}) "
    f"SELECT voucher, place, {', '.join(_POSTING_COLUMNS)} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given "
    "(voucher bigint, place integer, side text, account text, amount bigint, facility text, revenue_owner text, "
    "revenue_account text, method text, provider text, tax_rate_percent smallint)"
)


async def lock(tx: Transaction) -> None:
    """Let nobody else write vouchers until this transaction ends: their numbers have no gaps."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('journal', 19))")


async def last(tx: Transaction) -> tuple[int, bytes]:
    """Return the number and the hash of the newest voucher: what the next one follows."""
    found = (await tx.execute("SELECT number, hash FROM vouchers ORDER BY number DESC LIMIT 1")).one_or_none()
    return (0, GENESIS) if found is None else (found.number, bytes(found.hash))


async def add(tx: Transaction, vouchers: Sequence[Voucher]) -> None:
    """Write vouchers: their postings first, for a voucher seals them."""
    rows = [
        {
            "voucher": voucher.number,
            "place": place,
            **{name: getattr(posting, name) for name in _POSTING_COLUMNS},
            "amount": posting.amount.amount,
        }
        for voucher in vouchers
        for place, posting in enumerate(voucher.draft.postings, start=1)
    ]
    if not rows:
        return
    await tx.execute(_ADD_POSTINGS, rows=json.dumps(rows, ensure_ascii=False))
    await tx.session.execute(_ADD_VOUCHER, [_row(each) for each in vouchers])


def _row(voucher: Voucher) -> dict[str, Any]:
    draft = voucher.draft
    return {
        "number": voucher.number,
        "id": voucher.id,
        "kind": draft.kind,
        "origin": draft.origin,
        "booked_on": voucher.booked_on,
        "business_date": draft.business_date,
        "belongs": draft.belongs,
        "fiscal_year": voucher.year.fiscal_year,
        "old_year": voucher.year.old,
        "reverses": draft.reverses,
        "words": draft.words,
        "posted_by": voucher.posted_by,
        "posted_at": voucher.posted_at,
        "previous_hash": voucher.previous_hash,
        "hash": voucher.hash,
    }


@dataclass(frozen=True, slots=True)
class Lying:
    """A voucher as its rows lie in the database, whatever became of them."""

    row: Row
    postings: tuple[Row, ...]


async def with_postings(tx: Transaction, rows: Iterable[Row]) -> list[Lying]:
    """Return rows of vouchers with their postings: two statements by a key each, which no statistics can mislead."""
    kept = list(rows)
    found: dict[int, list[Row]] = {each.number: [] for each in kept}
    if kept:
        for posting in await tx.execute(_POSTINGS, numbers=list(found)):
            found[posting.voucher].append(posting)
    return [Lying(each, tuple(found[each.number])) for each in kept]


def voucher_of(lying: Lying) -> Voucher:
    """Return a voucher as it stands in the books.

    Raises UnbalancedError or ValueError where somebody has tampered with its rows.
    """
    row = lying.row
    postings = tuple(
        Posting(**{name: getattr(each, name) for name in _POSTING_COLUMNS if name != "amount"}, amount=Yen(each.amount))
        for each in lying.postings
    )
    draft = Draft(row.kind, row.origin, row.business_date, row.belongs, postings, row.words, row.reverses)
    year = Year(row.fiscal_year, row.old_year)
    return Voucher(
        row.number,
        row.id,
        draft,
        row.booked_on,
        year,
        row.posted_by,
        row.posted_at,
        bytes(row.previous_hash),
        bytes(row.hash),
    )


async def standing_of_days(tx: Transaction, days: Collection[date]) -> dict[str, Voucher]:
    """Return the voucher that stands for each origin of some business days."""
    rows = await tx.execute(
        f"{SELECT} WHERE v.business_date = ANY(CAST(:days AS date[])) AND v.reverses IS NULL",
        days=sorted(days),
    )
    return await _standing(tx, [each for each in rows if each.kind in AUTOMATIC])


async def standing_deposits(tx: Transaction) -> dict[str, Voucher]:
    """Return the voucher that stands for each deposit."""
    rows = await tx.execute(f"{SELECT} WHERE v.kind = 'deposit' AND v.reverses IS NULL")
    return await _standing(tx, list(rows))


async def _standing(tx: Transaction, rows: Sequence[Row]) -> dict[str, Voucher]:
    reversed_by = await reversals_of(tx, [each.number for each in rows])
    lying = await with_postings(tx, [each for each in rows if each.number not in reversed_by])
    return {each.row.origin: voucher_of(each) for each in lying}


async def reversals_of(tx: Transaction, numbers: Sequence[int]) -> dict[int, int]:
    """Return which of some vouchers were reversed, and by which."""
    rows = await tx.execute(
        "SELECT reverses, number FROM vouchers WHERE reverses = ANY(CAST(:numbers AS bigint[]))", numbers=list(numbers)
    )
    return {row.reverses: row.number for row in rows}


async def find(tx: Transaction, number: int) -> Voucher | None:
    """Return a voucher by its number."""
    rows = await tx.execute(f"{SELECT} WHERE v.number = :number", number=number)
    return next((voucher_of(each) for each in await with_postings(tx, rows)), None)


async def reversal_number(tx: Transaction, number: int) -> int | None:
    """Return the number of the voucher that reverses this one, if there is one."""
    found = await tx.execute("SELECT number FROM vouchers WHERE reverses = :number", number=number)
    number_: int | None = found.scalar_one_or_none()
    return number_


async def all_rows(tx: Transaction) -> AsyncIterator[Lying]:
    """Yield every voucher by number as it lies there, a portion at a time: whoever verifies makes vouchers of them."""
    after = 0
    while True:
        rows = await tx.execute(
            f"{SELECT} WHERE v.number > :after ORDER BY v.number LIMIT :limit", after=after, limit=PORTION
        )
        portion = await with_postings(tx, rows)
        for each in portion:
            yield each
        if not portion:
            return
        after = portion[-1].row.number


async def see_one_moment(tx: Transaction) -> None:
    """Let a transaction see what is booked at one moment; its first statement."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def known_heads(tx: Transaction) -> dict[int, bytes]:
    """Return what was sound when the journal was verified before: the hash of the last voucher then, by its number."""
    rows = await tx.execute("SELECT DISTINCT number, head FROM journal_verifications WHERE number > 0")
    return {row.number: bytes(row.head) for row in rows}


async def add_verification(
    tx: Transaction,
    *,
    at: datetime,
    by: str,
    number: int,
    head: bytes,
    fault: str,
    fault_number: int | None,
    fault_origin: str,
    waiting: int,
) -> None:
    """Write down what a verification found."""
    await tx.execute(
        "INSERT INTO journal_verifications (at, verified_by, number, head, fault, fault_number, fault_origin, waiting) "
        "VALUES (:at, :by, :number, :head, :fault, :fault_number, :fault_origin, :waiting)",
        at=at,
        by=by,
        number=number,
        head=head,
        fault=fault,
        fault_number=fault_number,
        fault_origin=fault_origin,
        waiting=waiting,
    )


async def last_verification(tx: Transaction) -> Row | None:
    """Return what the newest verification found."""
    return (await tx.execute("SELECT * FROM journal_verifications ORDER BY position DESC LIMIT 1")).one_or_none()
