"""The log of who fetched what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from kernel.rows import Transaction
from reconciliation.exports.model import Fetched

_VISIBLE = "(CAST(:facilities AS text[]) IS NULL OR facilities <@ CAST(:facilities AS text[]))"


def _fetched(row: Any) -> Fetched:
    return Fetched(
        position=row.position,
        at=row.at,
        by=row.fetched_by,
        format=row.format,
        first=row.first_day,
        last=row.last_day,
        facility=row.facility,
        facilities=None if row.facilities is None else tuple(row.facilities),
        sha256=row.sha256,
        bytes_count=row.bytes_count,
    )


async def log_export(
    tx: Transaction,
    *,
    by: str,
    format_name: str,
    first: date,
    last: date,
    facility: str,
    facilities: Sequence[str] | None,
    sha256: str,
    bytes_count: int,
    at: datetime,
) -> Fetched:
    """Write who fetched which file."""
    written = await tx.execute(
        "INSERT INTO export_log "
        "(at, fetched_by, format, first_day, last_day, facility, facilities, sha256, bytes_count) "
        "VALUES (:at, :by, :format, :first, :last, :facility, :facilities, :sha256, :bytes_count) RETURNING *",
        at=at,
        by=by,
        format=format_name,
        first=first,
        last=last,
        facility=facility,
        facilities=None if facilities is None else list(facilities),
        sha256=sha256,
        bytes_count=bytes_count,
    )
    return _fetched(written.one())


async def find(tx: Transaction, position: int, facilities: Sequence[str] | None) -> Fetched | None:
    """Return one export that somebody of these facilities (None: all) may see."""
    found = await tx.execute(
        f"SELECT * FROM export_log WHERE position = :position AND {_VISIBLE}",
        position=position,
        facilities=None if facilities is None else list(facilities),
    )
    row = found.one_or_none()
    return None if row is None else _fetched(row)


async def latest(tx: Transaction, facilities: Sequence[str] | None, *, before: int | None, limit: int) -> list[Fetched]:
    """Return exports that somebody of these facilities may see, the newest first, before a position."""
    rows = await tx.execute(
        f"SELECT * FROM export_log WHERE (CAST(:before AS bigint) IS NULL OR position < :before) AND {_VISIBLE} "
        "ORDER BY position DESC LIMIT :limit",
        before=before,
        facilities=None if facilities is None else list(facilities),
        limit=limit,
    )
    return [_fetched(row) for row in rows]


async def entries_since(
    tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date, at: datetime
) -> int:
    """Return how many entries of some days were written down after a moment."""
    found = await tx.execute(
        "SELECT count(*) FROM facts AS f JOIN entries AS e ON e.fact_id = f.event_id "
        "WHERE f.recorded_at > :at AND e.business_date BETWEEN :first AND :last "
        "AND (CAST(:facilities AS text[]) IS NULL OR e.facility = ANY(CAST(:facilities AS text[])))",
        at=at,
        first=first,
        last=last,
        facilities=None if facilities is None else list(facilities),
    )
    count: int = found.scalar_one()
    return count
