"""Whose statements claims must be on, and by how many days they may be late there: from the contracts, pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from reconciliation.matching.model import EVENT_DAYS_LATE_MAX, Carrier
from reconciliation.provider_contracts.model import STAND_IN, Contract, Terms

ONE_DAY = timedelta(days=1)


def days_late(terms: Mapping[str, Terms], days: Iterable[tuple[str, date]]) -> list[tuple[str, date, int]]:
    """Return, for each provider and day, by how many days its lines may be later than our booking."""
    return [
        (provider, day, terms[provider].on(day).definition.days_late if provider in terms else STAND_IN.days_late)
        for provider, day in days
    ]


def carriers(
    terms: Iterable[Terms], before: Mapping[str, date], now: Mapping[str, date], *, anew: bool = False
) -> list[Carrier]:
    """Return which claims to look for where the statements of providers reach from one day (`before`) to another.

    What came into their reach, and what may have come late since; `anew`: everything.
    """
    found: list[Carrier] = []
    for each in terms:
        until = now.get(each.provider)
        if until is None:
            continue
        known = None if anew else before.get(each.provider)
        first = date.min if known is None else known - timedelta(days=EVENT_DAYS_LATE_MAX)
        for contract, begin, end in _versions(each, first, until):
            said = contract.definition
            found += [
                Carrier(method, facility, each.provider, begin, end, said.days_late)
                for method in said.methods
                for facility in (said.facilities or (None,))
            ]
    return found


def _versions(terms: Terms, first: date, last: date) -> Iterator[tuple[Contract, date, date]]:
    """Yield which version counts from which day to which."""
    begins = [first, *(day for day in sorted({each.since for each in terms.versions}) if first < day <= last)]
    for begin, following in zip(begins, [*begins[1:], last + ONE_DAY], strict=True):
        yield terms.on(begin), begin, following - ONE_DAY
