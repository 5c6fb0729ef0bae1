"""Rows of facilities: revisions of documents, authorities, and what of a slot is taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from kernel.rows import Transaction

CHANNEL = "momiji_facilities"


async def current_documents(tx: Transaction) -> list[tuple[int, Mapping[str, Any]]]:
    """Return (revision, document) of every facility as it is now, by its number."""
    found = await tx.execute(
        "SELECT DISTINCT ON (code) revision, document FROM facility_revisions ORDER BY code, revision DESC"
    )
    return sorted(((row.revision, row.document) for row in found), key=lambda each: int(each[1]["number"]))


async def authorities(tx: Transaction) -> list[tuple[str, str, str]]:
    """Return (code, Japanese name, English name) of every authority."""
    found = await tx.execute("SELECT code, name_ja, name_en FROM authorities ORDER BY code")
    return [(row.code, row.name_ja, row.name_en) for row in found]


async def put_authority(tx: Transaction, *, code: str, name_ja: str, name_en: str) -> None:
    """Write an authority's names."""
    await tx.execute(
        "INSERT INTO authorities (code, name_ja, name_en) VALUES (:code, :ja, :en) "
        "ON CONFLICT (code) DO UPDATE SET name_ja = excluded.name_ja, name_en = excluded.name_en",
        code=code,
        ja=name_ja,
        en=name_en,
    )


async def number_holder(tx: Transaction, number: int) -> str | None:
    """Return the facility that a number was ever given to."""
    found = await tx.execute("SELECT code FROM facility_revisions WHERE number = :number LIMIT 1", number=number)
    return found.scalar_one_or_none()


async def revisions(tx: Transaction, code: str) -> list[Mapping[str, Any]]:
    """Return every document that a facility ever had, the oldest first."""
    found = await tx.execute("SELECT document FROM facility_revisions WHERE code = :code ORDER BY revision", code=code)
    return [row.document for row in found]


async def add_revision(
    tx: Transaction, *, code: str, revision: int, number: int, authority: str, document: str, at: datetime, by: str
) -> None:
    """Add a facility's next revision and wake whoever holds the book in memory."""
    await tx.execute(
        "INSERT INTO facility_revisions (code, revision, number, authority, document, revised_at, revised_by) "
        "VALUES (:code, :revision, :number, :authority, CAST(:document AS jsonb), :at, :by)",
        code=code,
        revision=revision,
        number=number,
        authority=authority,
        document=document,
        at=at,
        by=by,
    )
    await tx.wake(CHANNEL)


async def set_capacity(
    tx: Transaction, *, facility: str, pool: str, starts_at: time, capacity: int, from_day: date
) -> None:
    """Give future slots a new capacity, never below what is taken."""
    await tx.execute(
        "UPDATE slots SET capacity = greatest(:capacity, taken) WHERE facility = :facility AND pool = :pool "
        "AND starts_at = :starts_at AND visit_date >= :from_day AND capacity <> greatest(:capacity, taken)",
        facility=facility,
        pool=pool,
        starts_at=starts_at,
        capacity=capacity,
        from_day=from_day,
    )


async def taken_between(
    tx: Transaction, facility: str, first: date, last: date
) -> dict[tuple[date, str, time], tuple[int, int]]:
    """Return (taken, capacity) by day, pool and start for the slots that exist."""
    found = await tx.execute(
        "SELECT visit_date, pool, starts_at, taken, capacity FROM slots "
        "WHERE facility = :facility AND visit_date BETWEEN :first AND :last",
        facility=facility,
        first=first,
        last=last,
    )
    return {(row.visit_date, row.pool, row.starts_at): (row.taken, row.capacity) for row in found}
