"""A contract says which days are paid out together, and on which bank day that arrives."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciliation.provider_contracts.model import Closing, Named, Periods
from reconciliation.provider_contracts.schedule import (
    arrival_of_named,
    due_on,
    period_of,
    period_paid_around,
)
from reconciliation.statements.bank_days import is_bank_day

MONTH_END = Periods(closings=(Closing(day=31, months_later=1, pays_on=31),))
TWICE = Periods(
    closings=(
        Closing(day=15, months_later=0, pays_on=31, moved="previous"),
        Closing(day=31, months_later=1, pays_on=15, moved="next"),
    )
)


def closings():
    one = st.builds(
        Closing,
        day=st.integers(1, 31),
        months_later=st.integers(1, 3),
        pays_on=st.integers(1, 31),
        moved=st.sampled_from(["next", "previous"]),
    )
    several = st.lists(one, min_size=1, max_size=3, unique_by=lambda each: each.day)
    return several.map(lambda made: Periods(closings=tuple(sorted(made, key=lambda each: each.day))))


DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


@pytest.mark.parametrize(
    ("periods", "day", "first", "last", "arrives_on"),
    [
        (MONTH_END, date(2026, 11, 5), date(2026, 11, 1), date(2026, 11, 30), date(2027, 1, 4)),  # 31 December rests
        (MONTH_END, date(2027, 1, 31), date(2027, 1, 1), date(2027, 1, 31), date(2027, 3, 1)),  # 28 February: a Sunday
        (MONTH_END, date(2028, 2, 29), date(2028, 2, 1), date(2028, 2, 29), date(2028, 3, 31)),
        (TWICE, date(2026, 11, 15), date(2026, 11, 1), date(2026, 11, 15), date(2026, 11, 30)),
        (TWICE, date(2026, 11, 16), date(2026, 11, 16), date(2026, 11, 30), date(2026, 12, 15)),
        (TWICE, date(2027, 1, 3), date(2027, 1, 1), date(2027, 1, 15), date(2027, 1, 29)),  # 31 January: a Sunday
    ],
)
def test_days_are_paid_out_by_the_contract_s_closings(periods, day, first, last, arrives_on):
    found = period_of(periods, day)
    assert (found.first, found.last, found.arrives_on) == (first, last, arrives_on)


@given(closings(), DAYS)
def test_periods_follow_each_other_without_a_gap_and_are_paid_on_bank_days(periods, day):
    found = period_of(periods, day)
    assert found.first <= day <= found.last
    assert {period_of(periods, each) for each in (found.first, found.last)} == {found}
    assert period_of(periods, found.last + timedelta(days=1)).first == found.last + timedelta(days=1)
    assert is_bank_day(found.arrives_on)
    assert found.key == found.last.isoformat()


@given(DAYS)
def test_a_transfer_is_about_the_period_that_arrives_on_its_day(day):
    period = period_of(MONTH_END, day)
    assert period_paid_around(MONTH_END, period.arrives_on) == period
    assert period_paid_around(MONTH_END, period.arrives_on + timedelta(days=2)) == period


def test_a_payout_whose_lines_do_not_say_when_it_arrives_comes_some_bank_days_later():
    assert arrival_of_named(Named(bank_days_after=2), date(2026, 11, 20)) == date(2026, 11, 25)  # over a holiday
    assert due_on(date(2026, 11, 21)) == date(2026, 11, 24)


@pytest.mark.parametrize(
    "wrong",
    [
        {"closings": []},
        {"closings": [{"day": 31, "months_later": 0, "pays_on": 31}]},
        {"closings": [{"day": 31, "months_later": 1, "pays_on": 5}, {"day": 15, "months_later": 1, "pays_on": 5}]},
        {"closings": [{"day": 32, "months_later": 1, "pays_on": 5}]},
    ],
)
def test_periods_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValidationError):
        Periods.model_validate(wrong)
