"""Which attempt a refund, a dispute or a provider's payment is of, read from their own tables."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from kernel.rows import Transaction


async def attempts_of_refunds(tx: Transaction, refunds: Collection[UUID]) -> dict[str, UUID]:
    """Return the attempts of refunds, by the refund's id as text."""
    rows = await tx.execute("SELECT id, attempt_id FROM refunds WHERE id = ANY(:ids)", ids=list(refunds))
    return {str(row.id): row.attempt_id for row in rows}


async def attempts_of_disputes(tx: Transaction, provider: str, disputes: Collection[str]) -> dict[str, UUID]:
    """Return the attempts of disputes, by what the provider calls them."""
    rows = await tx.execute(
        "SELECT provider_id, attempt_id FROM disputes WHERE provider = :provider AND provider_id = ANY(:ids)",
        provider=provider,
        ids=list(disputes),
    )
    return {row.provider_id: row.attempt_id for row in rows}


async def attempts_of_payments(tx: Transaction, methods: Collection[str], payments: Collection[str]) -> dict[str, UUID]:
    """Return the attempts that a provider's ids of payments are of, where it is by these that we know them."""
    rows = await tx.execute(
        "SELECT provider_id, id FROM attempts WHERE method = ANY(:methods) AND provider_id = ANY(:ids)",
        methods=list(methods),
        ids=list(payments),
    )
    return {row.provider_id: row.id for row in rows}
