"""Taking a statement: read whole, checked, and kept with its lines in one transaction, or refused whole."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import assert_never
from uuid import UUID

from kernel.clock import business_date
from kernel.contracts.reconciliation import StatementIngested
from kernel.money import ZERO, Yen
from kernel.rows import Database, Transaction
from reconciliation.statements import bank_days, store, tabular
from reconciliation.statements.model import (
    BalanceBroken,
    BankFormat,
    BankStatement,
    Format,
    SettlementFormat,
    StatementFile,
    Way,
)
from reconciliation.statements.progress import Progress
from reconciliation.statements.refused import RefusedFile


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that lies on this machine, with what is known of it. `by`: whoever sent it."""

    path: Path
    sha256: str
    bytes_count: int
    file_name: str
    way: Way
    by: str


@dataclass(frozen=True, slots=True)
class Followed:
    """Who wants to know how far a file is, and what time it is meanwhile."""

    progress: Progress
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Read:
    """What a file says, ready to be kept: a bank's statements, or the CSV of a provider's lines."""

    lines: int
    days: tuple[date, date] | None
    statements: tuple[BankStatement, ...] = ()
    csv: Path | None = None
    net: Yen = ZERO


async def take(
    database: Database,
    chosen: Format,
    upload: Upload,
    *,
    correlation_id: str,
    file_id: UUID,
    event_id: UUID,
    at: datetime,
    followed: Followed | None = None,
) -> tuple[StatementFile, bool]:
    """Take a file; return it and whether it is new. The same content twice is one statement.

    `followed` is told how far it is.

    Raises the refusals of its format, BalanceBroken and LineChanged; then nothing of it is kept.
    """
    async with database.at_once(correlation_id) as tx:
        known = await store.find_by_content(tx, upload.sha256)
    if known is not None:
        return known, False
    with tempfile.TemporaryDirectory(dir=upload.path.parent) as scratch:
        if followed:
            followed.progress.reads(upload.bytes_count, followed.now())
        read = await asyncio.to_thread(_read, chosen, upload, Path(scratch), file_id, business_date(at), followed)
        async with database.transaction(correlation_id) as tx:
            known = await store.find_by_content(tx, upload.sha256, lock=True)
            if known is not None:
                return known, False
            if followed:
                size = read.csv.stat().st_size if read.csv else 0
                followed.progress.copies(size, await store.backend(tx))
            pieces = Path(scratch) / "pieces"
            # Its bytes are compressed here while PostgreSQL is busy with its lines.
            packing = asyncio.ensure_future(asyncio.to_thread(store.packed, upload.path, pieces))
            try:
                new_count, amount = await _keep_lines(tx, file_id, read)
            finally:
                await asyncio.wait([packing])  # Never leave it behind: it writes into a folder that is about to go.
            file = StatementFile(
                id=file_id,
                sha256=upload.sha256,
                format=chosen.name,
                file_name=upload.file_name,
                bytes_count=upload.bytes_count,
                way=upload.way,
                received_at=at,
                received_by=upload.by,
                days=read.days,
                line_count=read.lines,
                new_count=new_count,
                amount=amount,
                provider=chosen.columns.provider if isinstance(chosen, SettlementFormat) else "",
            )
            if followed:
                followed.progress.keeps()
            await store.add(tx, file)
            await store.add_balances(tx, file_id, read.statements)
            await store.add_pieces(tx, file_id, pieces, await packing)
            await tx.publish(_ingested(file), subject=file_id, version=1, event_id=event_id, at=at)
    if followed:
        followed.progress.ends(file_id)
    return file, True


async def refuse(database: Database, refused: RefusedFile, *, correlation_id: str) -> None:
    """Write down that a file was not taken, and why; the same id again changes nothing."""
    async with database.transaction(correlation_id) as tx:
        await store.add_refused(tx, refused)


def _read(
    chosen: Format, upload: Upload, scratch: Path, file_id: UUID, received: date, followed: Followed | None
) -> _Read:
    match chosen:
        case BankFormat():
            found = tuple(chosen.read(upload.path.read_bytes(), received=received))
            days = (min(each.first for each in found), max(each.last for each in found)) if found else None
            return _Read(sum(len(each.lines) for each in found), days, found)
        case SettlementFormat():
            target = scratch / "lines.csv"
            with tabular.read(upload.path, chosen.columns, scratch=scratch) as lines:
                if followed:
                    followed.progress.writes(target, followed.now())
                lines.write(target, file_id)
                sums, days = lines.sums, lines.days
                return _Read(lines.count, days, csv=target, net=sums.net)
        case _:
            assert_never(chosen)


async def _keep_lines(tx: Transaction, file_id: UUID, read: _Read) -> tuple[int, Yen]:
    if read.csv is not None:
        return await store.add_settlement_lines(tx, read.csv, read.net)
    await _check_balances(tx, read.statements)
    return await store.add_bank_lines(tx, file_id, read.statements)


async def _check_balances(tx: Transaction, statements: Sequence[BankStatement]) -> None:
    """Raise BalanceBroken where a statement does not go on from the one of the bank day before, or the next from it.

    A statement that is still missing between two is no fault of either: files may come in any order.
    """
    for each in statements:
        if each.opening is None or each.closing is None:
            continue
        account = each.account.key
        before = await store.balance_before(tx, account, each.first)
        if before is not None and before[0] >= bank_days.bank_day_before(each.first) and before[1] != each.opening:
            raise _broken(account, each.first, found=each.opening, expected=before[1])
        after = await store.balance_after(tx, account, each.last)
        if after is not None and each.last >= bank_days.bank_day_before(after[0]) and after[1] != each.closing:
            raise _broken(account, after[0], found=after[1], expected=each.closing)


def _broken(account: str, day: date, *, found: Yen, expected: Yen) -> BalanceBroken:
    return BalanceBroken(account=account, day=day.isoformat(), found=str(found), expected=str(expected))


def _ingested(file: StatementFile) -> StatementIngested:
    first, last = file.days or (None, None)
    return StatementIngested(
        statement_id=file.id,
        format=file.format,
        sha256=file.sha256,
        first_day=first,
        last_day=last,
        line_count=file.line_count,
        new_count=file.new_count,
        amount=file.amount,
        received_by=file.received_by,
        received_at=file.received_at,
    )
