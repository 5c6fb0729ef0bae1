"""Each step of a transfer from each state: where it leads, or that it is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest

from kernel.money import Yen
from payments.transfers import model
from payments.transfers.model import AccountUnread, SamePerson, State, Transfer, TransferMoved, WordsMissing
from payments.transfers.sealing import Sealed

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SEALED = Sealed("k1", b"sealed")
KEPT: frozenset[State] = frozenset({"awaiting_check", "awaiting_approval", "approved", "sent", "in_file"})


def transfer(state, **more):
    past_check = state not in {"awaiting_account", "awaiting_check"}
    made = Transfer(
        id=UUID(int=1),
        charge_id=UUID(int=2),
        amount=Yen(510),
        state=state,
        opened_at=NOW,
        moved_at=NOW,
        sealed=SEALED if state in KEPT else None,
        bank_name="広島銀行",
        number_end="321",
        checker=None if state == "awaiting_account" else "ana",
        approver="ben" if past_check else None,
        route={"in_file": "file", "approved": "agency", "sent": "agency"}.get(state),
    )
    return replace(made, **more)


def submit(it):
    return model.submit(it, SEALED, bank_name="広島銀行", number_end="321", at=NOW)


STEPS = {
    "submit": submit,
    "open": lambda it: model.open_account(it, "cleo"),
    "propose": lambda it: model.propose(it, "ana", at=NOW),
    "approve": lambda it: model.approve(it, "ben", "agency", at=NOW),
    "send back": lambda it: model.send_back(it, "ana" if it.state == "awaiting_check" else "ben", "closed", "", at=NOW),
    "reject": lambda it: model.reject(it, "why", at=NOW),
    "dispatch": lambda it: model.dispatch(it, at=NOW),
    "put in file": lambda it: model.put_in_file(replace(it, route="file"), at=NOW),
    "out of file": lambda it: model.out_of_file(it, at=NOW),
    "done by bank": lambda it: model.done_by_bank(it, at=NOW),
    "returned": lambda it: model.returned_by_bank(it, "not_found", "", at=NOW),
    **{f"answer {each}": lambda it, answer=each: model.answered(it, answer, at=NOW) for each in get_args(model.Answer)},
}
# What is not written here is refused.
TABLE = {
    ("awaiting_account", "submit"): "awaiting_check",
    ("awaiting_account", "reject"): "rejected",
    ("awaiting_check", "open"): "awaiting_check",
    ("awaiting_check", "propose"): "awaiting_approval",
    ("awaiting_check", "send back"): "awaiting_account",
    ("awaiting_check", "reject"): "rejected",
    ("awaiting_approval", "open"): "awaiting_approval",
    ("awaiting_approval", "approve"): "approved",
    ("awaiting_approval", "send back"): "awaiting_account",
    ("awaiting_approval", "reject"): "rejected",
    ("approved", "dispatch"): "sent",
    ("approved", "put in file"): "in_file",
    ("sent", "answer settled"): "transferred",
    ("sent", "answer failed"): "rejected",
    ("sent", "answer refused"): "awaiting_account",
    ("sent", "answer not_there"): "approved",
    ("sent", "answer not_sent"): "approved",
    ("sent", "answer pending"): "sent",
    ("sent", "answer no_answer"): "sent",
    ("in_file", "out of file"): "approved",
    ("in_file", "done by bank"): "transferred",
    ("in_file", "returned"): "awaiting_account",
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", get_args(State))
def test_a_step_leads_where_the_table_says_or_is_refused(state, step):
    if (state, step) not in TABLE:
        with pytest.raises(TransferMoved):
            STEPS[step](transfer(state))
        return
    after = STEPS[step](transfer(state))
    assert after.state == TABLE[state, step]
    assert (after.sealed is not None) == (after.state in KEPT)
    if after.sealed is None and state in KEPT:
        assert (after.purged_at, after.bank_name, after.number_end) == (NOW, "広島銀行", "321")


@pytest.mark.parametrize("name", ["ana", "Ana", " ANA "])
def test_whoever_checked_neither_opens_nor_approves(name):
    waiting = transfer("awaiting_approval", approver=None)
    with pytest.raises(SamePerson):
        model.open_account(waiting, name)
    with pytest.raises(SamePerson):
        model.approve(replace(waiting, approver=name), name, "agency", at=NOW)


def test_who_took_it_over_decides_and_the_former_does_not():
    taken = model.open_account(transfer("awaiting_check"), "cleo")
    with pytest.raises(AccountUnread):
        model.propose(taken, "ana", at=NOW)
    assert model.propose(taken, "cleo", at=NOW).state == "awaiting_approval"


def test_an_approver_of_a_former_account_has_to_open_the_new_one():
    again = submit(model.send_back(transfer("awaiting_approval"), "ben", "closed", "", at=NOW))
    waiting = model.propose(model.open_account(again, "ana"), "ana", at=NOW)
    with pytest.raises(AccountUnread):
        model.approve(waiting, "ben", "agency", at=NOW)


def test_a_rejection_needs_words():
    with pytest.raises(WordsMissing):
        model.reject(transfer("awaiting_check"), "  ", at=NOW)


def test_each_route_has_its_own_way_out():
    with pytest.raises(TransferMoved):
        model.dispatch(transfer("approved", route="file"), at=NOW)
    with pytest.raises(TransferMoved):
        model.put_in_file(transfer("approved", route="agency"), at=NOW)


@pytest.mark.parametrize(
    ("state", "then"),
    [
        ("awaiting_check", "awaiting_account"),
        ("awaiting_approval", "awaiting_account"),
        ("approved", "awaiting_account"),
        ("sent", "sent"),
        ("in_file", "in_file"),
    ],
)
def test_an_account_is_forgotten_after_ninety_days(state, then):
    it = transfer(state)
    assert model.forget(it, at=NOW + timedelta(days=90) - timedelta(seconds=1)) == it
    after = model.forget(it, at=NOW + timedelta(days=90))
    assert (after.state, after.sealed) == (then, None)


def test_what_never_arrived_and_was_forgotten_is_asked_for_again():
    assert model.answered(transfer("sent", sealed=None), "not_there", at=NOW).state == "awaiting_account"
    assert model.out_of_file(transfer("in_file", sealed=None), at=NOW).state == "awaiting_account"


@pytest.mark.parametrize(("name", "sees"), [("ana", True), ("ben", True), ("cleo", False)])
def test_only_the_two_who_act_see_the_account(name, sees):
    assert model.may_see(transfer("approved"), name) is sees
    assert not model.may_see(transfer("transferred"), name)
