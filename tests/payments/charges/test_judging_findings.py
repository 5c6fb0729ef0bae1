"""What a provider's answer means, for every state of an attempt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import Yen
from payments.charges.model import (
    GRACE,
    LATE_STEPS,
    Attempt,
    Captured,
    Charge,
    Expired,
    Failed,
    Lessened,
    NoAnswer,
    NotThere,
    Over,
    Paid,
    Refused,
    Reversed,
    TakenBack,
    Unallocated,
    Unchanged,
    Unpaid,
    after,
    case_of,
    judge,
    next_poll,
    state_after,
    status_after,
)

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DEADLINE = NOW + timedelta(minutes=30)
LATE = DEADLINE + timedelta(minutes=5)
ATTEMPT = Attempt(UUID(int=2), UUID(int=1), "paypay", "open", Yen(510), DEADLINE, NOW, provider_id="x")
CHARGE = Charge(
    UUID(int=1), "ticketing", "order", Yen(510), "paypay", "pending", "", DEADLINE, "", "ja", "hpam", (), 1, "c", NOW
)
PAID = Paid(Yen(510), NOW)
BY_THIS = replace(CHARGE, captured_by=UUID(int=2), captured_at=NOW, captured=Yen(510), status="captured")
TAKEN = replace(CHARGE, captured_by=UUID(int=9), captured_at=NOW, captured=Yen(510), status="captured")


@pytest.mark.parametrize(
    ("charge", "state", "finding", "at", "outcome", "after"),
    [
        (CHARGE, "open", PAID, NOW, Captured(), "captured"),
        (CHARGE, "prepared", PAID, NOW, Captured(), "captured"),
        (CHARGE, "unknown", PAID, NOW, Captured(), "captured"),
        (CHARGE, "expired", PAID, LATE, Captured(), "captured"),
        (CHARGE, "declined", PAID, LATE, Captured(), "captured"),
        (BY_THIS, "captured", PAID, NOW, Unchanged(), "captured"),
        (TAKEN, "open", PAID, NOW, Unallocated(Yen(510), "paid_twice"), "captured"),
        (TAKEN, "expired", PAID, LATE, Unallocated(Yen(510), "paid_twice"), "captured"),
        (CHARGE, "open", Paid(Yen(509), NOW), NOW, Unallocated(Yen(509), "amount_differs"), "captured"),
        (CHARGE, "open", Paid(Yen(600), NOW), NOW, Captured(), "captured"),
        (BY_THIS, "captured", Paid(Yen(600), NOW), NOW, Unallocated(Yen(90), "amount_differs"), "captured"),
        (CHARGE, "open", Paid(Yen(1020), NOW), NOW, Captured(), "captured"),
        (BY_THIS, "captured", Paid(Yen(1020), NOW), NOW, Unallocated(Yen(510), "paid_twice"), "captured"),
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
        (CHARGE, "open", NoAnswer(), NOW, Unchanged(), "open"),
        (CHARGE, "open", NoAnswer(), LATE, Unchanged(), "unknown"),
        (BY_THIS, "captured", Over(), LATE, Unchanged(), "captured"),
        (BY_THIS, "captured", Refused("x"), LATE, Unchanged(), "captured"),
        (BY_THIS, "captured", Reversed(), NOW, TakenBack(Yen(510)), "reversed"),
        (BY_THIS, "reversed", PAID, NOW, Unchanged(), "reversed"),
        (BY_THIS, "reversed", Reversed(), NOW, Unchanged(), "reversed"),
        (CHARGE, "open", Reversed(), NOW, Expired(), "expired"),
    ],
)
def test_each_answer_in_each_state(charge, state, finding, at, outcome, after):
    attempt = replace(ATTEMPT, state=state)
    if state in {"captured", "reversed"}:
        attempt = replace(attempt, captured_at=NOW, captured=Yen(510))
    judged = judge(charge, attempt, finding, at=at)
    assert judged == outcome
    assert state_after(attempt, finding, judged, at=at) == after


def test_of_two_payments_a_bank_took_one_back():
    twice = replace(ATTEMPT, state="captured", captured=Yen(1020), captured_at=NOW)
    left = Paid(Yen(510), NOW, taken_back=Yen(510))
    judged = judge(BY_THIS, twice, left, at=NOW)
    assert judged == Lessened(Yen(510))
    assert state_after(twice, left, judged, at=NOW) == "captured"
    newer = after(BY_THIS, twice, left, judged, at=NOW)
    assert newer.captured == Yen(510)
    assert judge(BY_THIS, newer, left, at=NOW) == Unchanged()
    assert judge(BY_THIS, newer, Reversed(), at=NOW) == TakenBack(Yen(510))


def test_an_older_answer_with_less_money_takes_nothing_back():
    twice = replace(ATTEMPT, state="captured", captured=Yen(1020), captured_at=NOW)
    assert judge(BY_THIS, twice, PAID, at=NOW) == Unchanged()


PART = replace(ATTEMPT, state="captured", captured=Yen(300), captured_at=NOW)


def test_a_part_with_its_rest_pays_the_charge():
    assert judge(CHARGE, PART, PAID, at=NOW) == Captured()


def test_a_part_that_went_back_pays_nothing_any_more():
    judged = judge(CHARGE, PART, PAID, given_back=Yen(300), at=NOW)
    assert judged == Unallocated(Yen(210), "amount_differs")


@pytest.mark.parametrize(
    ("status", "outcome", "others_live", "over", "after"),
    [
        ("pending", Captured(), False, False, "captured"),
        ("expired", Captured(), False, True, "captured"),
        ("failed", Captured(), False, True, "captured"),
        ("unallocated", Captured(), False, False, "captured"),
        ("pending", Unallocated(Yen(300), "amount_differs"), True, False, "unallocated"),
        ("expired", Unallocated(Yen(300), "amount_differs"), False, True, "unallocated"),
        ("pending", Failed("declined"), False, False, "failed"),
        ("pending", Failed("declined"), True, False, "pending"),
        ("unallocated", Failed("declined"), False, False, "unallocated"),
        ("expired", Failed("declined"), False, True, "expired"),
        ("pending", Expired(), False, True, "expired"),
        ("pending", Expired(), False, False, "pending"),
        ("unknown", Expired(), False, True, "expired"),
        ("unallocated", Expired(), False, True, "unallocated"),
        ("unallocated", TakenBack(Yen(300)), False, False, "pending"),
        ("pending", Unchanged(), False, True, "pending"),
    ],
)
def test_what_becomes_of_an_unpaid_charge(status, outcome, others_live, over, after):
    charge = replace(CHARGE, status=status)
    assert status_after(charge, outcome, by=ATTEMPT, others_live=others_live, over=over) == after


@pytest.mark.parametrize(
    "outcome", [Unallocated(Yen(510), "paid_twice"), TakenBack(Yen(510)), Failed("x"), Expired(), Unchanged()]
)
def test_what_another_attempt_does_leaves_a_paid_charge_paid(outcome):
    assert status_after(TAKEN, outcome, by=ATTEMPT, others_live=False, over=True) == "captured"


def test_a_charge_whose_own_money_was_taken_back_is_reversed():
    assert status_after(BY_THIS, TakenBack(Yen(510)), by=ATTEMPT, others_live=False, over=False) == "reversed"


@pytest.mark.parametrize(
    ("charge", "cause", "kind"),
    [
        (TAKEN, "paid_twice", "paid_twice"),
        (TAKEN, "amount_differs", "overpaid"),
        (CHARGE, "amount_differs", "underpaid"),
    ],
)
def test_the_case_says_what_is_wrong(charge, cause, kind):
    assert case_of(charge, cause) == kind


FINDINGS = st.sampled_from([PAID, Unpaid(), Over(), Refused("x"), NotThere(), NoAnswer(), Reversed()])


@given(st.lists(st.tuples(FINDINGS, st.sampled_from([NOW, LATE])), max_size=12))
def test_whatever_comes_in_whatever_order_money_counts_once_and_is_never_forgotten(answers):
    charge, attempt, captures = CHARGE, ATTEMPT, 0
    for finding, at in answers:
        outcome = judge(charge, attempt, finding, at=at)
        attempt = after(charge, attempt, finding, outcome, at=at)
        if isinstance(outcome, Captured):
            captures += 1
            charge = replace(charge, captured_by=attempt.id)
    assert captures == (1 if any(isinstance(finding, Paid) for finding, _ in answers) else 0)


@given(
    st.integers(0, 60), st.sampled_from(["prepared", "open", "unknown", "captured", "declined", "expired", "reversed"])
)
def test_asking_again_ends_and_never_goes_back_in_time(polls, state):
    at = next_poll(replace(ATTEMPT, state=state, polls=polls), at=NOW)
    assert at is None or at > NOW
    if state in {"captured", "reversed"} or (state in {"declined", "expired"} and polls > len(LATE_STEPS)):
        assert at is None


@given(st.integers(0, 60))
def test_a_payment_that_a_bank_may_take_back_is_asked_about_a_few_times_more(polls):
    paid = replace(ATTEMPT, state="captured", polls=polls)
    assert (next_poll(paid, at=NOW, reversible=True) is not None) == (polls < len(LATE_STEPS))


def test_a_prepared_attempt_is_asked_about_once_more_at_its_end_before_a_person_is():
    tired = replace(ATTEMPT, state="prepared", provider_id=None, polls=9)
    assert next_poll(tired, at=NOW) == DEADLINE + GRACE + timedelta(seconds=1)
    assert next_poll(tired, at=LATE) is None
