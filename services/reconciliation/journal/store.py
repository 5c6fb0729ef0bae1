"""Vouchers and postings: written once, in order, and read back as they were sealed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.journal.model import GENESIS, Draft, Posting, Voucher, Year

Row = Any  # as it lies in the database
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
# One row for each voucher, its postings as one list in their places.
SELECT: Final = (
    "SELECT v.*, (SELECT jsonb_agg(jsonb_build_array("
    + ", ".join(f"p.{name}" for name in _POSTING_COLUMNS)
    + ") ORDER BY p.place) FROM postings AS p WHERE p.voucher = v.number) AS postings FROM vouchers AS v "
)
_STANDS: Final = "v.reverses IS NULL AND NOT EXISTS (SELECT FROM vouchers AS r WHERE r.reverses = v.number)"
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


def voucher_of(row: Any) -> Voucher:
    """Return a voucher as it stands in the books.

    Raises UnbalancedError or ValueError where somebody has tampered with its rows.
    """
    postings = tuple(Posting(side, account, Yen(amount), *rest) for side, account, amount, *rest in row.postings or ())
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
        f"{SELECT} WHERE v.business_date = ANY(CAST(:days AS date[])) AND v.kind = ANY(CAST(:kinds AS text[])) "
        f"AND {_STANDS}",
        days=sorted(days),
        kinds=list(AUTOMATIC),
    )
    return {row.origin: voucher_of(row) for row in rows}


async def standing_deposits(tx: Transaction) -> dict[str, Voucher]:
    """Return the voucher that stands for each deposit."""
    rows = await tx.execute(f"{SELECT} WHERE v.kind = 'deposit' AND {_STANDS}")
    return {row.origin: voucher_of(row) for row in rows}


async def find(tx: Transaction, number: int) -> Voucher | None:
    """Return a voucher by its number."""
    row = (await tx.execute(f"{SELECT} WHERE v.number = :number", number=number)).one_or_none()
    return None if row is None else voucher_of(row)


async def reversal_number(tx: Transaction, number: int) -> int | None:
    """Return the number of the voucher that reverses this one, if there is one."""
    found = await tx.execute("SELECT number FROM vouchers WHERE reverses = :number", number=number)
    number_: int | None = found.scalar_one_or_none()
    return number_


async def all_rows(tx: Transaction) -> AsyncIterator[Row]:
    """Yield the rows of every voucher by number, as they are: whoever verifies them makes vouchers of them."""
    async for row in tx.session.stream(f"{SELECT} ORDER BY v.number"):
        yield row


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
