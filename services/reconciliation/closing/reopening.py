"""Opening a closing again: one asks, another decides. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from kernel.access import Role
from kernel.refusals import Conflict, Forbidden, Invalid, NotFound
from reconciliation.closing.model import Period

Decision = Literal["approved", "declined"]
REASON_LENGTH_MAX: Final = 1000
TOKEN_PREFIX: Final = "token-"  # noqa: S105 - how `momiji token` names whom it was made for


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks or decides, and in which role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asked to open a version of a period's closing again; nobody has decided."""

    id: UUID
    period: Period
    version: int
    reason: str
    asked_by: Person
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Decided(Asked):
    """Somebody else decided."""

    decision: Decision
    decided_by: Person
    decided_at: datetime

    @classmethod
    def of(cls, asked: Asked, decision: Decision, by: Person, at: datetime) -> Decided:
        """Return what was asked with its decision."""
        return cls(
            asked.id, asked.period, asked.version, asked.reason, asked.asked_by, asked.asked_at, decision, by, at
        )


Reopening = Asked | Decided


def decide(reopening: Reopening, decision: Decision, *, by: Person, at: datetime) -> Decided:
    """Return a reopening with its decision.

    Raises ReopeningDecided, SamePerson, and AccountingNeeded where neither of the two who open it is of accounting.
    """
    if isinstance(reopening, Decided):
        raise ReopeningDecided(name=reopening.decided_by.name)
    if by.name == reopening.asked_by.name:
        raise SamePerson
    if decision == "approved" and Role.ACCOUNTING not in {by.role, reopening.asked_by.role}:
        raise AccountingNeeded
    return Decided.of(reopening, decision, by, at)


def require_reason(said: str) -> str:
    """Return a reason of 1 to 1,000 characters; raise ReopeningReasonMissing."""
    reason = said.strip()
    if not 1 <= len(reason) <= REASON_LENGTH_MAX:
        raise ReopeningReasonMissing
    return reason


def require_person(person: Person, *, production: bool) -> Person:
    """Return who acts; raise TokenIsNobody where the books are real."""
    if production and person.name.startswith(TOKEN_PREFIX):
        raise TokenIsNobody
    return person


class NotClosed(Conflict):
    """There is nothing to open."""

    slug = "period-not-closed"
    advice = "{period} is not closed, so there is nothing to open."


class ReopeningWaits(Conflict):
    """Somebody asked before."""

    slug = "reopening-waits"
    advice = "{name} has asked to open {period} already. Somebody else has to decide about that first."


class ReopeningReasonMissing(Invalid):
    """A closing is opened for a reason."""

    slug = "reopening-reason-missing"
    advice = "Write down why it has to be opened again, in at most 1,000 characters; the next auditor will ask."


class UnknownReopening(NotFound):
    """Nobody asked."""

    slug = "unknown-reopening"
    advice = "Nobody asked to open {period} under {id}. Reload the page."


class ReopeningDecided(Conflict):
    """Somebody was quicker."""

    slug = "reopening-decided"
    advice = "{name} has decided about it already. Reload the page."


class SamePerson(Forbidden):
    """Two people, not one twice."""

    slug = "two-people-needed"
    advice = "You asked for it yourself, so somebody else has to decide. Ask a colleague of accounting."


class AccountingNeeded(Forbidden):
    """Two administrators are not accounting."""

    slug = "accounting-needed"
    advice = "One of the two who open a closing has to be of accounting. Ask a colleague there to decide."


class TokenIsNobody(Forbidden):
    """A token that anybody with the installation's secrets can print twice is not two people."""

    slug = "token-is-nobody"
    advice = "Sign in with your own name: a token does not say who you are, and two people must look at this."
