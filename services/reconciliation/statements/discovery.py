"""Finding the formats: every package beside this module that holds a FORMAT."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from reconciliation import statements
from reconciliation.statements import tables
from reconciliation.statements.model import (
    BankFormat,
    Format,
    SettlementFormat,
    StatementUnrecognised,
    UnknownStatementFormat,
)

BEGINNING_BYTES = 256


@cache
def formats() -> dict[str, Format]:
    """Return the formats by name."""
    found: dict[str, Format] = {}
    for module in pkgutil.iter_modules(statements.__path__):
        if module.ispkg:
            each = importlib.import_module(f"{statements.__name__}.{module.name}").FORMAT
            if each.name != module.name:
                raise RuntimeError(f"The folder {module.name} holds the format {each.name}; name both alike.")
            found[each.name] = each
    return found


def format_named(name: str) -> Format:
    """Return a format; raise UnknownStatementFormat otherwise."""
    try:
        return formats()[name]
    except KeyError:
        raise UnknownStatementFormat(format=name, known=", ".join(sorted(formats()))) from None


def format_of(file: Path) -> Format:
    """Return the format of ours that a file is of; raise StatementUnrecognised otherwise."""
    return format_among(formats().values(), file)


def format_among(known: Iterable[Format], file: Path) -> Format:
    """Return the format that a file is of, by its first bytes or its headings.

    Raises StatementUnrecognised if none or several could read it.
    """
    with file.open("rb") as opened:
        start = opened.read(BEGINNING_BYTES)
    found = [each for each in known if _could_be(each, file, start)]
    if len(found) != 1:
        raise StatementUnrecognised
    return found[0]


def _could_be(chosen: Format, file: Path, start: bytes) -> bool:
    match chosen:
        case BankFormat():
            return start.startswith(chosen.begins)
        case SettlementFormat():
            return tables.fits(file, chosen.columns)
