"""Finding the reports: every package beside this module holds a REPORT."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from reconciliation import reports as folder
from reconciliation.reports.model import Report, UnknownReport


@cache
def reports() -> dict[str, Report]:
    """Return the reports by name, in the order of their list."""
    found: list[Report] = []
    for module in pkgutil.iter_modules(folder.__path__):
        if module.ispkg:
            each = importlib.import_module(f"{folder.__name__}.{module.name}").REPORT
            if each.name != module.name:
                raise RuntimeError(f"The folder {module.name} holds the report {each.name}; name both alike.")
            found.append(each)
    return {each.name: each for each in sorted(found, key=lambda each: (each.place, each.name))}


def report_named(name: str) -> Report:
    """Return a report; raise UnknownReport otherwise."""
    try:
        return reports()[name]
    except KeyError:
        raise UnknownReport(report=name[:64], known=", ".join(reports())) from None
