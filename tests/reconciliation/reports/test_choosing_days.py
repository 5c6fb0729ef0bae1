"""Days are chosen by a word or by hand; what is no day of our era is this month, and a book's years follow its day."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reconciliation.reports.accounts import RevenueAccounts
from reconciliation.reports.periods import chosen, chosen_day, periods
from reconciliation.reports.revenue_book import years_on

TODAY = date(2026, 11, 26)
MONTH = date(2026, 11, 1), date(2026, 11, 30)


def test_the_words_are_whole_months_and_fiscal_years():
    assert [(each.first.isoformat(), each.last.isoformat()) for each in periods(TODAY)] == [
        ("2026-11-25", "2026-11-25"),
        ("2026-11-01", "2026-11-30"),
        ("2026-10-01", "2026-10-31"),
        ("2026-04-01", "2027-03-31"),
        ("2025-04-01", "2026-03-31"),
    ]


@given(some.dates(date(2020, 1, 1), date(2100, 1, 1)))
def test_every_period_is_in_order_on_any_day(today):
    assert all(each.first <= each.last for each in periods(today))


@pytest.mark.parametrize("days", [("", ""), ("x", "2026-11-02"), ("2026-11-03", "2026-11-02"), ("1999-01-01",) * 2])
def test_what_is_no_range_is_this_month(days):
    assert chosen(*days, TODAY) == MONTH


def test_one_day_counts_whatever_the_first_says():
    assert chosen_day("2026-12-31", "2026-11-02", TODAY) == (date(2026, 11, 2), date(2026, 11, 2))


@pytest.mark.parametrize(
    ("day", "years"),
    [
        (date(2027, 3, 31), (2026,)),
        (date(2027, 4, 1), (2026, 2027)),
        (date(2027, 5, 31), (2026, 2027)),
        (date(2027, 6, 1), (2027,)),
    ],
)
def test_the_old_year_s_book_is_open_until_the_end_of_may(day, years):
    assert years_on(day) == years


def test_an_account_is_what_master_data_says_from_its_day_on_else_its_own_parts():
    old, new = (
        ("一般会計", "使用料及び手数料", "使用料", "目", "旧"),
        ("一般会計", "使用料及び手数料", "使用料", "目", "新"),
    )
    known = RevenueAccounts({"a": [date(2026, 4, 1), date(2027, 4, 1)]}, {"a": [old, new]})
    assert known.on("a", date(2027, 3, 31)) == old
    assert known.on("a", date(2027, 4, 1)) == new
    assert known.on("a", date(2026, 3, 31)) == ("", "", "", "", "a")
    assert known.on("会計・款・項・目・節", TODAY) == ("会計", "款", "項", "目", "節")
