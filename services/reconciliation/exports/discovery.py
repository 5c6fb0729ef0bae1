"""Finding the formats: those of every report, and every package beside this module holds one of its own."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from reconciliation import exports as folder
from reconciliation.exports.model import Format, UnknownFormat
from reconciliation.exports.writers import formats_of
from reconciliation.reports.discovery import reports


@cache
def formats() -> dict[str, Format[Any]]:
    """Return the formats by name: those of reports first, in the order of their list."""
    found: dict[str, Format[Any]] = {}
    for report in reports().values():
        found |= {each.name: each for each in formats_of(report)}
    for module in pkgutil.iter_modules(folder.__path__):
        if module.ispkg:
            each = importlib.import_module(f"{folder.__name__}.{module.name}").FORMAT
            if each.name != module.name:
                raise RuntimeError(f"The folder {module.name} holds the format {each.name}; name both alike.")
            if each.name in found:
                raise RuntimeError(f"There are two formats {each.name}; rename the folder.")
            found[each.name] = each
    return found


def format_named(name: str) -> Format[Any]:
    """Return a format; raise UnknownFormat otherwise."""
    try:
        return formats()[name]
    except KeyError:
        raise UnknownFormat(format=name[:64], known=", ".join(sorted(formats()))) from None


def title_of(name: str, tag: str) -> str:
    """Return what a format is called in a language; one that is gone goes by its name."""
    found = formats().get(name)
    return name if found is None else f"{found.title.of(tag)} {found.writing}"
