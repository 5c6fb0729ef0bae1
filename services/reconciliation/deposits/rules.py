"""The rules by which a transfer is accepted without a person: exact, and only what can be nothing else. Pure.

A transfer is a payout, or the payouts that a group of contracts pays out on one day, if its amount is exactly theirs,
its day is within theirs, it came to their account, and its sender's plain name is one of theirs. It is accepted if
nothing else explains it and nothing else explains any of them; a late one only when the bank's statements reach
beyond the days on which another could have come.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from kernel.money import Yen, total
from reconciliation.deposits.model import Accepted, Came, Due, id_of, in_time, is_over, may_arrive


@dataclass(frozen=True, slots=True)
class Explanation:
    """A transfer and the payouts that it could be by the rules."""

    line: Came
    payouts: tuple[Due, ...]

    @property
    def id(self) -> UUID:
        """What names it."""
        return id_of([self.line.id], [each.id for each in self.payouts])


def explanations(
    lines: Sequence[Came], dues: Sequence[Due], refused: Collection[UUID] = frozenset()
) -> list[Explanation]:
    """Return every explanation by the rules, but those that a person refused."""
    by_amount: dict[Yen, list[Came]] = defaultdict(list)
    for line in lines:
        by_amount[line.amount].append(line)
    alone: list[tuple[Due, ...]] = [(each,) for each in dues]
    found = [each for payouts in (*alone, *_groups(dues)) for each in _fitting(by_amount, payouts)]
    return [each for each in found if each.id not in refused]


def accepted(
    lines: Sequence[Came],
    dues: Sequence[Due],
    *,
    refused: Collection[UUID] = frozenset(),
    reach: Mapping[str, date],
) -> list[Accepted]:
    """Return what is accepted: explanations that are unique both ways, as far as the bank's statements `reach`."""
    found = explanations(lines, dues, refused)
    of: dict[UUID, int] = defaultdict(int)
    for each in found:
        for part in (each.line.id, *(due.id for due in each.payouts)):
            of[part] += 1
    return [
        Accepted(
            each.line,
            each.payouts,
            "one_transfer_one_payout" if len(each.payouts) == 1 else "one_transfer_of_a_group",
        )
        for each in found
        if of[each.line.id] == 1
        and all(of[due.id] == 1 for due in each.payouts)
        and all(in_time(due, each.line) or is_over(due, each.line, reach) for due in each.payouts)
    ]


def _groups(dues: Iterable[Due]) -> Iterator[tuple[Due, ...]]:
    """Yield what the contracts of one group pay out on one day, where that is more than one payout."""
    found: dict[tuple[str, date], list[Due]] = defaultdict(list)
    for due in dues:
        if due.group:
            found[due.group, due.arrives_on].append(due)
    for together in found.values():
        if len({due.contract for due in together}) > 1:
            yield tuple(sorted(together, key=lambda due: due.id))


def _fitting(by_amount: Mapping[Yen, Sequence[Came]], payouts: tuple[Due, ...]) -> Iterator[Explanation]:
    names = frozenset().union(*(due.names for due in payouts))
    for line in by_amount.get(total(due.net for due in payouts), ()):
        if line.name and line.name in names and all(may_arrive(due, line) for due in payouts):
            yield Explanation(line, payouts)
