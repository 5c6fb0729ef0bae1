"""Finding the formats: every package beside this module that holds a FORMAT."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from reconciliation import exports
from reconciliation.exports.model import Format, UnknownFormat


@cache
def formats() -> dict[str, Format]:
    """Return the formats by name."""
    found: dict[str, Format] = {}
    for module in pkgutil.iter_modules(exports.__path__):
        if module.ispkg:
            each = importlib.import_module(f"{exports.__name__}.{module.name}").FORMAT
            if each.name != module.name:
                raise RuntimeError(f"The folder {module.name} holds the format {each.name}; name both alike.")
            found[each.name] = each
    return found


def format_named(name: str) -> Format:
    """Return a format; raise UnknownFormat otherwise."""
    try:
        return formats()[name]
    except KeyError:
        raise UnknownFormat(format=name, known=", ".join(sorted(formats()))) from None
