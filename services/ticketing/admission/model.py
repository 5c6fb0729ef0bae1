"""The gate's decision: who may enter here, now, with this code, and the one reason why not.

The checks run in this order, and the first that fails gives the reason:

1. `malformed`: the code is no ticket code of ours and no order number.
2. `bad_signature`: it has the shape of a ticket code, and our key did not sign it.
3. `unknown_ticket`: signed, and yet not in the books (or an order number without tickets).
4. `voided`: cancelled; it is said before any other advice, so that nobody is sent on to another place for nothing.
5. `wrong_facility`: valid, and not for here.
6. `wrong_date`: for here, and not for today, or its slot does not open for more than 15 minutes yet.
7. `already_admitted`: used here before. A ticket for two facilities admits once at each.
8. `ok`.

A slot only bounds the start of a visit. Whoever comes late still enters until the facility closes:
the place is paid for and was kept free, and turning people away is for staff, not for a machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from enum import StrEnum
from typing import Final, Literal, assert_never
from uuid import UUID

from kernel.clock import JAPAN, business_date
from kernel.money import Yen

SLOT_OPENS_MINUTES_BEFORE: Final = 15


class Reason(StrEnum):
    """Why a gate admits or refuses; the wire values of design.md §5."""

    OK = "ok"
    ALREADY_ADMITTED = "already_admitted"
    WRONG_FACILITY = "wrong_facility"
    WRONG_DATE = "wrong_date"
    VOIDED = "voided"
    UNKNOWN_TICKET = "unknown_ticket"
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"


RefusalReason = Literal[
    Reason.ALREADY_ADMITTED,
    Reason.WRONG_FACILITY,
    Reason.WRONG_DATE,
    Reason.VOIDED,
    Reason.UNKNOWN_TICKET,
    Reason.BAD_SIGNATURE,
    Reason.MALFORMED,
]


@dataclass(frozen=True, slots=True)
class Gate:
    """One entrance of one facility."""

    code: str
    facility: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A ticket code whose signature is ours."""

    ticket_id: UUID


@dataclass(frozen=True, slots=True)
class Numbered:
    """An order number, typed by hand, with a correct check character."""

    order_number: str


@dataclass(frozen=True, slots=True)
class Forged:
    """The shape of a ticket code without our signature."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Neither a ticket code nor an order number."""


Reading = Signed | Numbered | Forged | Unreadable


@dataclass(frozen=True, slots=True)
class TicketState:
    """What the books say about one ticket. `admitted` maps a facility to the entry that stands there."""

    id: UUID
    order_id: UUID
    order_number: str
    position: int
    facility: str
    product: str
    category: str
    admits: frozenset[str]
    visit_date: date
    slot: time_of_day | None
    price: Yen
    version: int
    voided: bool
    admitted: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Admit:
    """The person may enter with this ticket; `remaining` more may on the same order number, if one was typed."""

    ticket: TicketState
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The person may not enter, for one reason; `admitted_at` is when the ticket was used here before."""

    reason: RefusalReason
    ticket: TicketState | None = None
    admitted_at: datetime | None = None


Decision = Admit | Refuse


def opens_at(ticket: TicketState) -> datetime | None:
    """Return from when on a ticket with a slot is admitted; None for a ticket of the whole day."""
    if ticket.slot is None:
        return None
    start = datetime.combine(ticket.visit_date, ticket.slot, tzinfo=JAPAN)
    return start - timedelta(minutes=SLOT_OPENS_MINUTES_BEFORE)


def judge(ticket: TicketState, gate: Gate, at: datetime) -> Decision:
    """Decide on a ticket that exists: checks 4 to 8 of the module's list. `at` is aware."""
    if ticket.voided:
        return Refuse(Reason.VOIDED, ticket)
    if gate.facility not in ticket.admits:
        return Refuse(Reason.WRONG_FACILITY, ticket)
    opens = opens_at(ticket)
    if business_date(at) != ticket.visit_date or (opens is not None and at < opens):
        return Refuse(Reason.WRONG_DATE, ticket)
    before = ticket.admitted.get(gate.facility)
    if before is not None:
        return Refuse(Reason.ALREADY_ADMITTED, ticket, before)
    return Admit(ticket)


def decide(reading: Signed | Forged | Unreadable, ticket: TicketState | None, gate: Gate, at: datetime) -> Decision:
    """Decide on one scanned code; `ticket` is what the books hold under its id."""
    match reading:
        case Unreadable():
            return Refuse(Reason.MALFORMED)
        case Forged():
            return Refuse(Reason.BAD_SIGNATURE)
        case Signed():
            return Refuse(Reason.UNKNOWN_TICKET) if ticket is None else judge(ticket, gate, at)
        case _:
            assert_never(reading)


def decide_by_number(tickets: Sequence[TicketState], gate: Gate, at: datetime) -> Decision:
    """Decide on an order number typed by hand: it admits the next ticket of the order that may enter.

    With none left, the reason is that of the ticket which came furthest through the checks, so that
    a family which is all inside hears `already_admitted` and not `voided`.
    """
    decisions = [judge(each, gate, at) for each in sorted(tickets, key=lambda each: each.position)]
    admitting = [each for each in decisions if isinstance(each, Admit)]
    if admitting:
        return Admit(admitting[0].ticket, remaining=len(admitting) - 1)
    refusing = [each for each in decisions if isinstance(each, Refuse)]
    if not refusing:
        return Refuse(Reason.UNKNOWN_TICKET)
    return max(refusing, key=lambda each: _ORDER.index(each.reason))


_ORDER: Final[tuple[Reason, ...]] = (
    Reason.MALFORMED,
    Reason.BAD_SIGNATURE,
    Reason.UNKNOWN_TICKET,
    Reason.VOIDED,
    Reason.WRONG_FACILITY,
    Reason.WRONG_DATE,
    Reason.ALREADY_ADMITTED,
)


def admitted(ticket: TicketState, gate: Gate, at: datetime) -> TicketState:
    """Return the ticket after its holder went in: one version on."""
    if gate.facility in ticket.admitted:
        raise ValueError(f"Ticket {ticket.id} is already admitted at {gate.facility}; decide before admitting.")
    return replace(ticket, version=ticket.version + 1, admitted={**ticket.admitted, gate.facility: at})


def reversed_at_facility(ticket: TicketState, facility: str) -> TicketState:
    """Return the ticket after a supervisor undid its entry at a facility: one version on."""
    left = {each: at for each, at in ticket.admitted.items() if each != facility}
    if len(left) == len(ticket.admitted):
        raise ValueError(f"Ticket {ticket.id} has no entry at {facility} to reverse.")
    return replace(ticket, version=ticket.version + 1, admitted=left)


@dataclass(frozen=True, slots=True)
class DeviceVerdict:
    """What a gate without a network already showed: the person went in, or was turned away for a reason."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at a code. `claim` is set when the gate decided alone, offline."""

    id: UUID
    gate: Gate
    reading: Reading
    code_sha256: bytes
    scanned_at: datetime
    received_at: datetime
    scanned_by: str
    correlation_id: str
    claim: DeviceVerdict | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scan is answered, for ever the same.

    `conflict` is why the books would have decided otherwise than an offline gate did. `enters` tells
    whether this scan is the ticket's entry: a second person on one ticket is kept, but is no entry.
    """

    scan_id: UUID
    reason: Reason
    ticket: TicketState | None
    admitted_at: datetime | None
    remaining: int | None
    conflict: Reason | None
    offline: bool
    enters: bool

    @property
    def admits(self) -> bool:
        """Tell whether the person is in."""
        return self.reason is Reason.OK


def answer(scan: Scan, decision: Decision) -> Answer:
    """Return the answer to a scan: the decision, unless the gate was offline and people already acted.

    Physical entry wins (facts: browser-and-gate.md): what an offline gate let in stays in, and what it
    turned away stays out; where the books disagree, the answer says so.
    """
    offline = scan.claim is not None
    ticket = decision.ticket
    remaining = decision.remaining if isinstance(decision, Admit) else None
    found = Reason.OK if isinstance(decision, Admit) else Reason(decision.reason)
    before = None if isinstance(decision, Admit) else decision.admitted_at
    reason = found if scan.claim is None else scan.claim.reason
    conflict = found if offline and (found is Reason.OK) != (reason is Reason.OK) else None
    went_in = reason is Reason.OK
    enters = went_in and ticket is not None and scan.gate.facility not in ticket.admitted
    at = scan.scanned_at if enters else before or (scan.scanned_at if went_in else None)
    return Answer(scan.id, reason, ticket, at, remaining if went_in else None, conflict, offline, enters)


def settle(scans: Sequence[Scan], tickets: Mapping[UUID, TicketState]) -> list[Answer]:
    """Answer scans one after the other, each on the state that those before it left.

    `tickets` holds every ticket that the scans could touch, by id; an order number touches all of its
    order's tickets.
    """
    now = dict(tickets)
    by_number: dict[str, list[UUID]] = {}
    for ticket in tickets.values():
        by_number.setdefault(ticket.order_number, []).append(ticket.id)
    answers: list[Answer] = []
    for scan in scans:
        decision: Decision
        if isinstance(scan.reading, Numbered):
            of_order = [now[each] for each in by_number.get(scan.reading.order_number, ())]
            decision = decide_by_number(of_order, scan.gate, scan.scanned_at)
        else:
            found = now.get(scan.reading.ticket_id) if isinstance(scan.reading, Signed) else None
            decision = decide(scan.reading, found, scan.gate, scan.scanned_at)
        given = answer(scan, decision)
        if given.enters and given.ticket is not None:
            inside = admitted(given.ticket, scan.gate, scan.scanned_at)
            now[inside.id] = inside
            given = replace(given, ticket=inside)
        answers.append(given)
    return answers
