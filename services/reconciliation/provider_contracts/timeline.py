"""Which version of a contract counts from which day to which, and what each changed: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reconciliation.provider_contracts.model import Contract, Terms


@dataclass(frozen=True, slots=True)
class Span:
    """Days that one version counts for. `first` None: all before, too; `last` None: for good, as known today."""

    contract: Contract
    first: date | None
    last: date | None

    def holds(self, day: date) -> bool:
        """Tell whether a day is among them."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


def spans(terms: Terms) -> list[Span]:
    """Return what counts when, the earliest first; a version that counts for no day is in none of them."""
    begins = sorted({each.since for each in terms.versions})
    found: list[Span] = []
    for number, day in enumerate(begins):
        last = begins[number + 1] - timedelta(days=1) if number + 1 < len(begins) else None
        counting = terms.on(day)
        if found and found[-1].contract is counting:
            found[-1] = Span(counting, found[-1].first, last)
        else:
            found.append(Span(counting, day if found else None, last))
    return found


def with_version(terms: Terms | None, wanted: Contract) -> Terms:
    """Return the terms as they would be with one more version."""
    return Terms((wanted, *(terms.versions if terms else ())))


def changed_parts(before: Contract, after: Contract) -> list[str]:
    """Return the names of the parts of the definition that two versions say differently."""
    old, new = before.definition, after.definition
    return [name for name in type(new).model_fields if getattr(old, name) != getattr(new, name)]


@dataclass(frozen=True, slots=True)
class Bar:
    """One span as a part of a line of WIDTH units."""

    span: Span
    start: int
    width: int


WIDTH = 1_000
MARGIN_DAYS = 60  # before the first version and after the last, or today


def bars(found: Sequence[Span], today: date) -> tuple[list[Bar], int]:
    """Return each span's place on a line, and today's."""
    known = [today, *(each.contract.since for each in found)]
    first, last = min(known) - timedelta(days=MARGIN_DAYS), max(known) + timedelta(days=MARGIN_DAYS)
    whole = (last - first).days

    def at(day: date) -> int:
        return (day - first).days * WIDTH // whole

    drawn = []
    for each in found:
        start = at(each.first) if each.first else 0
        end = at(each.last + timedelta(days=1)) if each.last else WIDTH
        drawn.append(Bar(each, start, end - start))
    return drawn, at(today)
