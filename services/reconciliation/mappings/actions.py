"""Making a version of a mapping, keeping what it is tried on, and finding the format that a name means."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from kernel.rows import Transaction
from reconciliation.mappings import store
from reconciliation.mappings.model import (
    Definition,
    Example,
    ExampleTooLarge,
    Mapping,
    MappingNameTaken,
    UnknownExample,
)
from reconciliation.statements import discovery, tables
from reconciliation.statements.model import Format, NoFileChosen, UnknownStatementFormat

EXAMPLE_BYTES_MAX: Final = 2_000_000
EXAMPLE_KEPT: Final = timedelta(days=30)


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


async def keep_example(
    tx: Transaction, file: Path, file_name: str, *, example_id: UUID, by: str, at: datetime
) -> Example:
    """Keep the beginning of a file to try mappings on, for a month. Raises ExampleTooLarge and NoFileChosen."""
    with file.open("rb") as source:
        body = source.read(EXAMPLE_BYTES_MAX + 1)
    if not body:
        raise NoFileChosen
    cut = len(body) > EXAMPLE_BYTES_MAX
    if cut and tables.is_workbook(body):
        raise ExampleTooLarge(bytes_max=EXAMPLE_BYTES_MAX)
    if cut:
        body = body[: body.rindex(b"\n", 0, EXAMPLE_BYTES_MAX) + 1] if b"\n" in body else body[:EXAMPLE_BYTES_MAX]
    example = Example(example_id, file_name, body, cut, by, at)
    await store.add_example(tx, example, forget_before=at - EXAMPLE_KEPT)
    return example


async def example_of(tx: Transaction, example_id: UUID) -> Example:
    """Return an example; raise UnknownExample otherwise."""
    found = await store.find_example(tx, example_id)
    if found is None:
        raise UnknownExample
    return found
