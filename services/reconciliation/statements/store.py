"""Rows of statements: files with their bytes, and lines, many at once."""

from __future__ import annotations

import csv
import io
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import zstandard
from sqlalchemy.exc import IntegrityError

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.statements.model import BankStatement, LineChanged, StatementFile
from reconciliation.statements.refused import RefusedFile
from reconciliation.statements.tabular import LINE_COLUMNS

PIECE_BYTES: Final = 4 << 20
COPY_BYTES: Final = 1 << 20
COPY_SECONDS_MAX: Final = 900
BANK_LINES: Final = UUID("01931a3e-5a3b-7c57-b7a1-6a1a70d5b0c3")  # the family of ids made of what names a bank line
_COPY = f"COPY {{table}} ({', '.join((*LINE_COLUMNS, 'file_id'))}) FROM STDIN (FORMAT csv, NULL '\\N')"
_AMOUNTS = ("kind", "gross", "fee", "tax", "net")
_BANK_COLUMNS = (
    *("id", "file_id", "record", "basis", "account", "booked_on", "value_on", "amount", "reference", "kind", "payer"),
    *("payer_code", "bank", "branch", "summary", "edi", "cancelled"),
)


def _file(row: Any) -> StatementFile:
    return StatementFile(
        id=row.id,
        sha256=bytes(row.sha256).hex(),
        format=row.format,
        file_name=row.file_name,
        bytes_count=row.bytes_count,
        way=row.way,
        received_at=row.received_at,
        received_by=row.received_by,
        days=None if row.first_day is None else (row.first_day, row.last_day),
        line_count=row.line_count,
        new_count=row.new_count,
        amount=Yen(row.amount),
        provider=row.provider,
    )


async def find_by_content(tx: Transaction, sha256: str, *, lock: bool = False) -> StatementFile | None:
    """Return the file of some content; with a lock, nobody else takes the same content meanwhile."""
    if lock:
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(:sha256, 11))", sha256=sha256)
    found = await tx.execute("SELECT * FROM statement_files WHERE sha256 = :sha256", sha256=bytes.fromhex(sha256))
    row = found.one_or_none()
    return None if row is None else _file(row)


async def find(tx: Transaction, file_id: UUID) -> StatementFile | None:
    """Return a file."""
    row = (await tx.execute("SELECT * FROM statement_files WHERE id = :id", id=file_id)).one_or_none()
    return None if row is None else _file(row)


async def latest(tx: Transaction, *, before: tuple[datetime, UUID] | None, limit: int) -> list[StatementFile]:
    """Return files, the newest first, after a place in that order."""
    at, file_id = before or (None, None)
    rows = await tx.execute(
        "SELECT * FROM statement_files WHERE CAST(:at AS timestamptz) IS NULL "
        "OR (received_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid)) "
        "ORDER BY received_at DESC, id DESC LIMIT :limit",
        at=at,
        id=file_id,
        limit=limit,
    )
    return [_file(row) for row in rows]


async def add(tx: Transaction, file: StatementFile) -> None:
    """Write a file's row, after its lines."""
    first, last = file.days or (None, None)
    await tx.execute(
        "INSERT INTO statement_files (id, sha256, format, file_name, bytes_count, way, received_at, received_by, "
        "first_day, last_day, line_count, new_count, amount, provider) VALUES (:id, :sha256, :format, :file_name, "
        ":bytes_count, :way, :at, :by, :first, :last, :line_count, :new_count, :amount, :provider)",
        id=file.id,
        sha256=bytes.fromhex(file.sha256),
        format=file.format,
        file_name=file.file_name,
        bytes_count=file.bytes_count,
        way=file.way,
        at=file.received_at,
        by=file.received_by,
        first=first,
        last=last,
        line_count=file.line_count,
        new_count=file.new_count,
        amount=file.amount.amount,
        provider=file.provider,
    )


def packed(source: Path, target: Path) -> list[int]:
    """Write a file's bytes compressed, piece after piece; return how long each piece has become."""
    sizes: list[int] = []
    compressor = zstandard.ZstdCompressor(level=1)
    with source.open("rb") as opened, target.open("wb") as sink:
        while piece := opened.read(PIECE_BYTES):
            sizes.append(sink.write(compressor.compress(piece)))
    return sizes


def _unpacked(piece: bytes) -> bytes:
    """Return a piece as it came; what older versions kept is deflated."""
    if piece.startswith(zstandard.FRAME_HEADER):
        return zstandard.ZstdDecompressor().decompress(piece, max_output_size=PIECE_BYTES)
    return zlib.decompress(piece)


async def add_pieces(tx: Transaction, file_id: UUID, source: Path, sizes: Sequence[int]) -> None:
    """Keep a file's bytes, as `packed` made them."""
    with source.open("rb") as opened:
        for number, size in enumerate(sizes):
            await tx.execute(
                "INSERT INTO statement_pieces (file_id, number, body) VALUES (:id, :number, :body)",
                id=file_id,
                number=number,
                body=opened.read(size),
            )


async def pieces(tx: Transaction, file_id: UUID) -> AsyncIterator[bytes]:
    """Yield a file's bytes as they came."""
    async for row in tx.session.stream(
        "SELECT body FROM statement_pieces WHERE file_id = :id ORDER BY number", {"id": file_id}
    ):
        yield _unpacked(bytes(row.body))


def _refused(row: Any) -> RefusedFile:
    return RefusedFile(
        id=row.id,
        at=row.refused_at,
        way=row.way,
        file_name=row.file_name,
        bytes_count=row.bytes_count,
        sha256=None if row.sha256 is None else bytes(row.sha256).hex(),
        by=row.sent_by,
        slug=row.slug,
        advice_ja=row.advice_ja,
        advice_en=row.advice_en,
    )


async def add_refused(tx: Transaction, refused: RefusedFile) -> None:
    """Write down a file that was not taken, once."""
    await tx.execute(
        "INSERT INTO refused_files (id, refused_at, way, file_name, bytes_count, sha256, sent_by, slug, advice_ja, "
        "advice_en) VALUES (:id, :at, :way, :file_name, :bytes_count, :sha256, :by, :slug, :ja, :en) "
        "ON CONFLICT (id) DO NOTHING",
        id=refused.id,
        at=refused.at,
        way=refused.way,
        file_name=refused.file_name,
        bytes_count=refused.bytes_count,
        sha256=None if refused.sha256 is None else bytes.fromhex(refused.sha256),
        by=refused.by,
        slug=refused.slug,
        ja=refused.advice_ja,
        en=refused.advice_en,
    )


async def lately_refused(tx: Transaction, *, since: datetime, limit: int) -> list[RefusedFile]:
    """Return the files that were refused since a moment and not taken after all, the newest first."""
    rows = await tx.execute(
        "SELECT * FROM refused_files AS r WHERE refused_at >= :since AND NOT EXISTS "
        "(SELECT FROM statement_files AS s WHERE s.sha256 = r.sha256) "
        "ORDER BY refused_at DESC, id LIMIT :limit",
        since=since,
        limit=limit,
    )
    return [_refused(row) for row in rows]


async def _read(source: Path) -> AsyncIterator[bytes]:
    with source.open("rb") as opened:
        while piece := opened.read(COPY_BYTES):
            yield piece


async def add_settlement_lines(tx: Transaction, source: Path, net: Yen) -> tuple[int, Yen]:
    """Write the lines of a CSV that `Lines.write` made, of this net; return how many were new, and their net.

    Raises LineChanged if a line came before with other amounts.
    """
    await tx.execute(f"SET LOCAL statement_timeout = '{COPY_SECONDS_MAX}s'")  # A year's lines on a busy machine.
    try:
        async with tx.session.savepoint():
            return await tx.session.copy_in(_COPY.format(table="settlement_lines"), _read(source)), net
    except IntegrityError:  # Some line is known.
        return await _add_what_is_new(tx, source)


async def _add_what_is_new(tx: Transaction, source: Path) -> tuple[int, Yen]:
    await tx.execute("CREATE TEMPORARY TABLE staged (LIKE settlement_lines) ON COMMIT DROP")
    await tx.session.copy_in(_COPY.format(table="staged"), _read(source))
    before, now = (", ".join(f"{table}.{name}" for name in _AMOUNTS) for table in ("kept", "staged"))
    found = await tx.execute(
        "SELECT staged.record, coalesce(nullif(staged.key, ''), staged.reference) AS line FROM staged "
        f"JOIN settlement_lines AS kept USING (id) WHERE ({before}) IS DISTINCT FROM ({now}) ORDER BY 1 LIMIT 1"
    )
    changed = found.first()
    if changed is not None:
        raise LineChanged(row=changed.record, line=changed.line)
    added = await tx.execute(
        "WITH added AS (INSERT INTO settlement_lines SELECT * FROM staged ON CONFLICT (id) DO NOTHING "
        "RETURNING net, kind) SELECT count(*) AS number, "
        "coalesce(sum(net) FILTER (WHERE kind <> 'payout'), 0)::bigint AS net FROM added"
    )
    row = added.one()
    return row.number, Yen(row.net)


def _bank_rows(file_id: UUID, statements: Iterable[BankStatement]) -> Iterator[tuple[Any, ...]]:
    """Yield rows as _BANK_COLUMNS names them; lines that are named alike are told apart by their place in the file."""
    seen: Counter[str] = Counter()
    for statement in statements:
        account, basis = statement.account.key, statement.basis
        for line in statement.lines:
            said = (
                line.reference,
                line.kind,
                line.payer,
                line.payer_code,
                line.bank,
                line.branch,
                line.summary,
                line.edi,
            )
            named = "\x1f".join(
                (
                    basis,
                    account,
                    str(line.booked_on),
                    str(line.value_on),
                    str(line.amount.amount),
                    str(line.cancelled),
                    *said,
                )
            )
            seen[named] += 1
            line_id = uuid5(BANK_LINES, f"{named}\x1f{seen[named]}")
            yield (
                *(line_id, file_id, line.record, basis, account, line.booked_on, line.value_on, line.amount.amount),
                *said,
                line.cancelled,
            )


async def add_bank_lines(tx: Transaction, file_id: UUID, statements: Sequence[BankStatement]) -> tuple[int, Yen]:
    """Write the lines of a bank's file; return how many were new, and by how much they change the balances."""
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(_bank_rows(file_id, statements))

    async def once() -> AsyncIterator[bytes]:
        yield out.getvalue().encode()

    await tx.execute("CREATE TEMPORARY TABLE staged (LIKE bank_lines) ON COMMIT DROP")
    await tx.session.copy_in(f"COPY staged ({', '.join(_BANK_COLUMNS)}) FROM STDIN (FORMAT csv)", once())
    added = await tx.execute(
        "WITH added AS (INSERT INTO bank_lines SELECT * FROM staged ON CONFLICT (id) DO NOTHING RETURNING amount) "
        "SELECT count(*) AS number, coalesce(sum(amount), 0)::bigint AS amount FROM added"
    )
    row = added.one()
    return row.number, Yen(row.amount)


async def add_balances(tx: Transaction, file_id: UUID, statements: Iterable[BankStatement]) -> None:
    """Write what a bank says that its accounts held."""
    for each in statements:
        if each.opening is not None and each.closing is not None:
            await tx.execute(
                "INSERT INTO bank_balances (file_id, account, holder, first_day, last_day, opening, closing) "
                "VALUES (:file_id, :account, :holder, :first, :last, :opening, :closing)",
                file_id=file_id,
                account=each.account.key,
                holder=each.account.holder,
                first=each.first,
                last=each.last,
                opening=each.opening.amount,
                closing=each.closing.amount,
            )


async def balance_before(tx: Transaction, account: str, day: date) -> tuple[date, Yen] | None:
    """Return the last balance that a statement before a day ended with, and that statement's last day."""
    found = await tx.execute(
        "SELECT last_day, closing FROM bank_balances WHERE account = :account AND last_day < :day "
        "ORDER BY last_day DESC, first_day DESC LIMIT 1",
        account=account,
        day=day,
    )
    row = found.first()
    return None if row is None else (row.last_day, Yen(row.closing))


async def balance_after(tx: Transaction, account: str, day: date) -> tuple[date, Yen] | None:
    """Return the first balance that a statement after a day began with, and that statement's first day."""
    found = await tx.execute(
        "SELECT first_day, opening FROM bank_balances WHERE account = :account AND first_day > :day "
        "ORDER BY first_day, last_day LIMIT 1",
        account=account,
        day=day,
    )
    row = found.first()
    return None if row is None else (row.first_day, Yen(row.opening))


async def backend(tx: Transaction) -> int:
    """Return which of PostgreSQL's processes works for this transaction."""
    return int((await tx.execute("SELECT pg_backend_pid()")).scalar_one())


async def copied(tx: Transaction, backend: int) -> int | None:
    """Return how many bytes a process of PostgreSQL has copied of what it copies now; None: it copies nothing."""
    found = await tx.execute("SELECT bytes_processed FROM pg_stat_progress_copy WHERE pid = :pid", pid=backend)
    row = found.first()
    return None if row is None else int(row.bytes_processed)


async def is_matched(tx: Transaction, file_id: UUID) -> bool:
    """Tell whether matching has seen a file."""
    found = await tx.execute("SELECT EXISTS (SELECT FROM matched_files WHERE file_id = :id)", id=file_id)
    return bool(found.scalar_one())
