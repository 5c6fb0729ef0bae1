"""Rows of cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kernel.money import Yen
from kernel.rows import Transaction
from payments.cases.model import Case, Kind


async def add(tx: Transaction, case: Case) -> None:
    """Insert a case; call it with its charge locked."""
    await tx.session.execute(
        text(
            "INSERT INTO cases (id, charge_id, attempt_id, kind, amount, state, opened_at, refund_id) "
            "VALUES (:id, :charge_id, :attempt_id, :kind, :amount, :state, :opened_at, :refund_id)"
        ),
        {
            "id": case.id,
            "charge_id": case.charge_id,
            "attempt_id": case.attempt_id,
            "kind": case.kind,
            "amount": case.amount.amount,
            "state": case.state,
            "opened_at": case.opened_at,
            "refund_id": case.refund_id,
        },
    )


async def save(tx: Transaction, case: Case) -> None:
    """Write a case's new state."""
    await tx.session.execute(
        text(
            "UPDATE cases SET state = :state, refund_id = :refund_id, closed_at = :closed_at, "
            "resolution = :resolution, words = :words WHERE id = :id"
        ),
        {
            "id": case.id,
            "state": case.state,
            "refund_id": case.refund_id,
            "closed_at": case.closed_at,
            "resolution": case.resolution,
            "words": case.words,
        },
    )


async def find(tx: Transaction, case_id: UUID) -> Case | None:
    """Return a case; lock its charge first to change it."""
    return await _one(tx, "SELECT * FROM cases WHERE id = :key", case_id)


async def of_refund(tx: Transaction, refund_id: UUID) -> Case | None:
    """Return the case that a refund is to end."""
    return await _one(tx, "SELECT * FROM cases WHERE refund_id = :key", refund_id)


async def of_charge(tx: Transaction, charge_id: UUID) -> list[Case]:
    """Return the cases of a charge, oldest first."""
    rows = await tx.session.execute(
        text("SELECT * FROM cases WHERE charge_id = :id ORDER BY opened_at, id"), {"id": charge_id}
    )
    return [to_case(row) for row in rows]


async def unsettled(
    tx: Transaction, *, kinds: Sequence[Kind] | None = None, after: UUID | None = None, limit: int
) -> list[Case]:
    """Return cases that are not closed, of some kinds if given, oldest first (their ids sort by time)."""
    rows = await tx.session.execute(
        text(
            "SELECT * FROM cases WHERE state <> 'closed' AND (CAST(:kinds AS text[]) IS NULL OR kind = ANY(:kinds)) "
            "AND (CAST(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :limit"
        ),
        {"kinds": None if kinds is None else list(kinds), "after": after, "limit": limit},
    )
    return [to_case(row) for row in rows]


async def listed(
    tx: Transaction,
    *,
    closed: bool = False,
    kinds: Sequence[Kind] | None = None,
    facilities: Sequence[str] | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[tuple[Case, str, str]]:
    """Return (case, its charge's reference, its description): oldest first, or closed ones newest first."""
    rows = await tx.execute(
        "SELECT k.*, c.reference, c.description FROM cases k JOIN charges c ON c.id = k.charge_id "
        f"WHERE k.state {'=' if closed else '<>'} 'closed' "
        "AND (CAST(:kinds AS text[]) IS NULL OR k.kind = ANY(:kinds)) "
        "AND (CAST(:facilities AS text[]) IS NULL OR c.facility = ANY(:facilities)) "
        f"AND (CAST(:after AS uuid) IS NULL OR k.id {'<' if closed else '>'} :after) "
        f"ORDER BY k.id {'DESC' if closed else ''} LIMIT :limit",
        kinds=None if kinds is None else list(kinds),
        facilities=facilities,
        after=after,
        limit=limit,
    )
    return [(to_case(row), row.reference, row.description) for row in rows]


async def counts(tx: Transaction, facilities: Sequence[str] | None = None) -> list[tuple[Kind, int, Yen, datetime]]:
    """Return for each kind how many cases are not closed, their money, and since when the oldest waits.

    `facilities`: whose; None: all.
    """
    rows = await tx.execute(
        "SELECT k.kind, count(*) AS number, sum(k.amount)::bigint AS amount, min(k.opened_at) AS oldest "
        "FROM cases k JOIN charges c ON c.id = k.charge_id WHERE k.state <> 'closed' "
        "AND (CAST(:facilities AS text[]) IS NULL OR c.facility = ANY(:facilities)) GROUP BY k.kind ORDER BY k.kind",
        facilities=facilities,
    )
    return [(row.kind, row.number, Yen(row.amount), row.oldest) for row in rows]


async def _one(tx: Transaction, sql: str, key: UUID) -> Case | None:
    found = await tx.session.execute(text(sql), {"key": key})
    row = found.one_or_none()
    return None if row is None else to_case(row)


def to_case(row: Any) -> Case:
    """Parse a row."""
    return Case(
        id=row.id,
        charge_id=row.charge_id,
        attempt_id=row.attempt_id,
        kind=row.kind,
        amount=Yen(row.amount),
        state=row.state,
        opened_at=row.opened_at,
        refund_id=row.refund_id,
        closed_at=row.closed_at,
        resolution=row.resolution,
        words=row.words,
    )
