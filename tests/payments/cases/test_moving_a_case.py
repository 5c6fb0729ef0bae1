"""A case is open until money went back, the provider spoke, or a person wrote why it is closed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import pytest

from kernel.money import Yen
from payments.cases.model import (
    REFUNDABLE,
    Case,
    CaseNotOpen,
    Kind,
    NothingToGiveBack,
    ReasonMissing,
    close,
    refund_ended,
    refunding,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CASE = Case(UUID(int=1), UUID(int=2), UUID(int=3), "paid_twice", Yen(510), "open", NOW)
REFUND = UUID(int=4)


def test_giving_back_closes_the_case_when_the_refund_has_settled():
    under_way = refunding(CASE, REFUND)
    assert (under_way.state, under_way.refund_id) == ("refunding", REFUND)
    ended = refund_ended(under_way, settled=True, at=NOW)
    assert (ended.state, ended.resolution, ended.closed_at) == ("closed", "given_back", NOW)


def test_a_refund_that_failed_opens_the_case_again():
    again = refund_ended(refunding(CASE, REFUND), settled=False, at=NOW)
    assert again == CASE


@pytest.mark.parametrize("state", ["refunding", "closed"])
def test_only_an_open_case_is_given_back_or_closed(state):
    case = replace(CASE, state=state)
    with pytest.raises(CaseNotOpen):
        refunding(case, REFUND)
    with pytest.raises(CaseNotOpen):
        close(case, "by_hand", words="seen", at=NOW)


@pytest.mark.parametrize("kind", sorted(set(get_args(Kind)) - REFUNDABLE))
def test_a_case_without_money_gives_nothing_back(kind):
    with pytest.raises(NothingToGiveBack):
        refunding(replace(CASE, kind=kind), REFUND)


@pytest.mark.parametrize("words", ["", "  \n "])
def test_nobody_closes_a_case_without_a_word(words):
    with pytest.raises(ReasonMissing):
        close(CASE, "by_hand", words=words, at=NOW)
