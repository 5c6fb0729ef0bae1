"""What the work list draws, worked out before any template: a bar for each kind, in parts by age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kernel.money import Yen
from reconciliation.discrepancies.listing import Tallies
from reconciliation.discrepancies.wording import AGES

BAR_UNITS: Final = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """One age's part of a bar, in thousandths of the longest bar."""

    age: int
    x: int
    width: int
    items: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One kind: how many, over how much, and its parts by age."""

    kind: str
    items: int
    size: Yen
    parts: tuple[Part, ...]


def by_kind(tallies: Tallies) -> list[Bar]:
    """Return a bar for each kind, the most frequent first."""
    kinds = {each.kind for each in tallies.each}
    sums = {kind: sum(each.items for each in tallies.each if each.kind == kind) for kind in kinds}
    longest = max(sums.values(), default=0)
    bars = []
    for kind, items in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])):
        parts, before = [], 0
        mine = [each for each in tallies.each if each.kind == kind]
        for each in sorted(mine, key=lambda one: one.age):
            x = before * BAR_UNITS // longest
            before += each.items
            parts.append(Part(each.age, x, max(2, before * BAR_UNITS // longest - x), each.items))
        bars.append(Bar(kind, items, Yen(sum(each.size.amount for each in mine)), tuple(parts)))
    return bars


def ages(tallies: Tallies) -> list[tuple[str, int]]:
    """Return how many there are of each age."""
    return [(name, sum(each.items for each in tallies.each if each.age == age)) for age, name in enumerate(AGES)]
