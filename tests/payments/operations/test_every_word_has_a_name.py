"""No word of ours reaches staff untranslated: every state, kind and reason has a name."""

from typing import get_args

from payments.cases import model as cases
from payments.charges import model as charges
from payments.operations import words
from payments.refunds.store import RefundState


def test_states_kinds_and_statuses_are_complete():
    assert set(words.STATUSES) == set(get_args(charges.Status))
    assert set(words.ATTEMPT_STATES) == set(get_args(charges.State))
    assert set(words.KINDS) == set(words.ADVICE) == set(get_args(cases.Kind))
    assert set(words.CASE_STATES) == set(get_args(cases.State))
    assert set(words.RESOLUTIONS) == set(get_args(cases.Resolution))
    assert set(words.REFUND_STATES) == set(get_args(RefundState))
