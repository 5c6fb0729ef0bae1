"""Rows of contracts: each version once, none ever changed."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.provider_contracts.model import Contract, Definition, Terms, by_provider
from reconciliation.provider_contracts.remade import PayoutSeen


def _contract(row: Any) -> Contract:
    definition = Definition.model_validate_json(json.dumps(row.definition))
    return Contract(row.name, row.version, row.since, definition, row.made_by, row.made_at)


async def every(tx: Transaction) -> list[Contract]:
    """Return all versions of all contracts, by name, the newest first."""
    rows = await tx.execute("SELECT * FROM provider_contracts ORDER BY name, version DESC")
    return [_contract(row) for row in rows]


async def terms(tx: Transaction) -> dict[str, Terms]:
    """Return the terms of every provider that has a contract."""
    return by_provider(await every(tx))


async def versions(tx: Transaction, name: str) -> list[Contract]:
    """Return all versions of a contract, the newest first."""
    rows = await tx.execute("SELECT * FROM provider_contracts WHERE name = :name ORDER BY version DESC", name=name)
    return [_contract(row) for row in rows]


async def add(tx: Transaction, made: Contract) -> None:
    """Write a version; one that is there already fails."""
    await tx.execute(
        "INSERT INTO provider_contracts (name, version, provider, since, definition, made_by, made_at) "
        "VALUES (:name, :version, :provider, :since, CAST(:definition AS jsonb), :by, :at)",
        name=made.name,
        version=made.version,
        provider=made.provider,
        since=made.since,
        definition=made.definition.model_dump_json(),
        by=made.made_by,
        at=made.made_at,
    )


async def lock(tx: Transaction) -> None:
    """Let nobody else write a contract meanwhile: each must know of all others."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('provider contracts', 19))")


async def payouts_of(tx: Transaction, provider: str) -> dict[UUID, PayoutSeen]:
    """Return the payouts of a provider as they are now."""
    rows = await tx.execute(
        "SELECT p.id, p.key, p.arrives_on, p.missed_after, p.fee + p.tax + p.transfer_fee AS kept, p.net, EXISTS "
        "(SELECT FROM deposit_legs AS d WHERE d.payout_id = p.id AND d.stands) AS matched "
        "FROM payouts AS p WHERE p.provider = :provider",
        provider=provider,
    )
    return {
        row.id: PayoutSeen(
            row.id, row.key, row.arrives_on, row.missed_after, Yen(row.kept), Yen(row.net), matched=row.matched
        )
        for row in rows
    }


async def lines_in_payouts(tx: Transaction, provider: str) -> int:
    """Return how many lines the payouts of a provider are made of."""
    found = await tx.execute("SELECT coalesce(sum(lines), 0)::bigint FROM payouts WHERE provider = :p", p=provider)
    return int(found.scalar_one())


async def without_contract(tx: Transaction) -> list[str]:
    """Return the providers whose payouts no contract explains."""
    found = await tx.execute("SELECT DISTINCT provider FROM payouts WHERE contract = '' ORDER BY 1")
    return list(found.scalars())


async def accounts(tx: Transaction) -> list[str]:
    """Return the accounts that the bank's statements tell of."""
    return list((await tx.execute("SELECT DISTINCT account FROM bank_balances ORDER BY 1")).scalars())
