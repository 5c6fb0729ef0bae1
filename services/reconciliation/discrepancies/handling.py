"""What people do about a discrepancy: assign, comment, resolve, and decide on what another one proposed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal, get_args
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Conflict, Invalid

State = Literal["open", "proposed", "resolved", "vanished"]
OPEN_STATES: Final[tuple[State, ...]] = ("open", "proposed")
STATES: Final[tuple[str, ...]] = get_args(State)
StepKind = Literal[
    "raised",
    "changed",
    "assigned",
    "commented",
    "proposed",
    "approved",
    "declined",
    "resolved",
    "reopened",
    "vanished",
]
Cause = Literal[
    "late", "outside", "given_back", "collected", "provider", "bank", "ours", "in_order", "written_off", "other"
]
CAUSES: Final[tuple[str, ...]] = get_args(Cause)
BY_ITSELF: Final = "momiji"  # who found it, where nobody did anything
WORDS_LENGTH_MAX: Final = 1000
NAME_LENGTH_MAX: Final = 100
BULK_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """A discrepancy as it is kept. `version` is its newest step's; `proposed_by` waits for, or had, a second person."""

    id: UUID
    kind: str
    subject: str
    order_id: str
    number: str
    facility: str
    provider: str
    day: date
    amount: Yen
    since: datetime
    state: State
    assignee: str
    version: int
    raised_at: datetime
    changed_at: datetime
    proposed_by: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a discrepancy. `words`: what somebody wrote; of assigned, to whom."""

    version: int
    step: StepKind
    at: datetime
    by: str
    amount: Yen
    cause: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is settled: from the list, and in somebody's own words."""

    cause: Cause
    words: str


Moved = tuple[Stored, tuple[Step, ...]]


def _after(before: Stored, at: datetime, by: str, *kinds: StepKind, cause: str = "", words: str = "") -> Moved:
    steps = tuple(
        Step(before.version + number, kind, at, by, before.amount, cause, words)
        for number, kind in enumerate(kinds, start=1)
    )
    return replace(before, version=before.version + len(steps), changed_at=at), steps


def assign(before: Stored, to: str, *, by: str, at: datetime) -> Moved:
    """Give it to somebody, or with '' to nobody; the same again changes nothing. Raises NotOpen and NameTooLong."""
    _require_open(before)
    name = to.replace("\0", "").strip()
    if len(name) > NAME_LENGTH_MAX:
        raise NameTooLong(length_max=NAME_LENGTH_MAX)
    if name == before.assignee:
        return before, ()
    after, steps = _after(before, at, by, "assigned", words=name)
    return replace(after, assignee=name), steps


def comment(before: Stored, words: str, *, by: str, at: datetime) -> Moved:
    """Write something down, also where it is settled. Raises WordsMissing."""
    return _after(before, at, by, "commented", words=require_words(words))


def resolve(before: Stored, reason: Reason, *, by: str, at: datetime, alone_max: Yen) -> Moved:
    """Settle it; above `alone_max` propose to, for a second person to approve.

    Raises NotOpen, WaitsForAnother and WordsMissing.
    """
    _require_open(before)
    words = require_words(reason.words)
    if before.state == "proposed" and before.proposed_by != by:
        raise WaitsForAnother(name=before.proposed_by)
    if abs(before.amount.amount) > alone_max.amount:
        after, steps = _after(before, at, by, "proposed", cause=reason.cause, words=words)
        return replace(after, state="proposed", proposed_by=by, approved_by=""), steps
    after, steps = _after(before, at, by, "resolved", cause=reason.cause, words=words)
    return replace(after, state="resolved", proposed_by="", approved_by=""), steps


def approve(before: Stored, proposal: Step, *, by: str, at: datetime) -> Moved:
    """Settle what another person proposed. Raises NothingProposed and OwnProposal."""
    _require_another(before, by)
    _, (said,) = _after(before, at, by, "approved")
    done = Step(said.version + 1, "resolved", at, proposal.by, before.amount, proposal.cause, proposal.words)
    after = replace(before, state="resolved", version=done.version, changed_at=at, approved_by=by)
    return after, (said, done)


def decline(before: Stored, words: str, *, by: str, at: datetime) -> Moved:
    """Give back what another person proposed, with words. Raises NothingProposed, OwnProposal and WordsMissing."""
    _require_another(before, by)
    after, steps = _after(before, at, by, "declined", words=require_words(words))
    return replace(after, state="open", proposed_by=""), steps


def require_words(said: str) -> str:
    """Return what was written, of 1 to 1,000 characters; raise WordsMissing."""
    words = said.replace("\0", "").strip()
    if not 1 <= len(words) <= WORDS_LENGTH_MAX:
        raise WordsMissing
    return words


def require_cause(given: str) -> Cause:
    """Return a reason of the list; raise CauseNotChosen or UnknownCause."""
    if not given:
        raise CauseNotChosen
    for each in get_args(Cause):
        if each == given:
            found: Cause = each
            return found
    raise UnknownCause(known=", ".join(CAUSES))


def _require_open(before: Stored) -> None:
    if before.state not in OPEN_STATES:
        raise NotOpen


def _require_another(before: Stored, by: str) -> None:
    if before.state != "proposed":
        raise NothingProposed
    if before.proposed_by == by:
        raise OwnProposal


class NotOpen(Conflict):
    """It is settled, or agrees by itself by now."""

    slug = "discrepancy-not-open"
    advice = "This discrepancy is not open any more. Reload it to see how it was settled."


class WaitsForAnother(Conflict):
    """Somebody proposed how it is settled."""

    slug = "discrepancy-waits-for-approval"
    advice = "{name} proposed how this is settled. Approve or decline that first."


class NothingProposed(Conflict):
    """There is nothing to approve or to decline."""

    slug = "nothing-proposed"
    advice = "Nothing is proposed here, or it was decided already. Reload the discrepancy."


class OwnProposal(Conflict):
    """Two people are needed."""

    slug = "own-proposal"
    advice = "You proposed this yourself. Above this amount a second person has to approve or decline it."


class WordsMissing(Invalid):
    """Nothing was written down, or too much."""

    slug = "reason-missing"
    advice = "Write down what you found out, in at most 1,000 characters; the next auditor will ask."


class CauseNotChosen(Invalid):
    """No reason was chosen."""

    slug = "reason-not-chosen"
    advice = "Choose the reason too; how often each one occurs shows what to take up with whom."


class UnknownCause(Invalid):
    """The reason is none of the list."""

    slug = "unknown-cause"
    advice = "Choose a reason of the list: {known}."


class NameTooLong(Invalid):
    """Nobody is called that."""

    slug = "name-too-long"
    advice = "Write a name of at most {length_max} characters."


class TooManyAtOnce(Invalid):
    """None or too many were chosen."""

    slug = "too-many-at-once"
    advice = "Choose between 1 and {count_max} discrepancies at once."
