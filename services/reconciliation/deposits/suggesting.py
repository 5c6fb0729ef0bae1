"""Suggestions: what a person may want to put together, each with a score and its reasons. Pure and bounded.

A suggestion is nothing that a rule accepted. Its score adds up three answers: does the amount agree, the day, and the
name of the sender.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

from kernel.money import ZERO, Yen, total
from reconciliation.deposits.model import Came, Due, Reason, ReasonWord, Suggestion, may_arrive
from reconciliation.deposits.names import likeness
from reconciliation.deposits.rules import packets
from reconciliation.statements.bank_days import bank_days_between

EARLY_BANK_DAYS_MAX: Final = 5
LATE_BANK_DAYS_MAX: Final = 15
EARLY_DAYS_MAX: Final = 14  # calendar days that hold as many bank days, also over New Year and in May
LATE_DAYS_MAX: Final = 35

CANDIDATES_MAX: Final = 12  # of which sums are made
PARTS_MAX: Final = 6
STEPS_MAX: Final = 5_000
SUMS_MAX: Final = 3  # of one transfer, or of one payout
OF_ONE_MAX: Final = 5  # suggestions of one transfer, and of one payout
SUGGESTIONS_MAX: Final = 2_000
SCORE_MIN: Final = 45

SIMILAR_PERCENT: Final = 60
NEAR_PERCENT: Final = 5
PERCENT: Final = 100
DAY_POINTS: Final = 20
POINTS_OF_A_DAY: Final = 3
NAME_POINTS: Final = 35
POINTS: Final[Mapping[ReasonWord, int]] = {
    "amount_same": 45,
    "amount_same_in_sum": 35,
    "amount_with_transfer_fee": 30,
    "amount_near": 15,
    "amount_differs": 0,
    "day_in_time": DAY_POINTS,
    "name_same": NAME_POINTS,
    "name_missing": 12,
    "name_differs": 0,
    "not_unique": -15,
}


@dataclass(frozen=True, slots=True)
class _Put:
    """Transfers and payouts put together; on one side there is one.

    `arriving`: by whose days it is judged; none: by those of all payouts.
    """

    lines: tuple[Came, ...]
    payouts: tuple[Due, ...]
    arriving: tuple[Due, ...] = ()

    @property
    def difference(self) -> Yen:
        return total(each.amount for each in self.lines) - total(each.net for each in self.payouts)

    @property
    def ids(self) -> tuple[UUID, ...]:
        return (*(each.id for each in self.lines), *(each.id for each in self.payouts))


def suggestions(
    lines: Sequence[Came], dues: Sequence[Due], *, refused: Collection[UUID] = frozenset()
) -> list[Suggestion]:
    """Return what may belong together, the likeliest first; nothing that a person refused.

    `lines` and `dues` are what no rule explained.
    """
    near = _Nearness(lines, dues)
    judged = [(each, reasons) for each in _put_together(near, lines, dues) if (reasons := _reasons(each))]
    exact = Counter(part for each, _ in judged if each.difference == ZERO for part in each.ids)
    made = [
        _suggestion(each, reasons if all(exact[part] <= 1 for part in each.ids) else (*reasons, Reason("not_unique")))
        for each, reasons in judged
    ]
    return _best(each for each in made if each.score >= SCORE_MIN and each.id not in refused)


class _Nearness:
    """Which transfers and payouts are near enough in time, and of one account."""

    def __init__(self, lines: Sequence[Came], dues: Sequence[Due]) -> None:
        self._lines = sorted(lines, key=lambda each: (each.day, each.id))
        self._dues = sorted(dues, key=lambda each: (each.arrives_on, each.id))
        self._line_days = [each.day for each in self._lines]
        self._due_days = [each.arrives_on for each in self._dues]

    def lines_of(self, due: Due) -> list[Came]:
        """Return the transfers that a payout may be."""
        begin = bisect_left(self._line_days, due.arrives_on - timedelta(days=EARLY_DAYS_MAX))
        end = bisect_right(self._line_days, due.arrives_on + timedelta(days=LATE_DAYS_MAX))
        return [each for each in self._lines[begin:end] if due.account in ("", each.account)]

    def dues_of(self, line: Came) -> list[Due]:
        """Return the payouts that may be in a transfer."""
        begin = bisect_left(self._due_days, line.day - timedelta(days=LATE_DAYS_MAX))
        end = bisect_right(self._due_days, line.day + timedelta(days=EARLY_DAYS_MAX))
        return [each for each in self._dues[begin:end] if each.account in ("", line.account)]


def _put_together(near: _Nearness, lines: Iterable[Came], dues: Sequence[Due]) -> Iterator[_Put]:
    """Yield one with one, one transfer with several payouts, and several transfers with one payout; each once."""
    named = set()
    for packet in packets(dues):
        if len(packet.payouts) > 1:
            for line in near.lines_of(packet.arriving[0]):
                named.add((line.id, frozenset(each.id for each in packet.payouts)))
                yield _Put((line,), packet.payouts, packet.arriving)
    for due in dues:
        found = near.lines_of(due)
        yield from (_Put((line,), (due,)) for line in found)
        nearest = sorted(
            (each for each in found if _like(each, due)), key=lambda each: (abs(each.day - due.arrives_on), each.id)
        )
        yield from (_Put(some, (due,)) for some in _sums([(each, each.amount) for each in nearest], due.net))
    for line in lines:
        fitting = [each for each in near.dues_of(line) if _like(line, each)]
        groups = {each.group for each in fitting if each.group}
        more = [each for each in near.dues_of(line) if each.group in groups and each not in fitting]
        parts = sorted([*fitting, *more], key=lambda each: (abs(each.arrives_on - line.day), each.id))
        for some in _sums([(each, each.net) for each in parts], line.amount):
            if (line.id, frozenset(each.id for each in some)) not in named:
                yield _Put((line,), some)


Part = TypeVar("Part")


def _sums(parts: Sequence[tuple[Part, Yen]], wanted: Yen) -> Iterator[tuple[Part, ...]]:
    """Yield which of the first parts, two or more of them, add up to an amount; few of them, in few steps."""
    some = parts[:CANDIDATES_MAX]
    found, steps = 0, 0
    waiting: list[tuple[int, tuple[int, ...], Yen]] = [(0, (), ZERO)]
    while waiting and steps < STEPS_MAX and found < SUMS_MAX:
        steps += 1
        place, chosen, so_far = waiting.pop()
        if len(chosen) > 1 and so_far == wanted:
            found += 1
            yield tuple(some[each][0] for each in chosen)
        if len(chosen) < PARTS_MAX:
            waiting += [
                (number + 1, (*chosen, number), so_far + some[number][1])
                for number in range(len(some) - 1, place - 1, -1)
            ]


def _like(line: Came, due: Due) -> bool:
    """Tell whether a name does not speak against it."""
    return not line.name or not due.names or _likeness(line, due.names) >= SIMILAR_PERCENT


def _likeness(line: Came, names: Iterable[str]) -> int:
    return max((likeness(line.name, each) for each in names), default=0)


def _reasons(put: _Put) -> tuple[Reason, ...]:
    """Return the reasons for and against; none if there is no reason to think of it at all."""
    amount, name = _amount(put), _name(put)
    # A strange amount is worth a thought only where something was kept back, and name and day are clear.
    strange = amount.word == "amount_differs"
    if strange and (name.word != "name_same" or amount.number > 0):
        return ()
    day = _day(put)
    if day is None or (strange and day.word != "day_in_time"):
        return ()
    return amount, day, name


def _amount(put: _Put) -> Reason:
    """Return what the amounts say."""
    apart = put.difference.amount
    if not apart:
        parts = max(len(put.lines), len(put.payouts))
        return Reason("amount_same") if parts == 1 else Reason("amount_same_in_sum", parts)
    if any(abs(apart) in due.fees for due in put.payouts):
        return Reason("amount_with_transfer_fee", apart)
    whole = total(due.net for due in put.payouts).amount
    near = abs(apart) * PERCENT <= abs(whole) * NEAR_PERCENT
    return Reason("amount_near" if near else "amount_differs", apart)


def _day(put: _Put) -> Reason | None:
    """Return what the days say, of the pair that is furthest apart; None if it is too far."""
    dues = put.arriving or put.payouts
    late = max(bank_days_between(due.missed_after, line.day) for line in put.lines for due in dues)
    early = max(bank_days_between(line.day, due.arrives_on) for line in put.lines for due in dues)
    if late > LATE_BANK_DAYS_MAX or early > EARLY_BANK_DAYS_MAX:
        return None
    if all(may_arrive(due, line) for line in put.lines for due in dues):
        return Reason("day_in_time")
    return Reason("days_late", late) if late > 0 else Reason("days_early", max(early, 0))


def _name(put: _Put) -> Reason:
    """Return what the names say, of the transfer that fits least."""
    names = frozenset().union(*(due.names for due in put.payouts))
    if not names or any(not line.name for line in put.lines):
        return Reason("name_missing")
    alike = min(_likeness(line, names) for line in put.lines)
    if alike == PERCENT:
        return Reason("name_same")
    return Reason("name_similar", alike) if alike >= SIMILAR_PERCENT else Reason("name_differs")


def _points(reason: Reason) -> int:
    if reason.word in ("days_late", "days_early"):
        return max(DAY_POINTS - POINTS_OF_A_DAY * reason.number, 0)
    if reason.word == "name_similar":
        return NAME_POINTS * reason.number // PERCENT - POINTS_OF_A_DAY
    return POINTS[reason.word]


def _suggestion(put: _Put, reasons: tuple[Reason, ...]) -> Suggestion:
    return Suggestion(
        bank_lines=tuple(sorted(each.id for each in put.lines)),
        payouts=tuple(sorted(each.id for each in put.payouts)),
        provider=min(each.provider for each in put.payouts),
        day=min(each.day for each in put.lines),
        amount=total(each.amount for each in put.lines),
        difference=put.difference,
        score=min(max(sum(map(_points, reasons)), 0), PERCENT),
        reasons=reasons,
    )


def _best(made: Iterable[Suggestion]) -> list[Suggestion]:
    """Return the likeliest, a few of each transfer and each payout."""
    kept: list[Suggestion] = []
    of: Counter[UUID] = Counter()
    for each in sorted(made, key=lambda each: (-each.score, each.day, each.id)):
        parts = (*each.bank_lines, *each.payouts)
        if len(kept) < SUGGESTIONS_MAX and all(of[part] < OF_ONE_MAX for part in parts):
            kept.append(each)
            of.update(parts)
    return kept
