"""Rows of disputes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from payments.disputes.model import Dispute


async def save(tx: Transaction, dispute: Dispute) -> None:
    """Write a dispute as it is now; call it with its charge locked."""
    await tx.execute(
        "INSERT INTO disputes (id, provider, provider_id, charge_id, attempt_id, amount, reason, status, opened_at, "
        "due_at, answered_at, closed_at) VALUES (:id, :provider, :provider_id, :charge_id, :attempt_id, :amount, "
        ":reason, :status, :opened_at, :due_at, :answered_at, :closed_at) ON CONFLICT (id) DO UPDATE "
        "SET status = excluded.status, due_at = excluded.due_at, answered_at = excluded.answered_at, "
        "closed_at = excluded.closed_at",
        id=dispute.id,
        provider=dispute.provider,
        provider_id=dispute.provider_id,
        charge_id=dispute.charge_id,
        attempt_id=dispute.attempt_id,
        amount=dispute.amount.amount,
        reason=dispute.reason[:100],
        status=dispute.status,
        opened_at=dispute.opened_at,
        due_at=dispute.due_at,
        answered_at=dispute.answered_at,
        closed_at=dispute.closed_at,
    )


async def find(tx: Transaction, dispute_id: UUID) -> Dispute | None:
    """Return a dispute; lock its charge first to change it."""
    row = (await tx.execute("SELECT * FROM disputes WHERE id = :id", id=dispute_id)).one_or_none()
    return None if row is None else to_dispute(row)


async def find_named(tx: Transaction, provider: str, provider_id: str) -> Dispute | None:
    """Return the dispute that a provider calls so; lock its charge first to change it."""
    rows = await tx.execute(
        "SELECT * FROM disputes WHERE provider = :provider AND provider_id = :provider_id",
        provider=provider,
        provider_id=provider_id,
    )
    row = rows.one_or_none()
    return None if row is None else to_dispute(row)


async def of_charge(tx: Transaction, charge_id: UUID) -> list[Dispute]:
    """Return a charge's disputes, oldest first."""
    rows = await tx.execute("SELECT * FROM disputes WHERE charge_id = :id ORDER BY opened_at, id", id=charge_id)
    return [to_dispute(row) for row in rows]


async def keeps_money(tx: Transaction, attempt_id: UUID) -> bool:
    """Tell whether a bank holds an attempt's money, or has it for good; call it with the charge locked."""
    rows = await tx.execute(
        "SELECT EXISTS (SELECT FROM disputes WHERE attempt_id = :id AND status <> 'won') AS found", id=attempt_id
    )
    return bool(rows.scalar_one())


async def listed(
    tx: Transaction, facilities: list[str] | None, *, before: UUID | None, limit: int
) -> list[tuple[Dispute, str]]:
    """Return (dispute, what was paid for), newest first (their ids sort by time)."""
    rows = await tx.execute(
        "SELECT d.*, c.description FROM disputes d JOIN charges c ON c.id = d.charge_id "
        "WHERE (CAST(:facilities AS text[]) IS NULL OR c.facility = ANY(:facilities)) "
        "AND (CAST(:before AS uuid) IS NULL OR d.id < :before) ORDER BY d.id DESC LIMIT :limit",
        facilities=facilities,
        before=before,
        limit=limit,
    )
    return [(to_dispute(row), row.description) for row in rows]


def to_dispute(row: Any) -> Dispute:
    """Parse a row."""
    return Dispute(
        id=row.id,
        provider=row.provider,
        provider_id=row.provider_id,
        charge_id=row.charge_id,
        attempt_id=row.attempt_id,
        amount=Yen(row.amount),
        reason=row.reason,
        status=row.status,
        opened_at=row.opened_at,
        due_at=row.due_at,
        answered_at=row.answered_at,
        closed_at=row.closed_at,
    )
