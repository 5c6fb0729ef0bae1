"""Business dates and fiscal years are Japan's."""

from datetime import UTC, date, datetime

import pytest

from kernel.clock import business_date, fiscal_year


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        (datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC), date(2026, 11, 23)),
    ],
)
def test_a_business_day_begins_at_midnight_in_japan(utc, day):
    assert business_date(utc) == day


@pytest.mark.parametrize(("day", "year"), [(date(2027, 3, 31), 2026), (date(2027, 4, 1), 2027)])
def test_a_fiscal_year_begins_in_april(day, year):
    assert fiscal_year(day) == year
