"""Days are open or closed as the facilities' rules and the calendar of national holidays say."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from ticketing.facilities.actions import japanese_holidays
from ticketing.facilities.model import Closed, Open, next_open_day, opening_on
from ticketing.facilities.opening import SPECIAL

MONDAY_HOLIDAY = date(2026, 11, 23)


def is_open(facility, day):
    return isinstance(opening_on(facility, day, holidays=japanese_holidays(day.year)), Open)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2024, 2, 12), "振替休日 of the National Foundation Day on a Sunday"),
        (date(2026, 9, 22), "a day between two holidays"),
        (date(2026, 9, 21), "respect for the aged"),
        (date(2021, 7, 23), "moved for the Olympic Games"),
        (date(2019, 5, 1), "the enthronement"),
        (date(2027, 3, 22), "振替休日 of the vernal equinox on a Sunday"),
    ],
)
def test_national_holidays_are_known(day, why):
    assert day in japanese_holidays(day.year), why


def test_a_year_that_nobody_sells_for_has_no_holidays():
    assert japanese_holidays(9999) == frozenset()


def test_a_closed_day_on_a_holiday_moves_to_the_next_day(facilities):
    history = facilities["rekihaku"]
    assert is_open(history, MONDAY_HOLIDAY)
    assert not is_open(history, MONDAY_HOLIDAY + timedelta(days=1))
    assert not is_open(history, MONDAY_HOLIDAY + timedelta(days=7))


def test_after_several_holidays_the_first_day_after_them_is_closed(facilities):
    # 21 (Monday), 22 and 23 September 2026 are holidays in a row.
    history = facilities["rekihaku"]
    assert [is_open(history, date(2026, 9, day)) for day in (21, 22, 23, 24, 25)] == [True, True, True, False, True]


def test_where_a_holiday_only_opens_the_closed_day_nothing_moves(facilities):
    assert is_open(facilities["hpam"], MONDAY_HOLIDAY)
    assert is_open(facilities["hpam"], MONDAY_HOLIDAY + timedelta(days=1))


def test_a_closed_day_may_stay_closed_on_a_holiday(facilities):
    history = facilities["rekihaku"]
    strict = replace(history, opening=replace(history.opening, on_holiday="closed"))
    assert not is_open(strict, MONDAY_HOLIDAY)
    assert is_open(strict, MONDAY_HOLIDAY + timedelta(days=1))


def test_a_closing_over_new_year_is_closed_on_both_sides(facilities):
    park = facilities["miyoshi"]
    days = [date(2026, 12, 28), date(2026, 12, 29), date(2026, 12, 31), date(2027, 1, 3), date(2027, 1, 4)]
    assert [is_open(park, day) for day in days] == [True, False, False, False, True]


def test_extra_days_go_before_the_weekly_rule(facilities):
    history = facilities["rekihaku"]
    monday, tuesday = date(2026, 12, 7), date(2026, 12, 8)
    rules = replace(history.opening, open_days=frozenset({monday}), closed_days=frozenset({tuesday}))
    special = replace(history, opening=rules)
    assert is_open(special, monday)
    assert opening_on(special, tuesday, holidays=frozenset()) == Closed(SPECIAL)


def test_hours_follow_the_season_and_a_free_day_is_free(facilities):
    garden = facilities["shukkeien"]
    summer = opening_on(garden, date(2026, 8, 1), holidays=frozenset())
    winter = opening_on(garden, date(2026, 11, 3), holidays=frozenset())
    assert (summer.closes, summer.free) == (time(18), False)
    assert (winter.closes, winter.free) == (time(17), True)


def test_the_next_open_day_is_found_over_the_new_year(facilities):
    following = next_open_day(facilities["rekihaku"], date(2026, 12, 28), holidays=japanese_holidays(2026))
    assert following == date(2027, 1, 5)


def test_a_facility_that_never_opens_has_no_next_day(facilities):
    shut = replace(facilities["hpam"].opening, closed_weekdays=frozenset(range(7)), on_holiday="closed")
    assert next_open_day(replace(facilities["hpam"], opening=shut), MONDAY_HOLIDAY, holidays=frozenset()) is None
