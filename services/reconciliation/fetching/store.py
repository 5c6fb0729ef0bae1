"""Which payouts were fetched already."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from kernel.rows import Transaction


async def known(tx: Transaction, provider: str, payouts: Collection[str]) -> set[str]:
    """Return which of some payouts were fetched."""
    rows = await tx.execute(
        "SELECT payout FROM fetched_payouts WHERE provider = :provider AND payout = ANY(:payouts)",
        provider=provider,
        payouts=list(payouts),
    )
    return {row.payout for row in rows}


async def last_fetched_at(tx: Transaction, provider: str) -> datetime | None:
    """Return when one was fetched last."""
    rows = await tx.execute(
        "SELECT max(fetched_at) AS at FROM fetched_payouts WHERE provider = :provider", provider=provider
    )
    at: datetime | None = rows.one().at
    return at


async def add(tx: Transaction, provider: str, payout: str, *, file_id: UUID, at: datetime) -> None:
    """Write down that a payout was fetched; once, whoever else fetched it at the same time."""
    await tx.execute(
        "INSERT INTO fetched_payouts (provider, payout, fetched_at, file_id) "
        "VALUES (:provider, :payout, :at, :file_id) ON CONFLICT DO NOTHING",
        provider=provider,
        payout=payout,
        at=at,
        file_id=file_id,
    )
