"""Making the next version of a layout."""

from __future__ import annotations

from datetime import datetime

from kernel.rows import Transaction
from reconciliation.export_layouts import store
from reconciliation.export_layouts.model import Layout, Version


async def define(tx: Transaction, name: str, layout: Layout, *, by: str, at: datetime) -> tuple[Version, bool]:
    """Make a version; return it and whether it is new: the same again changes nothing. Raises UnknownLayout."""
    await store.lock(tx, name)
    newest = (await store.versions(tx, name))[0]
    if newest.layout == layout:
        return newest, False
    made = Version(name, newest.version + 1, layout, by, at)
    await store.add(tx, made)
    return made, True
