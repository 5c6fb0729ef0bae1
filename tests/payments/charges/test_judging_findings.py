"""What a provider's answer means, for every state of an attempt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import Yen
from payments.charges.model import (
    LATE_STEPS,
    Attempt,
    Captured,
    Charge,
    Expired,
    Failed,
    NoAnswer,
    NotThere,
    Over,
    Paid,
    Refused,
    Unallocated,
    Unchanged,
    Unpaid,
    judge,
    next_poll,
    state_after,
)

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DEADLINE = NOW + timedelta(minutes=30)
LATE = DEADLINE + timedelta(minutes=5)
ATTEMPT = Attempt(UUID(int=2), UUID(int=1), "paypay", "open", Yen(510), DEADLINE, NOW, provider_id="x")
CHARGE = Charge(
    UUID(int=1), "ticketing", "order", Yen(510), "paypay", "pending", "", DEADLINE, "", "ja", "hpam", (), 1, "c", NOW
)
PAID = Paid(Yen(510), NOW)
TAKEN = replace(CHARGE, captured_by=UUID(int=9), captured_at=NOW, captured=Yen(510), status="captured")


@pytest.mark.parametrize(
    ("charge", "state", "finding", "at", "outcome", "after"),
    [
        (CHARGE, "open", PAID, NOW, Captured(), "captured"),
        (CHARGE, "prepared", PAID, NOW, Captured(), "captured"),
        (CHARGE, "unknown", PAID, NOW, Captured(), "captured"),
        (CHARGE, "expired", PAID, LATE, Captured(), "captured"),
        (CHARGE, "declined", PAID, LATE, Captured(), "captured"),
        (CHARGE, "captured", PAID, NOW, Unchanged(), "captured"),
        (TAKEN, "open", PAID, NOW, Unallocated(Yen(510), "paid_twice"), "captured"),
        (TAKEN, "expired", PAID, LATE, Unallocated(Yen(510), "paid_twice"), "captured"),
        (CHARGE, "open", Paid(Yen(509), NOW), NOW, Unallocated(Yen(509), "amount_differs"), "captured"),
        (CHARGE, "open", Paid(Yen(600), NOW), NOW, Unallocated(Yen(600), "amount_differs"), "captured"),
        (CHARGE, "open", Paid(Yen(1020), NOW), NOW, Captured(), "captured"),
        (CHARGE, "captured", Paid(Yen(1020), NOW), NOW, Unallocated(Yen(510), "paid_twice"), "captured"),
        (CHARGE, "open", Unpaid(), NOW, Unchanged(), "open"),
        (CHARGE, "unknown", Unpaid(), NOW, Unchanged(), "open"),
        (CHARGE, "open", Unpaid(), LATE, Expired(), "expired"),
        (CHARGE, "expired", Unpaid(), LATE, Unchanged(), "expired"),
        (CHARGE, "open", Over(), NOW, Expired(), "expired"),
        (CHARGE, "open", Refused("declined"), NOW, Failed("declined"), "declined"),
        (CHARGE, "declined", Refused("declined"), NOW, Unchanged(), "declined"),
        (CHARGE, "unknown", NotThere(), NOW, Unchanged(), "unknown"),
        (CHARGE, "unknown", NotThere(), LATE, Expired(), "expired"),
        (CHARGE, "unknown", NoAnswer(), LATE, Unchanged(), "unknown"),
        (CHARGE, "open", NoAnswer(), LATE, Unchanged(), "open"),
        (CHARGE, "captured", Over(), LATE, Unchanged(), "captured"),
        (CHARGE, "captured", Refused("x"), LATE, Unchanged(), "captured"),
    ],
)
def test_each_answer_in_each_state(charge, state, finding, at, outcome, after):
    attempt = replace(ATTEMPT, state=state, captured_at=NOW if state == "captured" else None)
    judged = judge(charge, attempt, finding, at=at)
    assert judged == outcome
    assert state_after(attempt, finding, judged) == after


FINDINGS = st.sampled_from([PAID, Unpaid(), Over(), Refused("x"), NotThere(), NoAnswer()])


@given(st.lists(st.tuples(FINDINGS, st.sampled_from([NOW, LATE])), max_size=12))
def test_whatever_comes_in_whatever_order_money_counts_once_and_is_never_forgotten(answers):
    charge, attempt, captures = CHARGE, ATTEMPT, 0
    for finding, at in answers:
        outcome = judge(charge, attempt, finding, at=at)
        attempt = replace(attempt, state=state_after(attempt, finding, outcome), captured_at=attempt.captured_at)
        if isinstance(outcome, Captured):
            captures += 1
            charge = replace(charge, captured_by=attempt.id)
    assert captures == (1 if any(isinstance(finding, Paid) for finding, _ in answers) else 0)


@given(st.integers(0, 60), st.sampled_from(["prepared", "open", "unknown", "captured", "declined", "expired"]))
def test_asking_again_ends_and_never_goes_back_in_time(polls, state):
    at = next_poll(replace(ATTEMPT, state=state, polls=polls), at=NOW)
    assert at is None or at > NOW
    if state == "captured" or (state in {"declined", "expired"} and polls > len(LATE_STEPS)):
        assert at is None
