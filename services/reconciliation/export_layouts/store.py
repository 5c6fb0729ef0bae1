"""Rows of layouts: each version once."""

from __future__ import annotations

import json

from kernel.rows import Transaction
from reconciliation.export_layouts.model import LAYOUTS, Layout, UnknownLayout, Version


async def versions(tx: Transaction, name: str) -> list[Version]:
    """Return all versions of a layout, the newest first, down to what stands in the code; raise UnknownLayout."""
    if name not in LAYOUTS:
        raise UnknownLayout(name=name[:64], known=", ".join(LAYOUTS))
    rows = await tx.execute("SELECT * FROM export_layouts WHERE name = :name ORDER BY version DESC", name=name)
    made = [
        Version(row.name, row.version, Layout.model_validate_json(json.dumps(row.layout)), row.made_by, row.made_at)
        for row in rows
    ]
    return [*made, Version(name, 0, LAYOUTS[name], "momiji", None)]


async def lock(tx: Transaction, name: str) -> None:
    """Let nobody else write a version of the same layout meanwhile."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(:name, 29))", name=name)


async def add(tx: Transaction, made: Version) -> None:
    """Write a version; one that is there already fails."""
    await tx.execute(
        "INSERT INTO export_layouts (name, version, layout, made_by, made_at) "
        "VALUES (:name, :version, CAST(:layout AS jsonb), :by, :at)",
        name=made.name,
        version=made.version,
        layout=made.layout.model_dump_json(),
        by=made.made_by,
        at=made.made_at,
    )
