"""Finding the formats: every package beside this module that holds a FORMAT."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from reconciliation import statements
from reconciliation.statements.model import Format, UnknownStatementFormat


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
