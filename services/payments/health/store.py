"""Rows of breakers: what web and worker know together of a provider's health."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from kernel.rows import Transaction
from payments.health.model import Breaker, Operation


async def every(tx: Transaction) -> list[Breaker]:
    """Return all breakers, by method and operation."""
    rows = await tx.session.execute(text("SELECT * FROM breakers ORDER BY method, operation"))
    return [to_breaker(row) for row in rows]


async def locked(tx: Transaction, method: str, operation: Operation) -> tuple[Breaker, int]:
    """Return a breaker, made if it is new and locked for a change, and its version."""
    key = {"method": method, "operation": operation}
    await tx.session.execute(
        text("INSERT INTO breakers (method, operation) VALUES (:method, :operation) ON CONFLICT DO NOTHING"), key
    )
    found = await tx.session.execute(
        text("SELECT * FROM breakers WHERE method = :method AND operation = :operation FOR UPDATE"), key
    )
    row = found.one()
    return to_breaker(row), row.version


async def save(tx: Transaction, breaker: Breaker, *, version: int) -> None:
    """Write a breaker's new state."""
    await tx.session.execute(
        text(
            "UPDATE breakers SET state = :state, failures = :failures, pauses = :pauses, trouble = :trouble, "
            "until = :until, last_ok_at = :last_ok_at, last_trouble_at = :last_trouble_at, version = :version "
            "WHERE method = :method AND operation = :operation"
        ),
        {
            "method": breaker.method,
            "operation": breaker.operation,
            "state": breaker.state,
            "failures": breaker.failures,
            "pauses": breaker.pauses,
            "trouble": breaker.trouble,
            "until": breaker.until,
            "last_ok_at": breaker.last_ok_at,
            "last_trouble_at": breaker.last_trouble_at,
            "version": version,
        },
    )


def to_breaker(row: Any) -> Breaker:
    """Parse a row."""
    return Breaker(
        method=row.method,
        operation=row.operation,
        state=row.state,
        failures=row.failures,
        pauses=row.pauses,
        trouble=row.trouble,
        until=row.until,
        last_ok_at=row.last_ok_at,
        last_trouble_at=row.last_trouble_at,
    )
