"""Rows of column mappings: each version once."""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.rows import Transaction
from reconciliation.mappings.model import Definition, Example, Mapping


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


async def files_read(tx: Transaction) -> dict[str, int]:
    """Return how many files were read by each version of a mapping, as files name it (`komoju@2`)."""
    rows = await tx.execute(
        "SELECT format, count(*) AS number FROM statement_files WHERE position('@' IN format) > 0 GROUP BY format"
    )
    return {row.format: row.number for row in rows}


async def add_example(tx: Transaction, example: Example, *, forget_before: datetime) -> None:
    """Keep an example, and delete those that nobody can still be working on."""
    await tx.execute("DELETE FROM mapping_examples WHERE made_at < :before", before=forget_before)
    await tx.execute(
        "INSERT INTO mapping_examples (id, file_name, body, cut, made_by, made_at) "
        "VALUES (:id, :file_name, :body, :cut, :by, :at)",
        id=example.id,
        file_name=example.file_name,
        body=zlib.compress(example.body),
        cut=example.cut,
        by=example.made_by,
        at=example.made_at,
    )


async def find_example(tx: Transaction, example_id: UUID) -> Example | None:
    """Return an example."""
    found = await tx.execute("SELECT * FROM mapping_examples WHERE id = :id", id=example_id)
    row = found.one_or_none()
    if row is None:
        return None
    return Example(row.id, row.file_name, zlib.decompress(row.body), row.cut, row.made_by, row.made_at)
