"""How a dispute moves by what the provider says of it, and what may be answered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kernel.money import Yen
from payments.charges.model import Attempt
from payments.disputes.model import ANSWER_LENGTH_MAX, AnswerMissing, DisputeOver, learn, require_answer
from payments.methods.protocol import DisputeFound

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ID = UUID(int=7)
ATTEMPT = Attempt(
    id=UUID(int=1),
    charge_id=UUID(int=2),
    method="stripe_card",
    state="captured",
    amount=Yen(510),
    deadline=NOW,
    created_at=NOW,
)
FOUND = DisputeFound("dp_1", str(ATTEMPT.id), Yen(510), "fraudulent", "needs_response", NOW, NOW + timedelta(days=7))


def said(known, **changes):
    found = replace(FOUND, **changes)
    return learn(known, found, provider="stripe", attempt=ATTEMPT, dispute_id=ID, at=NOW)


def test_a_new_one_opens():
    made, steps = said(None)
    assert steps == ["opened"]
    assert (made.status, made.amount, made.due_at, made.takes_answer) == (
        "needs_response",
        Yen(510),
        NOW + timedelta(days=7),
        True,
    )


@pytest.mark.parametrize("status", ["won", "lost"])
def test_one_that_is_first_heard_of_when_it_is_decided_opens_and_closes(status):
    made, steps = said(None, status=status)
    assert steps == ["opened", "closed"]
    assert (made.status, made.closed_at, made.keeps_money) == (status, NOW, status == "lost")


def test_the_same_again_is_nothing_new():
    made, _ = said(None)
    assert said(made) == (made, [])


@pytest.mark.parametrize("status", ["needs_response", "under_review", "lost"])
def test_what_is_decided_never_moves_again(status):
    made, _ = said(None, status="won")
    assert said(made, status=status) == (made, ())


def test_it_is_answered_once_and_while_the_bank_waits():
    made, _ = said(None)
    assert require_answer(made, "  used at gate 1\r\n") == "used at gate 1"
    with pytest.raises(DisputeOver):
        require_answer(replace(made, answered_at=NOW), "again")
    with pytest.raises(DisputeOver):
        require_answer(replace(made, status="under_review"), "late")


@pytest.mark.parametrize("text", ["", "  \n", "x" * (ANSWER_LENGTH_MAX + 1)])
def test_an_answer_has_words_and_an_end(text):
    made, _ = said(None)
    with pytest.raises(AnswerMissing):
        require_answer(made, text)
