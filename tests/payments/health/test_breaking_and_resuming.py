"""A provider in trouble is left alone for a while, and one call finds out whether it is back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.health.model import (
    FAILURES_MAX,
    PAUSE_MAX,
    PROBE,
    RETRIES_SAVED_MAX,
    Breaker,
    Pace,
    RetryBudget,
    called,
    failed,
    first_call,
    is_shown_as_paused,
    may_call,
    offered_again,
    repeat,
    succeeded,
    wait_for_turn,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CLOSED = Breaker("paypay", "open")


def after_failures(count, trouble="failing", breaker=CLOSED):
    for _ in range(count):
        breaker = failed(breaker, trouble, at=NOW)
    return breaker


def test_single_failures_do_not_stop_a_method():
    assert may_call(after_failures(FAILURES_MAX - 1), at=NOW)


def test_failures_in_a_row_do():
    broken = after_failures(FAILURES_MAX)
    assert not may_call(broken, at=NOW)
    assert is_shown_as_paused(broken)


def test_a_success_between_forgets_the_failures():
    assert may_call(after_failures(FAILURES_MAX - 1, breaker=succeeded(after_failures(4), at=NOW)), at=NOW)


def test_maintenance_stops_at_once_for_as_long_as_the_provider_says():
    away = failed(CLOSED, "maintenance", retry_after=timedelta(minutes=7), at=NOW)
    assert not may_call(away, at=NOW + timedelta(minutes=6, seconds=59))
    assert may_call(away, at=NOW + timedelta(minutes=7))


def test_too_many_calls_pause_without_hiding_the_method_from_visitors():
    slow = failed(CLOSED, "rate_limited", at=NOW)
    assert not may_call(slow, at=NOW)
    assert not is_shown_as_paused(slow)


@pytest.mark.parametrize("operation", ["query", "expire", "refund", "query_refund"])
def test_only_trouble_with_opening_hides_a_method(operation):
    assert not is_shown_as_paused(after_failures(FAILURES_MAX, breaker=replace(CLOSED, operation=operation)))


def test_after_the_pause_one_call_probes_and_the_others_wait():
    broken = after_failures(FAILURES_MAX)
    later = broken.until
    probing = called(broken, at=later)
    assert not may_call(probing, at=later + timedelta(seconds=1))
    assert may_call(probing, at=later + PROBE)  # A probe that never came back frees its place.


def test_a_probe_that_fails_pauses_longer_and_one_that_succeeds_closes():
    broken = after_failures(FAILURES_MAX)
    probing = called(broken, at=broken.until)
    again = failed(probing, "failing", at=broken.until)
    assert again.until - broken.until > broken.until - NOW
    assert succeeded(probing, at=NOW) == replace(CLOSED, last_ok_at=NOW, last_trouble_at=NOW)


def test_a_rested_method_is_offered_again():
    broken = after_failures(FAILURES_MAX)
    assert offered_again(broken, at=NOW) == broken
    offered = offered_again(broken, at=broken.until)
    assert not is_shown_as_paused(offered)
    assert may_call(offered, at=broken.until)


@given(st.integers(1, 60), st.sampled_from(["maintenance", "rate_limited", "unreachable", "failing"]))
def test_no_pause_is_longer_than_the_longest(failures, trouble):
    breaker = after_failures(failures, trouble)
    assert breaker.until is None or breaker.until - NOW <= PAUSE_MAX


def test_repeats_are_a_share_of_first_calls_and_never_more():
    budget = replace(RetryBudget(), saved=0.0, at=NOW)
    for _ in range(8):
        budget = first_call(budget)
    granted = 0
    for _ in range(10):
        budget, ok = repeat(budget, at=NOW)
        granted += ok
    assert granted == 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60))
def test_a_budget_is_bounded_whatever_happens(steps):
    budget, at = RetryBudget(), NOW
    for repeats, seconds in steps:
        at += timedelta(seconds=seconds)
        budget = repeat(budget, at=at)[0] if repeats else first_call(budget)
        assert 0 <= budget.saved <= RETRIES_SAVED_MAX


def test_calls_beyond_the_pace_wait_their_turn():
    pace, waits = Pace(10, 10, NOW), []
    for _ in range(30):
        pace, wait = wait_for_turn(pace, at=NOW)
        waits.append(wait)
    assert waits[9] == timedelta(0)
    assert waits[29] == timedelta(seconds=2)
