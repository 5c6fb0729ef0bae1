"""Rows of contracts: each version once, none ever changed."""

from __future__ import annotations

import json
from typing import Any

from kernel.rows import Transaction
from reconciliation.provider_contracts.model import Contract, Definition, Terms, by_provider


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
