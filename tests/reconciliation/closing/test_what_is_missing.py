"""What a period needs is judged from what is known alone: it may close if and only if nothing is missing."""

from datetime import date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import JAPAN
from kernel.money import Yen
from reconciliation.closing.missing import NONE, Due, Gathered, Reach, Tally, closes_from, missing_of, state_of
from reconciliation.closing.model import PERIODS, first_open_day, is_closed, longer_periods, periods_between

DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))
TALLIES = st.one_of(st.just(NONE), st.builds(Tally, st.integers(1, 9), st.integers(0, 9_999).map(Yen)))
PERIOD = st.builds(lambda kind, day: PERIODS[kind](day), st.sampled_from(sorted(PERIODS)), DAYS)


def reaches(period):
    near = st.one_of(st.none(), st.integers(-3, 3).map(lambda more: period.last_day + timedelta(days=more)))
    return st.builds(Reach, st.sampled_from(["paypay", "stripe"]), st.just("PayPay"), TALLIES, near, near)


@st.composite
def judged(draw):
    period = draw(PERIOD)
    known = Gathered(
        draw(st.one_of(st.none(), st.just(period.first_day), st.just(period.last_day + timedelta(days=1)))),
        arriving=draw(TALLIES),
        discrepancies=draw(TALLIES),
        unbooked=draw(TALLIES),
        open_parts=tuple(draw(st.lists(st.sampled_from([period.first_day, period.last_day]), max_size=2))),
        reaches=tuple(draw(st.lists(reaches(period), max_size=2))),
        payouts=tuple(
            draw(st.lists(st.builds(Due, st.just("paypay"), st.just("PayPay"), TALLIES.filter(bool)), max_size=1))
        ),
    )
    at = datetime.combine(period.last_day + timedelta(days=draw(st.integers(-1, 70))), time(12), JAPAN)
    return period, known, at


@given(judged())
def test_nothing_is_missing_if_and_only_if_everything_holds(given_):
    period, known, at = given_
    missing = missing_of(period, known, at=at)
    told = all(
        (each.until is not None and each.until > period.last_day)
        or (each.unseen == NONE and each.taken_on is not None and each.taken_on > period.last_day)
        for each in known.reaches
    )
    holds = (
        at.date() >= closes_from(period, time(0)).date()
        and (period.kind == "day" or known.begins == period.first_day)
        and known.arriving == known.discrepancies == known.unbooked == NONE
        and not known.open_parts
        and not known.payouts
        and told
    )
    assert holds == (missing == [])
    assert all(each.count >= 0 and each.amount >= Yen(0) for each in missing)
    assert len({(each.kind, each.provider) for each in missing}) <= len(missing) <= 9


@given(judged())
def test_a_period_is_ready_only_where_nothing_is_missing_and_blocked_only_where_somebody_has_to_act(given_):
    period, known, at = given_
    missing = missing_of(period, known, at=at)
    state = state_of(period, missing, begins=known.begins, today=at.date())
    acts = {"discrepancies", "statements", "payouts"} & {each.kind for each in missing}
    assert state != "ready" or missing == []
    assert state != "blocked" or acts
    assert state != "waiting" or (missing and not acts)


@given(PERIOD)
def test_a_year_is_not_closed_before_the_first_of_june_and_the_others_from_the_day_after_on(period):
    assert closes_from(period, time(5)) == datetime.combine(
        date(period.last_day.year, 6, 1) if period.kind == "year" else period.last_day + timedelta(days=1),
        time(5),
        JAPAN,
    )


@given(DAYS, st.sets(st.integers(0, 60)), st.booleans())
def test_the_first_open_day_is_in_nothing_that_is_closed(day, gaps, month_too):
    closed = {PERIODS["day"](day + timedelta(days=each)) for each in gaps}
    closed |= {PERIODS["month"](day)} if month_too else set()
    found = first_open_day(day, closed)
    between = periods_between("day", day, found)
    assert not is_closed(between[-1], closed)
    assert all(is_closed(each, closed) for each in between[:-1])


@given(PERIOD, DAYS)
def test_a_longer_period_holds_every_day_of_the_shorter(period, day):
    assert all((day in each) >= (day in period) for each in longer_periods(period))
    assert (day in period) == (day in period.days())
