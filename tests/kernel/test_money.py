"""Yen are exact and mix with nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import YEN_MAX, Yen, tax_within, total

amounts = st.integers(-(10**9), 10**9)


@pytest.mark.parametrize("wrong", [1.0, True, "510", None])
def test_yen_takes_nothing_but_a_whole_int(wrong):
    with pytest.raises(TypeError):
        Yen(wrong)


def test_yen_and_a_bare_number_do_not_add():
    with pytest.raises(TypeError):
        Yen(510) + 1  # type: ignore[operator]


def test_an_amount_beyond_any_budget_is_refused():
    with pytest.raises(ValueError, match="beyond"):
        Yen(YEN_MAX + 1)


@given(st.lists(amounts))
def test_a_total_is_exact(numbers):
    assert total(Yen(number) for number in numbers) == Yen(sum(numbers))


@given(st.integers(0, 10**9), st.sampled_from([0, 8, 10]))
def test_tax_is_the_contained_part_rounded_down_once(gross, rate):
    tax = tax_within(Yen(gross), rate).amount
    net = gross - tax
    assert tax <= net * rate / 100 < tax + 1 + rate / 100


@given(st.integers(0, 10**9), st.sampled_from([8, 10]))
def test_the_tax_of_a_refund_is_the_tax_of_the_sale_negated(gross, rate):
    assert tax_within(Yen(-gross), rate) == -tax_within(Yen(gross), rate)


@pytest.mark.parametrize(("gross", "tax"), [(510, 46), (1100, 100), (109, 9), (0, 0)])
def test_tax_at_ten_percent(gross, tax):
    assert tax_within(Yen(gross), 10) == Yen(tax)


def test_yen_read_as_people_write_them():
    assert (str(Yen(1234567)), str(Yen(-80))) == ("¥1,234,567", "-¥80")
