"""Making a version of a mapping, and finding the format that a name means."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from kernel.rows import Transaction
from reconciliation.mappings import store
from reconciliation.mappings.model import Definition, Mapping, MappingNameTaken
from reconciliation.statements import discovery
from reconciliation.statements.model import Format, UnknownStatementFormat


async def define(
    tx: Transaction, name: str, title: str, definition: Definition, *, by: str, at: datetime
) -> tuple[Mapping, bool]:
    """Make the next version of a mapping; return it and whether it is new: the same again changes nothing.

    Raises MappingNameTaken.
    """
    if name in discovery.formats():
        raise MappingNameTaken(name=name)
    await store.lock(tx, name)
    known = await store.versions(tx, name)
    if known and (known[0].title, known[0].definition) == (title, definition):
        return known[0], False
    made = Mapping(name, len(known) + 1, title, definition, by, at)
    await store.add(tx, made)
    return made, True


async def formats(tx: Transaction) -> dict[str, Format]:
    """Return every format by the name under which files are sent: Momiji's own, and those of mappings."""
    return {**discovery.formats(), **{each.name: each.format for each in await store.newest(tx)}}


async def format_named(tx: Transaction, name: str) -> Format:
    """Return a format; raise UnknownStatementFormat otherwise."""
    known = await formats(tx)
    if name not in known:
        raise UnknownStatementFormat(format=name, known=", ".join(sorted(known)))
    return known[name]


async def format_of(tx: Transaction, file: Path) -> Format:
    """Return the format that a file is of; raise StatementUnrecognised if none or several could read it."""
    return discovery.format_among((await formats(tx)).values(), file)
