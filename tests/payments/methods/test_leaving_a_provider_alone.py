"""How long a provider that was asked too often is left alone."""

from datetime import UTC, datetime, timedelta

import pytest

from payments.methods.quiet import LONGEST_SECONDS, Quiet, asked_for

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 30 "}, 30.0),
        ({"retry-after": "999999"}, 600.0),
        ({"retry-after": "Tue, 24 Nov 2026 09:00:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_the_provider_s_own_number_is_read(headers, seconds):
    assert asked_for(headers) == seconds


def test_the_provider_s_pause_is_kept():
    quiet = Quiet()
    assert quiet.begin(7.0, at=NOW) == 7.0
    assert quiet.left(at=NOW + timedelta(seconds=2)) == 5.0
    assert quiet.left(at=NOW + timedelta(seconds=8)) == 0.0


def test_our_own_pause_doubles_up_to_a_minute():
    quiet = Quiet()
    assert [quiet.begin(None, at=NOW) for _ in range(8)] == [1, 2, 4, 8, 16, 32, LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_usual_answer_ends_it():
    quiet = Quiet()
    quiet.begin(None, at=NOW)
    quiet.end()
    assert quiet.left(at=NOW) == 0.0
    assert quiet.begin(None, at=NOW) == 1.0
