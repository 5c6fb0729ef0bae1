"""What no rule accepts is suggested, with a score and the reasons for it, and always within bounds."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from kernel.money import Yen
from reconciliation.deposits import suggesting
from reconciliation.deposits.model import Reason
from reconciliation.deposits.suggesting import suggestions
from support.depositing import MONDAY, PAYPAY, came, due, worlds

NOBODY = frozenset()
TIME, NAME = Reason("day_in_time"), Reason("name_same")
LATER = MONDAY + timedelta(days=8)  # behind a holiday
FEES = {"fees": (220, 410)}


def with_fees(number, net, **said):
    made = due(number, net, **said)
    return type(made)(**{name: getattr(made, name) for name in made.__slots__} | FEES)


EXAMPLES = {
    "two transfers of one amount": (
        [came(1, 100), came(2, 100)], [due(1, 100)], 85, [Reason("amount_same"), TIME, NAME, Reason("not_unique")],
    ),
    "no name": ([came(1, 100, name="")], [due(1, 100)], 77, [Reason("amount_same"), TIME, Reason("name_missing")]),
    "a contract that names nobody": (
        [came(1, 100)], [due(1, 100, names=NOBODY)], 77, [Reason("amount_same"), TIME, Reason("name_missing")],
    ),
    "a cut name": (
        [came(1, 100, name="ストライプジヤパン")], [due(1, 100)], 93,
        [Reason("amount_same"), TIME, Reason("name_similar", 90)],
    ),
    "another's name": (
        [came(1, 100, name="ベツノカイシヤ")], [due(1, 100)], 65, [Reason("amount_same"), TIME, Reason("name_differs")],
    ),
    "too late": ([came(1, 100, LATER)], [due(1, 100)], 91, [Reason("amount_same"), Reason("days_late", 3), NAME]),
    "too early": (
        [came(1, 100, MONDAY - timedelta(days=3))], [due(1, 100)], 97,
        [Reason("amount_same"), Reason("days_early", 1), NAME],
    ),
    "less a transfer fee": (
        [came(1, 9_780)], [with_fees(1, 10_000)], 85, [Reason("amount_with_transfer_fee", -220), TIME, NAME],
    ),
    "more by a transfer fee": (
        [came(1, 10_220)], [with_fees(1, 10_000)], 85, [Reason("amount_with_transfer_fee", 220), TIME, NAME],
    ),
    "nearly": ([came(1, 9_700)], [due(1, 10_000)], 70, [Reason("amount_near", -300), TIME, NAME]),
    "less, by a clear name on the very day": (
        [came(1, 6_000)], [due(1, 10_000)], 55, [Reason("amount_differs", -4_000), TIME, NAME],
    ),
    "several payouts in one transfer": (
        [came(1, 600)], [due(1, 100), due(2, 200), due(3, 300)], 90, [Reason("amount_same_in_sum", 3), TIME, NAME],
    ),
    "a payout less one that the provider claims back": (
        [came(1, 700)], [due(1, 1_000), due(2, -300)], 90, [Reason("amount_same_in_sum", 2), TIME, NAME],
    ),
    "a group's transfer less its cost": (
        [came(1, 299)], [due(1, 100, group="g"), due(2, 200, contract="other", group="g")], 70,
        [Reason("amount_near", -1), TIME, NAME],
    ),
    "one payout in several transfers": (
        [came(1, 100), came(2, 200)], [due(1, 300)], 90, [Reason("amount_same_in_sum", 2), TIME, NAME],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_reason_by_an_example(name):
    lines, dues, score, reasons = EXAMPLES[name]
    best = suggestions(lines, dues)[0]
    assert (best.score, list(best.reasons)) == (score, reasons)


NOTHING = {
    "far too late": ([came(1, 100, MONDAY + timedelta(days=40))], [due(1, 100)]),
    "far too early": ([came(1, 100, MONDAY - timedelta(days=14))], [due(1, 100)]),
    "another account": ([came(1, 100, account="b")], [due(1, 100, account="c")]),
    "more by far": ([came(1, 20_000)], [due(1, 10_000)]),
    "another amount and name": ([came(1, 9_700, name="ベツノカイシヤ")], [due(1, 10_000)]),
    "a sum of others' names": ([came(1, 300)], [due(1, 100, names=PAYPAY), due(2, 200, names=PAYPAY)]),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_speaks_against_it_is_not_suggested(name):
    assert suggestions(*NOTHING[name]) == []


@settings(max_examples=300)
@given(worlds())
def test_suggestions_are_what_they_say_and_never_what_was_refused(world):
    lines, dues, refused, _ = world
    made = suggestions(lines, dues, refused=refused)
    assert made == suggestions(list(reversed(lines)), list(reversed(dues)), refused=refused)
    assert [each.score for each in made] == sorted((each.score for each in made), reverse=True)
    assert not refused & {each.id for each in made}
    assert len({each.id for each in made}) == len(made)
    amount, net = {each.id: each.amount for each in lines}, {each.id: each.net for each in dues}
    for each in made:
        assert each.amount == sum((amount[line] for line in each.bank_lines), Yen(0))
        assert each.difference == each.amount - sum((net[payout] for payout in each.payouts), Yen(0))
        assert min(len(each.bank_lines), len(each.payouts)) == 1
        assert suggesting.SCORE_MIN <= each.score <= 100
        word = "amount_same" if len(each.bank_lines) == len(each.payouts) else "amount_same_in_sum"
        assert (each.difference == Yen(0)) == (each.reasons[0].word == word)
    of = Counter(part for each in made for part in (*each.bank_lines, *each.payouts))
    assert all(number <= suggesting.OF_ONE_MAX for number in of.values())


def test_sums_are_looked_for_in_few_steps_however_much_is_open(monkeypatch):
    steps = Counter()

    class Counted(Yen):
        def __add__(self, other):
            steps["add"] += 1
            return Counted(self.amount + other.amount)

    monkeypatch.setattr(suggesting, "ZERO", Counted(0))
    parts = [(number, Yen(2**number)) for number in range(40)]
    assert list(suggesting._sums(parts, Yen(2**39 + 1))) == []
    assert steps["add"] <= suggesting.STEPS_MAX * suggesting.CANDIDATES_MAX


def test_a_year_of_open_payouts_and_strangers_transfers_stays_bounded():
    first = date(2026, 1, 5)
    dues = [due(number, 100_000 + number, first + timedelta(days=number)) for number in range(300)]
    lines = [
        came(number, 500 + number % 50, first + timedelta(days=number % 300), name=f"カンケイナイ{number % 7}")
        for number in range(3_000)
    ]
    assert suggestions(lines, dues) == []
