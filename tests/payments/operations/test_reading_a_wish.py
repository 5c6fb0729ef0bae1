"""What staff type into the search, and the day's chart."""

from datetime import date
from uuid import uuid4

import pytest

from kernel.money import Yen
from payments.operations.model import AmountUnreadable, DayUnreadable, Slice, chart, wish


@pytest.mark.parametrize(
    ("typed", "name", "amount", "day"),
    [
        ("ABCD-1234", "ABCD-1234", None, None),
        ("1020", "1020", None, None),  # may be a number of an order
        ("1,020円", "", 1020, None),
        ("￥1,020", "", 1020, None),
        ("2026-11-24 1020", "", 1020, date(2026, 11, 24)),
        ("２０２６/１１/２４　１０２０", "", 1020, date(2026, 11, 24)),
        ("ABCD-1234 2026.11.24", "ABCD-1234", None, date(2026, 11, 24)),
        ("", "", None, None),
    ],
)
def test_words_are_told_apart(typed, name, amount, day):
    found = wish(typed)
    assert (found.name, found.amount, found.day) == (name, None if amount is None else Yen(amount), day)


def test_the_fields_of_their_own_count_first():
    found = wish("2026-11-24", amount="510", day="2026-11-23")
    assert (found.name, found.amount, found.day) == ("2026-11-24", Yen(510), date(2026, 11, 23))


def test_an_id_of_ours_is_known_as_one():
    mine = uuid4()
    assert wish(str(mine)).uuid == mine
    assert wish("ABCD").uuid is None


def test_a_day_that_does_not_exist_is_said():
    with pytest.raises(DayUnreadable):
        wish("", day="2026-02-30")


def test_what_is_no_amount_is_said():
    with pytest.raises(AmountUnreadable):
        wish("", amount="many")


def test_the_chart_stacks_methods_and_its_grid_holds_the_highest_bar():
    made = chart([Slice(9, "card", 3), Slice(9, "qr", 4), Slice(23, "qr", 1)], ["card", "qr"])
    nine = [each for each in made.blocks if each.hour == 9]
    assert [(each.method, each.count, each.colour) for each in nine] == [("card", 3, 0), ("qr", 4, 1)]
    assert nine[1].y + nine[1].height == pytest.approx(nine[0].y)
    assert made.ticks[-1][0] >= 7
    assert min(each.y for each in made.blocks) >= made.ticks[-1][1] - 1e-6


def test_a_day_without_payments_is_an_empty_chart():
    made = chart([], [])
    assert made.blocks == ()
    assert made.ticks[0] == (0, made.base)
