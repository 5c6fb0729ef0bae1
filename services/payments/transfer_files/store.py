"""Rows of transfer files and of what lies in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kernel.money import Yen
from kernel.rows import Transaction
from payments.transfers.sealing import Sealed

COLUMNS = (
    "f.*, (SELECT count(*) FROM transfer_file_rows r WHERE r.file_id = f.id AND r.outcome = 'returned') AS returned, "
    "(SELECT count(*) FROM transfer_file_rows r WHERE r.file_id = f.id AND r.outcome IS NULL) AS waiting"
)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file as it is kept; `returned` and `waiting` count its rows."""

    id: UUID
    number: int
    transfer_on: date
    made_at: datetime
    made_by: str
    count: int
    amount: Yen
    sha256: str
    sealed: Sealed | None
    downloaded_at: datetime | None
    done_at: datetime | None
    done_by: str | None
    withdrawn_at: datetime | None
    purged_at: datetime | None
    returned: int
    waiting: int


@dataclass(frozen=True, slots=True)
class KeptRow:
    """One row of a file, without its account."""

    row: int
    transfer_id: UUID
    amount: Yen
    outcome: str | None
    bank_name: str
    number_end: str
    reference: str


async def next_number(tx: Transaction) -> int:
    """Return the number of a new file; numbers of files that came to nothing are left out."""
    found = await tx.execute("SELECT nextval(pg_get_serial_sequence('transfer_files', 'number')) AS number")
    return int(found.one().number)


async def add(tx: Transaction, kept: KeptFile, rows: Sequence[tuple[UUID, Yen]]) -> None:
    """Insert a file with its rows, numbered from 1. A transfer that lies in another file breaks a unique index."""
    await tx.execute(
        "INSERT INTO transfer_files (id, number, transfer_on, made_at, made_by, count, amount, sha256, key_id, sealed) "
        "OVERRIDING SYSTEM VALUE "
        "VALUES (:id, :number, :transfer_on, :made_at, :made_by, :count, :amount, :sha256, :key_id, :sealed)",
        id=kept.id,
        number=kept.number,
        transfer_on=kept.transfer_on,
        made_at=kept.made_at,
        made_by=kept.made_by,
        count=kept.count,
        amount=kept.amount.amount,
        sha256=kept.sha256,
        key_id=kept.sealed.key_id if kept.sealed else None,
        sealed=kept.sealed.body if kept.sealed else None,
    )
    await tx.session.execute(
        text("INSERT INTO transfer_file_rows (file_id, row, transfer_id, amount) VALUES (:file, :row, :id, :amount)"),
        [
            {"file": kept.id, "row": number, "id": transfer_id, "amount": amount.amount}
            for number, (transfer_id, amount) in enumerate(rows, start=1)
        ],
    )


async def find(tx: Transaction, file_id: UUID, *, lock: bool = False) -> KeptFile | None:
    """Return a file."""
    found = await tx.execute(
        f"SELECT {COLUMNS} FROM transfer_files f WHERE f.id = :id{' FOR UPDATE' if lock else ''}", id=file_id
    )
    row = found.one_or_none()
    return None if row is None else _to_file(row)


async def newest(tx: Transaction, *, limit: int) -> list[KeptFile]:
    """Return the last files, newest first."""
    rows = await tx.execute(f"SELECT {COLUMNS} FROM transfer_files f ORDER BY f.number DESC LIMIT :limit", limit=limit)
    return [_to_file(row) for row in rows]


async def rows_of(tx: Transaction, file_id: UUID, *, limit: int) -> list[KeptRow]:
    """Return the rows of a file in its order."""
    rows = await tx.execute(
        "SELECT r.row, r.transfer_id, r.amount, r.outcome, t.bank_name, t.number_end, c.reference "
        "FROM transfer_file_rows r JOIN transfers t ON t.id = r.transfer_id JOIN charges c ON c.id = t.charge_id "
        "WHERE r.file_id = :id ORDER BY r.row LIMIT :limit",
        id=file_id,
        limit=limit,
    )
    return [
        KeptRow(row.row, row.transfer_id, Yen(row.amount), row.outcome, row.bank_name, row.number_end, row.reference)
        for row in rows
    ]


async def transfer_in_row(tx: Transaction, file_id: UUID, row: int) -> UUID | None:
    """Return whose row it is, as long as the bank has not returned it."""
    found = await tx.execute(
        "SELECT transfer_id FROM transfer_file_rows WHERE file_id = :id AND row = :row AND outcome IS NULL",
        id=file_id,
        row=row,
    )
    one = found.one_or_none()
    return None if one is None else one.transfer_id


async def day_of(tx: Transaction, transfer_id: UUID) -> date | None:
    """Return the day on which a transfer's file is carried out."""
    found = await tx.execute(
        "SELECT f.transfer_on FROM transfer_file_rows r JOIN transfer_files f ON f.id = r.file_id "
        "WHERE r.transfer_id = :id AND (r.outcome IS NULL OR r.outcome = 'transferred')",
        id=transfer_id,
    )
    one = found.one_or_none()
    return None if one is None else one.transfer_on


async def end_row(tx: Transaction, transfer_id: UUID, outcome: str) -> None:
    """Write down what became of a transfer's row."""
    await tx.execute(
        "UPDATE transfer_file_rows SET outcome = :outcome WHERE transfer_id = :id AND outcome IS NULL",
        id=transfer_id,
        outcome=outcome,
    )


async def ready(tx: Transaction, *, limit: int) -> list[UUID]:
    """Return approved transfers that go by file, with their charges locked in order; look at each again."""
    rows = await tx.execute(
        "SELECT t.id FROM transfers t JOIN charges c ON c.id = t.charge_id "
        "WHERE t.state = 'approved' AND t.route = 'file' ORDER BY c.id, t.id LIMIT :limit FOR UPDATE OF c",
        limit=limit,
    )
    return [row.id for row in rows]


async def count_ready(tx: Transaction) -> int:
    """Return how many approved transfers wait for a file."""
    found = await tx.execute("SELECT count(*) AS number FROM transfers WHERE state = 'approved' AND route = 'file'")
    return int(found.one().number)


async def mark(tx: Transaction, file_id: UUID, column: str, *, at: datetime) -> None:
    """Set one of a file's moments, the first time only."""
    assert column in {"downloaded_at", "withdrawn_at"}  # noqa: S101 - a constant of ours
    await tx.execute(f"UPDATE transfer_files SET {column} = coalesce({column}, :at) WHERE id = :id", id=file_id, at=at)


async def mark_done(tx: Transaction, file_id: UUID, *, by: str, at: datetime) -> None:
    """Write down that the bank has carried a file out."""
    await tx.execute("UPDATE transfer_files SET done_at = :at, done_by = :by WHERE id = :id", id=file_id, at=at, by=by)


async def done_waiting(tx: Transaction, *, limit: int) -> list[UUID]:
    """Return transfers that lie in files which the bank has carried out, and are not settled yet."""
    rows = await tx.execute(
        "SELECT r.transfer_id FROM transfer_file_rows r JOIN transfer_files f ON f.id = r.file_id "
        "WHERE f.done_at IS NOT NULL AND r.outcome IS NULL ORDER BY f.number, r.row LIMIT :limit",
        limit=limit,
    )
    return [row.transfer_id for row in rows]


async def purge(tx: Transaction, *, at: datetime, idle: timedelta) -> int:
    """Delete the bytes of files of which no row waits any more, or that are too old; return how many."""
    found = await tx.execute(
        "UPDATE transfer_files f SET sealed = NULL, key_id = NULL, purged_at = :at WHERE sealed IS NOT NULL AND "
        "(made_at <= :before OR NOT EXISTS "
        "(SELECT 1 FROM transfer_file_rows r WHERE r.file_id = f.id AND r.outcome IS NULL))",
        at=at,
        before=at - idle,
    )
    return int(found.rowcount)


async def under_older_keys(tx: Transaction, keys: tuple[str, ...], *, limit: int) -> list[tuple[UUID, Sealed]]:
    """Return files sealed under one of some keys, locked."""
    rows = await tx.execute(
        "SELECT id, key_id, sealed FROM transfer_files WHERE sealed IS NOT NULL AND key_id = ANY(:keys) "
        "ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED",
        keys=list(keys),
        limit=limit,
    )
    return [(row.id, Sealed(row.key_id, bytes(row.sealed))) for row in rows]


async def reseal(tx: Transaction, file_id: UUID, sealed: Sealed) -> None:
    """Replace what is sealed by the same under another key."""
    await tx.execute(
        "UPDATE transfer_files SET key_id = :key_id, sealed = :sealed WHERE id = :id AND sealed IS NOT NULL",
        id=file_id,
        key_id=sealed.key_id,
        sealed=sealed.body,
    )


def _to_file(row: Any) -> KeptFile:
    return KeptFile(
        row.id,
        row.number,
        row.transfer_on,
        row.made_at,
        row.made_by,
        row.count,
        Yen(row.amount),
        row.sha256,
        None if row.sealed is None else Sealed(row.key_id, bytes(row.sealed)),
        row.downloaded_at,
        row.done_at,
        row.done_by,
        row.withdrawn_at,
        row.purged_at,
        row.returned,
        row.waiting,
    )
