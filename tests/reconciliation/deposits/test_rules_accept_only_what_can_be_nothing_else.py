"""A transfer is accepted by a rule only if nothing else explains it, and nothing else explains any of its payouts."""

from collections import Counter
from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings

from kernel.money import ZERO, total
from reconciliation.deposits.model import id_of
from reconciliation.deposits.rules import accepted
from reconciliation.provider_contracts.schedule import due_on
from support.depositing import ACCOUNT, FAR, MONDAY, came, due, worlds


def carried_over(dues):
    """Return (payouts below zero, the payout that they are carried over to), cut off contract by contract."""
    for contract in {each.contract for each in dues}:
        theirs = sorted(
            (each for each in dues if each.contract == contract), key=lambda each: (each.arrives_on, each.id)
        )
        begin = 0
        while begin < len(theirs):
            ends = [
                end for end in range(begin, len(theirs)) if total(each.net for each in theirs[begin : end + 1]) > ZERO
            ]
            if not ends:
                break
            if ends[0] > begin:
                yield tuple(theirs[begin : ends[0]]), theirs[ends[0]]
            begin = ends[0] + 1


def may_come_together(dues):
    """Return (payouts that arrive, payouts carried over to them), trying every set."""
    before = {due.id: carried for carried, due in carried_over(dues)}
    found = [((each,), ()) for each in dues] + [((each,), before[each.id]) for each in dues if each.id in before]
    for size in range(2, len(dues) + 1):
        for some in combinations(dues, size):
            groups = {(each.group, each.arrives_on) for each in some}
            if len(groups) != 1 or not some[0].group or len({each.contract for each in some}) == 1:
                continue
            if size == len([each for each in dues if (each.group, each.arrives_on) in groups]):
                carried = tuple(part for each in some for part in before.get(each.id, ()))
                found += [(some, ()), *([(some, carried)] if carried else [])]
    return found


def oracle(lines, dues, refused, reach):
    """Return the accepted pairs by trying every line with every set of payouts, without any cleverness."""
    explain = []
    for line in lines:
        for arriving, carried in may_come_together(dues):
            some = (*carried, *arriving)
            fits = (
                total(each.net for each in some) == line.amount
                and any(line.name == name for each in some for name in each.names)
                and all(each.account in ("", line.account) for each in some)
                and all(each.arrives_on <= line.day <= each.missed_after for each in arriving)
                and id_of([line.id], [each.id for each in some]) not in refused
            )
            if fits:
                explain.append((line, arriving, some))
    once = Counter(part for line, _, some in explain for part in (line.id, *(each.id for each in some)))
    return {
        (line.id, frozenset(each.id for each in some))
        for line, arriving, some in explain
        if all(once[part] == 1 for part in (line.id, *(each.id for each in some)))
        and all(
            line.day <= due_on(each.arrives_on) or reach.get(line.account, date.min) > each.missed_after
            for each in arriving
        )
    }


@settings(max_examples=600)
@given(worlds())
def test_the_rules_accept_what_a_plain_search_finds_to_be_unique(world):
    lines, dues, refused, reach = world
    found = accepted(lines, dues, refused=refused, reach=reach)
    assert {(each.line.id, frozenset(due.id for due in each.payouts)) for each in found} == oracle(
        lines, dues, refused, reach
    )
    parts = Counter(part for each in found for part in (each.line.id, *(due.id for due in each.payouts)))
    assert set(parts.values()) <= {1}
    for each in found:
        assert each.line.amount - total(due.net for due in each.payouts) == ZERO


def pairs(lines, dues, *, refused=frozenset(), reach=FAR):
    found = accepted(lines, dues, refused=refused, reach=reach)
    return sorted((each.line.id.int - 1000, *(due.id.int for due in each.payouts), each.rule) for each in found)


ONE, GROUP, LESS = "one_transfer_one_payout", "one_transfer_of_a_group", "one_transfer_less_carried"
WEEK = timedelta(days=7)
A_LINE, A_DUE = came(1, 100), due(1, 100)
MERGED = [due(1, 100, group="g"), due(2, 200, contract="other", group="g")]
EXAMPLES = {
    "the same": ([A_LINE], [A_DUE], [(1, 1, ONE)]),
    "two payouts of one amount": ([A_LINE], [A_DUE, due(2, 100)], []),
    "two transfers of one amount": ([A_LINE, came(2, 100)], [A_DUE], []),
    "another amount": ([came(1, 101)], [A_DUE], []),
    "before its day": ([came(1, 100, MONDAY - timedelta(days=3))], [A_DUE], []),
    "after its days": ([came(1, 100, MONDAY + timedelta(days=3))], [A_DUE], []),
    "within its days": ([came(1, 100, MONDAY + timedelta(days=2))], [A_DUE], [(1, 1, ONE)]),
    "another's name": ([came(1, 100, name="ペイペイ")], [A_DUE], []),
    "no name": ([came(1, 100, name="")], [A_DUE], []),
    "a contract that names nobody": ([A_LINE], [due(1, 100, names=frozenset())], []),
    "another account": ([came(1, 100, account="b")], [due(1, 100, account=ACCOUNT)], []),
    "two contracts in one transfer": ([came(1, 300)], MERGED, [(1, 1, 2, GROUP)]),
    "two contracts in two transfers": ([A_LINE, came(2, 200)], MERGED, [(1, 1, ONE), (2, 2, ONE)]),
    "together or one of them": ([came(1, 300)], [*MERGED, due(3, 300)], []),
    "contracts of no group": ([came(1, 300)], [due(1, 100), due(2, 200, contract="other")], []),
    "what is below zero is carried over": (
        [came(1, 200, MONDAY + WEEK + timedelta(days=1))], [due(1, -100), due(2, 300, MONDAY + WEEK)],
        [(1, 1, 2, LESS)],
    ),
    "carried over or not": (
        [came(1, 200)], [due(1, -100, MONDAY - WEEK), due(2, 300), due(3, 200)], [],
    ),
    "another contract's is not carried over": (
        [came(1, 200)], [due(1, -100, MONDAY - WEEK, contract="other"), due(2, 300)], [],
    ),
    "carried over within a group": (
        [came(1, 250)], [due(3, -50, MONDAY - WEEK, group="g"), *MERGED], [(1, 3, 1, 2, GROUP)],
    ),
    "a due day on which banks rest": (
        [came(1, 100, date(2026, 11, 24))], [due(1, 100, date(2026, 11, 21))], [(1, 1, ONE)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_case_by_an_example(name):
    lines, dues, expected = EXAMPLES[name]
    assert pairs(lines, dues) == expected


def test_what_a_person_refused_is_not_accepted_and_does_not_stand_in_the_way():
    refused = {id_of([A_LINE.id], [A_DUE.id])}
    assert pairs([A_LINE], [A_DUE], refused=refused) == []
    assert pairs([A_LINE], [A_DUE, due(2, 100)], refused=refused) == [(1, 2, ONE)]


@pytest.mark.parametrize(("until", "expected"), [(2, []), (3, [(1, 1, ONE)])])
def test_a_late_transfer_waits_until_no_other_can_come_any_more(until, expected):
    late = came(1, 100, MONDAY + timedelta(days=1))
    assert pairs([late], [A_DUE], reach={ACCOUNT: MONDAY + timedelta(days=until)}) == expected
    assert pairs([A_LINE], [A_DUE], reach={}) == [(1, 1, ONE)]
