"""Rows of refunds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

from kernel.money import Yen
from kernel.rows import Transaction

RefundState = Literal["requested", "needs_bank_account", "sent", "settled", "failed"]
REFUND_CHANNEL = "momiji_refunds"


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of one attempt."""

    id: UUID
    charge_id: UUID
    attempt_id: UUID
    amount: Yen
    reason: str
    state: RefundState
    provider_id: str | None
    version: int
    requested_at: datetime
    polls: int


async def add(tx: Transaction, refund: Refund, *, next_poll_at: datetime | None) -> bool:
    """Insert a refund; tell whether it is new."""
    found = await tx.session.execute(
        text(
            "INSERT INTO refunds "
            "(id, charge_id, attempt_id, amount, reason, state, version, requested_at, next_poll_at) "
            "VALUES (:id, :charge_id, :attempt_id, :amount, :reason, :state, :version, :requested_at, :next) "
            "ON CONFLICT (id) DO NOTHING RETURNING id"
        ),
        {
            "id": refund.id,
            "charge_id": refund.charge_id,
            "attempt_id": refund.attempt_id,
            "amount": refund.amount.amount,
            "reason": refund.reason,
            "state": refund.state,
            "version": refund.version,
            "requested_at": refund.requested_at,
            "next": next_poll_at,
        },
    )
    await tx.wake(REFUND_CHANNEL)
    return found.one_or_none() is not None


async def save(
    tx: Transaction, refund: Refund, *, next_poll_at: datetime | None, finished_at: datetime | None, problem: str = ""
) -> None:
    """Write a refund's new state."""
    await tx.session.execute(
        text(
            "UPDATE refunds SET state = :state, provider_id = :provider_id, version = :version, polls = :polls, "
            "next_poll_at = :next, finished_at = :finished_at, problem = :problem WHERE id = :id"
        ),
        {
            "id": refund.id,
            "state": refund.state,
            "provider_id": refund.provider_id,
            "version": refund.version,
            "polls": refund.polls,
            "next": next_poll_at,
            "finished_at": finished_at,
            "problem": problem or None,
        },
    )


async def find(tx: Transaction, refund_id: UUID, *, lock: bool = False) -> Refund | None:
    """Return a refund."""
    found = await tx.session.execute(
        text(f"SELECT * FROM refunds WHERE id = :id{' FOR UPDATE' if lock else ''}"), {"id": refund_id}
    )
    row = found.one_or_none()
    return None if row is None else to_refund(row)


async def of_charge(tx: Transaction, charge_id: UUID) -> list[Refund]:
    """Return the refunds of a charge."""
    rows = await tx.session.execute(
        text("SELECT * FROM refunds WHERE charge_id = :id ORDER BY requested_at, id"), {"id": charge_id}
    )
    return [to_refund(row) for row in rows]


async def due(tx: Transaction, *, at: datetime, limit: int, lease_until: datetime) -> list[UUID]:
    """Lease and return refunds that are to be sent or asked about."""
    rows = await tx.session.execute(
        text(
            "UPDATE refunds SET next_poll_at = :lease WHERE id IN (SELECT id FROM refunds WHERE next_poll_at <= :at "
            "ORDER BY next_poll_at LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING id"
        ),
        {"at": at, "limit": limit, "lease": lease_until},
    )
    return [row.id for row in rows]


async def hasten(tx: Transaction, refund_id: UUID, *, at: datetime) -> None:
    """Ask about a refund at once."""
    await tx.session.execute(
        text("UPDATE refunds SET next_poll_at = :at WHERE id = :id AND state IN ('requested', 'sent')"),
        {"id": refund_id, "at": at},
    )
    await tx.wake(REFUND_CHANNEL)


async def hasten_of(tx: Transaction, charge_id: UUID, *, at: datetime) -> None:
    """Ask about all refunds of a charge that are under way, at once."""
    await tx.execute(
        "WITH hastened AS (UPDATE refunds SET next_poll_at = :at WHERE charge_id = :id "
        "AND state IN ('requested', 'sent') RETURNING 1) "
        f"SELECT pg_notify('{REFUND_CHANNEL}', '') FROM hastened LIMIT 1",
        id=charge_id,
        at=at,
    )


def to_refund(row: Any) -> Refund:
    """Parse a row."""
    return Refund(
        row.id,
        row.charge_id,
        row.attempt_id,
        Yen(row.amount),
        row.reason,
        row.state,
        row.provider_id,
        row.version,
        row.requested_at,
        row.polls,
    )
