"""Rows of column mappings: each version once."""

from __future__ import annotations

import json
from typing import Any

from kernel.rows import Transaction
from reconciliation.mappings.model import Definition, Mapping


def _mapping(row: Any) -> Mapping:
    definition = Definition.model_validate_json(json.dumps(row.definition))
    return Mapping(row.name, row.version, row.title, definition, row.made_by, row.made_at)


async def newest(tx: Transaction) -> list[Mapping]:
    """Return the newest version of every mapping, by name."""
    rows = await tx.execute("SELECT DISTINCT ON (name) * FROM column_mappings ORDER BY name, version DESC")
    return [_mapping(row) for row in rows]


async def versions(tx: Transaction, name: str) -> list[Mapping]:
    """Return all versions of a mapping, the newest first."""
    rows = await tx.execute("SELECT * FROM column_mappings WHERE name = :name ORDER BY version DESC", name=name)
    return [_mapping(row) for row in rows]


async def add(tx: Transaction, made: Mapping) -> None:
    """Write a version; one that is there already fails."""
    await tx.execute(
        "INSERT INTO column_mappings (name, version, title, definition, made_by, made_at) "
        "VALUES (:name, :version, :title, CAST(:definition AS jsonb), :by, :at)",
        name=made.name,
        version=made.version,
        title=made.title,
        definition=made.definition.model_dump_json(),
        by=made.made_by,
        at=made.made_at,
    )


async def lock(tx: Transaction, name: str) -> None:
    """Let nobody else write a version of the same mapping meanwhile."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(:name, 17))", name=name)
