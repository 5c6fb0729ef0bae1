"""The demo's visitors go in only where the gate would let them in at that hour."""

import random
from datetime import date, datetime

import pytest

from console.demo import choose_slot, days_to_visit
from kernel.clock import JAPAN

TODAY = date(2026, 11, 24)
SLOTS = {"slots": [{"starts_at": "10:00"}, {"starts_at": "13:30"}]}


def at(hour, minute=0):
    return datetime(2026, 11, 24, hour, minute, tzinfo=JAPAN)


@pytest.mark.parametrize("seed", range(20))
def test_at_night_a_slot_is_bought_and_nobody_goes_in(seed):
    slot, enters = choose_slot(SLOTS, TODAY, random.Random(seed), at=at(0, 19))
    assert slot in {"10:00", "13:30"}
    assert not enters


@pytest.mark.parametrize("seed", range(20))
def test_in_the_morning_only_the_slot_that_has_begun_is_drawn(seed):
    assert choose_slot(SLOTS, TODAY, random.Random(seed), at=at(10)) == ("10:00", True)


def test_a_ticket_of_the_whole_day_goes_in_today_and_not_tomorrow():
    dice = random.Random(1)
    assert choose_slot({"slots": []}, TODAY, dice, at=at(0, 19)) == (None, True)
    assert choose_slot({"slots": []}, date(2026, 11, 25), dice, at=at(12)) == (None, False)


def test_a_slot_of_another_day_is_not_entered():
    assert choose_slot(SLOTS, date(2026, 11, 25), random.Random(1), at=at(23))[1] is False


def test_what_can_be_paid_before_midnight_is_bought_for_today():
    assert days_to_visit(at(22, 59)) == (TODAY, date(2026, 11, 26), date(2026, 11, 29))


@pytest.mark.parametrize("minute", [1, 15, 59])
def test_in_the_last_hour_of_a_day_visits_are_bought_for_later_days(minute):
    assert days_to_visit(at(23, minute)) == (date(2026, 11, 26), date(2026, 11, 29))
