"""A refund to a bank account and how it moves from the payer's form to the bank; nothing here calls or remembers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Conflict, Invalid, NotFound
from payments.transfers.sealing import Sealed

State = Literal[
    "awaiting_account",  # the payer is to name an account
    "awaiting_check",  # staff one reads it and proposes it
    "awaiting_approval",  # staff two, another person, approves it or sends it back
    "approved",  # it may leave
    "sent",  # on its way through the agency
    "in_file",  # in a file for our own bank
    "transferred",  # the money has left for good
    "rejected",  # it will not be transferred; the refund failed
]
Route = Literal["agency", "file"]
Fault = Literal["not_found", "name_differs", "closed", "not_accepted", "forgotten", "other"]
Answer = Literal["settled", "failed", "pending", "not_there", "no_answer", "not_sent", "refused"]

LIVING: frozenset[State] = frozenset({"awaiting_check", "awaiting_approval", "approved"})
OVER: frozenset[State] = frozenset({"transferred", "rejected"})
IDLE_MAX = timedelta(days=90)  # So long without a step forward, and the account is forgotten.
WORDS_LENGTH_MAX = 200

# What a payer is told about an account that could not be used: msgids.
FAULTS: Final[dict[Fault, str]] = {
    "not_found": "There is no such account at this bank. Check the codes and the number.",
    "name_differs": "The name does not agree with the account. Write it as in the passbook, in katakana.",
    "closed": "This account takes no money. Name another one.",
    "not_accepted": "The bank account was not accepted. Check the codes and the number and try again.",
    "forgotten": "Much time has passed, so we deleted your account. Please tell us again.",
    "other": "The account could not be used. Check it, or name another one.",
}


@dataclass(frozen=True, slots=True)
class Transfer:
    """One refund to a bank account. Its id is the refund's.

    `sealed` holds the account, encrypted; `bank_name` and `number_end` (the last three digits) stay when it is purged.
    `checker` and `approver` opened the account to check or approve it. `fault`: why the payer was asked again.
    """

    id: UUID
    charge_id: UUID
    amount: Yen
    state: State
    opened_at: datetime
    moved_at: datetime
    sealed: Sealed | None = None
    bank_name: str = ""
    number_end: str = ""
    checker: str | None = None
    approver: str | None = None
    route: Route | None = None
    fault: Fault | None = None
    words: str = ""
    purged_at: datetime | None = None


class UnknownTransfer(NotFound):
    """There is no such transfer."""

    slug = "unknown-transfer"
    advice = "There is no such transfer. Look at the list of transfers."


class TransferMoved(Conflict):
    """It is not in the state that this step begins with."""

    slug = "transfer-moved-on"
    advice = "This transfer has moved on. Load the page again to see what became of it."


class SamePerson(Conflict):
    """Whoever checked an account may not approve it."""

    slug = "transfer-same-person"
    advice = "You checked this account yourself. Another person has to approve it."


class AccountUnread(Conflict):
    """A decision about an account that this person has not opened, or that somebody else has taken over."""

    slug = "transfer-account-unread"
    advice = "Open the account and read it first: you decide about what you have seen."


class WordsMissing(Invalid):
    """A rejection without a word."""

    slug = "transfer-words-missing"
    advice = "Write in a few words why; auditors read it."


def submit(transfer: Transfer, sealed: Sealed, *, bank_name: str, number_end: str, at: datetime) -> Transfer:
    """Take the account that a payer named. Raises TransferMoved."""
    _in(transfer, "awaiting_account")
    return replace(
        transfer,
        state="awaiting_check",
        sealed=sealed,
        bank_name=bank_name,
        number_end=number_end,
        checker=None,
        approver=None,
        route=None,
        fault=None,
        words="",
        purged_at=None,
        moved_at=at,
    )


def open_account(transfer: Transfer, by: str) -> Transfer:
    """Let somebody read the account in order to check or approve it, also in place of who opened it before.

    Raises TransferMoved, or SamePerson for the one who checked it.
    """
    if transfer.state == "awaiting_check":
        return replace(transfer, checker=by)
    _in(transfer, "awaiting_approval")
    if is_same(by, transfer.checker):
        raise SamePerson
    return replace(transfer, approver=by)


def may_see(transfer: Transfer, by: str) -> bool:
    """Tell whether the account is shown to somebody: to the two who act, as long as it is kept."""
    return transfer.sealed is not None and (is_same(by, transfer.checker) or is_same(by, transfer.approver))


def propose(transfer: Transfer, by: str, *, at: datetime) -> Transfer:
    """Staff one finds the account good. Raises TransferMoved or AccountUnread."""
    _in(transfer, "awaiting_check")
    if not is_same(by, transfer.checker):
        raise AccountUnread
    return replace(transfer, state="awaiting_approval", approver=None, moved_at=at)


def approve(transfer: Transfer, by: str, route: Route, *, at: datetime) -> Transfer:
    """Staff two, another person, lets it leave. Raises TransferMoved, SamePerson or AccountUnread."""
    _in(transfer, "awaiting_approval")
    if is_same(by, transfer.checker):
        raise SamePerson
    if not is_same(by, transfer.approver):
        raise AccountUnread
    return replace(transfer, state="approved", route=route, moved_at=at)


def send_back(transfer: Transfer, by: str, fault: Fault, words: str, *, at: datetime) -> Transfer:
    """Ask the payer again, with a reason. Raises TransferMoved or AccountUnread."""
    _in(transfer, "awaiting_check", "awaiting_approval")
    acting = transfer.checker if transfer.state == "awaiting_check" else transfer.approver
    if not is_same(by, acting):
        raise AccountUnread
    return _ask_again(transfer, fault, words, at=at)


def reject(transfer: Transfer, words: str, *, at: datetime) -> Transfer:
    """End it without a transfer. Raises TransferMoved once it was approved, or WordsMissing."""
    _in(transfer, "awaiting_account", "awaiting_check", "awaiting_approval")
    said = brief(words)
    if not said:
        raise WordsMissing
    return replace(_purged(transfer, at=at), state="rejected", words=said, moved_at=at)


def dispatch(transfer: Transfer, *, at: datetime) -> Transfer:
    """Mark it as sent to the agency, before it is. Raises TransferMoved."""
    _in(transfer, "approved")
    if transfer.route != "agency":
        raise TransferMoved
    return replace(transfer, state="sent", moved_at=at)


def answered(transfer: Transfer, answer: Answer, *, at: datetime) -> Transfer:
    """Apply what the agency said. What never arrived is sent again; a refused account is asked for again."""
    _in(transfer, "sent")
    match answer:
        case "settled":
            return replace(_purged(transfer, at=at), state="transferred", moved_at=at)
        case "failed":
            return replace(_purged(transfer, at=at), state="rejected", moved_at=at)
        case "refused":
            return _ask_again(transfer, "not_accepted", "", at=at)
        case "not_there" | "not_sent":
            if transfer.sealed is None:  # forgotten meanwhile
                return _ask_again(transfer, "forgotten", "", at=at)
            return replace(transfer, state="approved")
        case "pending" | "no_answer":
            return transfer
        case _:
            assert_never(answer)


def put_in_file(transfer: Transfer, *, at: datetime) -> Transfer:
    """Put it into a file for our own bank. Raises TransferMoved."""
    _in(transfer, "approved")
    if transfer.route != "file":
        raise TransferMoved
    return replace(transfer, state="in_file", moved_at=at)


def out_of_file(transfer: Transfer, *, at: datetime) -> Transfer:
    """Take it out of a file that nobody has downloaded. Raises TransferMoved."""
    _in(transfer, "in_file")
    if transfer.sealed is None:  # forgotten meanwhile
        return _ask_again(transfer, "forgotten", "", at=at)
    return replace(transfer, state="approved", moved_at=at)


def done_by_bank(transfer: Transfer, *, at: datetime) -> Transfer:
    """Our bank has transferred it. Raises TransferMoved."""
    _in(transfer, "in_file")
    return replace(_purged(transfer, at=at), state="transferred", moved_at=at)


def returned_by_bank(transfer: Transfer, fault: Fault, words: str, *, at: datetime) -> Transfer:
    """Our bank could not transfer it (振込不能): the payer is asked again. Raises TransferMoved."""
    _in(transfer, "in_file")
    return _ask_again(transfer, fault, words, at=at)


def forget(transfer: Transfer, *, at: datetime) -> Transfer:
    """Delete an account that was kept too long; one that has not left is asked for again."""
    if transfer.sealed is None or at - transfer.moved_at < IDLE_MAX:
        return transfer
    if transfer.state in LIVING:
        return _ask_again(transfer, "forgotten", "", at=at)
    return _purged(transfer, at=at)


def is_same(one: str, other: str | None) -> bool:
    """Tell whether two names are one person's, however they were typed."""
    return other is not None and one.strip().casefold() == other.strip().casefold()


def brief(words: str) -> str:
    """Return what a person wrote, on one line and bounded."""
    return " ".join(words.split())[:WORDS_LENGTH_MAX]


def _in(transfer: Transfer, *states: State) -> None:
    if transfer.state not in states:
        raise TransferMoved


def _ask_again(transfer: Transfer, fault: Fault, words: str, *, at: datetime) -> Transfer:
    return replace(
        _purged(transfer, at=at),
        state="awaiting_account",
        checker=None,
        approver=None,
        route=None,
        fault=fault,
        words=brief(words),
        moved_at=at,
    )


def _purged(transfer: Transfer, *, at: datetime) -> Transfer:
    return transfer if transfer.sealed is None else replace(transfer, sealed=None, purged_at=at)
