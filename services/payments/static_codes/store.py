"""Rows of the codes that lie on counters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.rows import Transaction
from payments.static_codes.model import StaticCode

KNOWN_MAX = 20


async def add(tx: Transaction, code: StaticCode) -> bool:
    """Insert a code; tell whether no code in use has the same text."""
    found = await tx.execute(
        "INSERT INTO static_codes "
        "(id, facility, counter, name_ja, name_en, text, number, registered_at, registered_by) "
        "VALUES (:id, :facility, :counter, :name_ja, :name_en, :text, :number, :registered_at, :registered_by) "
        "ON CONFLICT (text) WHERE retired_at IS NULL DO NOTHING RETURNING id",
        **{name: value for name, value in asdict(code).items() if not name.startswith(("checked", "retired"))},
    )
    return found.one_or_none() is not None


async def find(tx: Transaction, code_id: UUID, *, lock: bool = False) -> StaticCode | None:
    """Return a code; `lock`: and hold it."""
    found = await tx.execute(f"SELECT * FROM static_codes WHERE id = :id{' FOR UPDATE' if lock else ''}", id=code_id)
    row = found.one_or_none()
    return None if row is None else _to_code(row)


async def listed(
    tx: Transaction, *, facilities: Sequence[str] | None, retired: bool = False, limit: int
) -> list[StaticCode]:
    """Return the codes of facilities (None: of all) in use, or the retired ones, by facility and counter."""
    rows = await tx.execute(
        f"SELECT * FROM static_codes WHERE retired_at IS {'NOT' if retired else ''} NULL "
        "AND (CAST(:facilities AS text[]) IS NULL OR facility = ANY(:facilities)) "
        "ORDER BY facility, counter, id LIMIT :limit",
        facilities=None if facilities is None else list(facilities),
        limit=limit,
    )
    return [_to_code(row) for row in rows]


async def count(tx: Transaction) -> int:
    """Return how many codes there are, retired ones too."""
    return int((await tx.execute("SELECT count(*) AS number FROM static_codes")).one().number)


async def known(tx: Transaction, *, text: str, number: str) -> list[StaticCode]:
    """Return the codes with the same text or the same number of JPQR: those in use first, the newest first."""
    rows = await tx.execute(
        "SELECT * FROM static_codes WHERE text = :text OR (number = :number AND :number <> '') "
        "ORDER BY text = :text DESC, retired_at IS NOT NULL, id DESC LIMIT :limit",
        text=text,
        number=number,
        limit=KNOWN_MAX,
    )
    return [_to_code(row) for row in rows]


async def checked(tx: Transaction, code_id: UUID, *, actor: str, at: datetime) -> None:
    """Write down that a code was scanned at its counter and found right."""
    await tx.execute(
        "UPDATE static_codes SET checked_at = :at, checked_by = :actor WHERE id = :id", id=code_id, actor=actor, at=at
    )


async def retire(tx: Transaction, code: StaticCode) -> None:
    """Write down that a code is not used any more."""
    await tx.execute(
        "UPDATE static_codes SET retired_at = :at, retired_by = :actor WHERE id = :id",
        id=code.id,
        actor=code.retired_by,
        at=code.retired_at,
    )


def _to_code(row: Any) -> StaticCode:
    return StaticCode(
        id=row.id,
        facility=row.facility,
        counter=row.counter,
        name_ja=row.name_ja,
        name_en=row.name_en,
        text=row.text,
        number=row.number,
        registered_at=row.registered_at,
        registered_by=row.registered_by,
        checked_at=row.checked_at,
        checked_by=row.checked_by,
        retired_at=row.retired_at,
        retired_by=row.retired_by,
    )
