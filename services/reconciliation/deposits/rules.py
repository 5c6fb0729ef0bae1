"""The rules by which a transfer is accepted without a person: exact, and only what can be nothing else. Pure.

A transfer is a payout, or a payout less those below zero that its contract carried over to it, or what a group of
contracts pays out on one day, if its amount is exactly theirs, its day is within theirs, it came to their account, and
its sender's plain name is one of theirs. It is accepted if nothing else explains it and nothing else explains any of
them; a late one only when the bank's statements reach beyond the days on which another could have come.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from kernel.money import ZERO, Yen, total
from reconciliation.deposits.model import TOGETHER_MAX, Accepted, Came, Due, Rule, id_of, in_time, is_over, may_arrive


@dataclass(frozen=True, slots=True)
class Packet:
    """Payouts that may come in one transfer: those that arrive on a day, and what was carried over to them."""

    arriving: tuple[Due, ...]
    carried: tuple[Due, ...] = ()

    @property
    def payouts(self) -> tuple[Due, ...]:
        """All of them."""
        return (*self.carried, *self.arriving)

    @property
    def rule(self) -> Rule:
        """The rule by which a transfer is this."""
        if len(self.arriving) > 1:
            return "one_transfer_of_a_group"
        return "one_transfer_less_carried" if self.carried else "one_transfer_one_payout"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A transfer and the payouts that it could be by the rules."""

    line: Came
    packet: Packet

    @property
    def id(self) -> UUID:
        """What names it."""
        return id_of([self.line.id], [each.id for each in self.packet.payouts])


def packets(dues: Iterable[Due]) -> list[Packet]:
    """Return what may come in one transfer by the contracts."""
    carried = _carried(dues)
    alone = [Packet((each,)) for each in dues]
    after = [Packet((due,), carried[due.id]) for due in dues if due.id in carried]
    groups = [Packet(each) for each in _groups(dues)]
    both = [
        Packet(each.arriving, tuple(part for due in each.arriving for part in carried.get(due.id, ())))
        for each in groups
    ]
    return [*alone, *after, *groups, *(each for each in both if each.carried)]


def explanations(
    lines: Sequence[Came], dues: Sequence[Due], refused: Collection[UUID] = frozenset()
) -> list[Explanation]:
    """Return every explanation by the rules, but those that a person refused."""
    by_amount: dict[Yen, list[Came]] = defaultdict(list)
    for line in lines:
        by_amount[line.amount].append(line)
    found = [each for packet in packets(dues) for each in _fitting(by_amount, packet)]
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
        for part in (each.line.id, *(due.id for due in each.packet.payouts)):
            of[part] += 1
    return [
        Accepted(each.line, each.packet.payouts, each.packet.rule)
        for each in found
        if of[each.line.id] == 1
        and all(of[due.id] == 1 for due in each.packet.payouts)
        and all(in_time(due, each.line) or is_over(due, each.line, reach) for due in each.packet.arriving)
    ]


def _carried(dues: Iterable[Due]) -> dict[UUID, tuple[Due, ...]]:
    """Return, by payout, those before it that its contract carried over to it: sums of nothing or less until there."""
    waiting: dict[tuple[str, str], tuple[list[Due], Yen]] = {}
    found: dict[UUID, tuple[Due, ...]] = {}
    for due in sorted(dues, key=lambda each: (each.arrives_on, each.id)):
        before, so_far = waiting.pop((due.provider, due.contract), ([], ZERO))
        if so_far + due.net <= ZERO:
            before.append(due)
            waiting[due.provider, due.contract] = (before, so_far + due.net)
        elif before and len(before) < TOGETHER_MAX:
            found[due.id] = tuple(before)
    return found


def _groups(dues: Iterable[Due]) -> Iterator[tuple[Due, ...]]:
    """Yield what the contracts of one group pay out on one day, where that is more than one payout."""
    found: dict[tuple[str, date], list[Due]] = defaultdict(list)
    for due in dues:
        if due.group:
            found[due.group, due.arrives_on].append(due)
    for together in found.values():
        if len({due.contract for due in together}) > 1:
            yield tuple(sorted(together, key=lambda due: due.id))


def _fitting(by_amount: Mapping[Yen, Sequence[Came]], packet: Packet) -> Iterator[Explanation]:
    names = frozenset().union(*(due.names for due in packet.payouts))
    for line in by_amount.get(total(due.net for due in packet.payouts), ()):
        ours = all(due.account in ("", line.account) for due in packet.carried)
        if ours and line.name and line.name in names and all(may_arrive(due, line) for due in packet.arriving):
            yield Explanation(line, packet)
