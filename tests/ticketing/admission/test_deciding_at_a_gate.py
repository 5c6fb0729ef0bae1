"""Every combination of code, ticket, facility, day and use has one answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import JAPAN
from kernel.money import Yen
from ticketing.admission.model import (
    Admit,
    DeviceVerdict,
    Forged,
    Gate,
    Numbered,
    Reading,
    Reason,
    Refuse,
    Scan,
    Signed,
    TicketState,
    Unreadable,
    admitted,
    decide,
    decide_by_number,
    reversed_at_facility,
    settle,
)

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=JAPAN)
MUSEUM = Gate("hpam-1", "hpam")
GARDEN = Gate("shukkeien-1", "shukkeien")
TICKET = TicketState(
    id=UUID(int=1),
    order_id=UUID(int=100),
    order_number="ABC",
    position=1,
    facility="hpam",
    product="collection",
    category="adult",
    admits=frozenset({"hpam"}),
    visit_date=DAY,
    slot=None,
    price=Yen(510),
    version=1,
    voided=False,
    admitted={},
)


def reason_of(decision: Admit | Refuse) -> Reason:
    return Reason.OK if isinstance(decision, Admit) else Reason(decision.reason)


@pytest.mark.parametrize(
    ("reading", "known", "voided", "here", "today", "used"),
    list(
        product(
            [Signed(TICKET.id), Forged(), Unreadable()],
            [True, False],
            [True, False],
            [True, False],
            [True, False],
            [True, False],
        )
    ),
)
def test_the_first_check_that_fails_gives_the_reason(
    *, reading: Reading, known: bool, voided: bool, here: bool, today: bool, used: bool
):
    ticket = replace(
        TICKET,
        voided=voided,
        admits=frozenset({"hpam" if here else "shukkeien"}),
        visit_date=DAY if today else DAY + timedelta(days=1),
        admitted={"hpam": NOON} if used else {},
    )
    expected = next(
        reason
        for reason, applies in (
            (Reason.MALFORMED, isinstance(reading, Unreadable)),
            (Reason.BAD_SIGNATURE, isinstance(reading, Forged)),
            (Reason.UNKNOWN_TICKET, not known),
            (Reason.VOIDED, voided),
            (Reason.WRONG_FACILITY, not here),
            (Reason.WRONG_DATE, not today),
            (Reason.ALREADY_ADMITTED, used),
            (Reason.OK, True),
        )
        if applies
    )
    assert not isinstance(reading, Numbered)
    assert reason_of(decide(reading, ticket if known else None, MUSEUM, NOON)) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-22T23:59:59+09:00", Reason.WRONG_DATE),
        ("2026-11-23T00:00:00+09:00", Reason.OK),
        ("2026-11-22T15:00:00+00:00", Reason.OK),  # midnight in Japan
        ("2026-11-23T14:59:59+00:00", Reason.OK),
        ("2026-11-23T15:00:00+00:00", Reason.WRONG_DATE),
    ],
)
def test_the_day_is_japans(at: str, expected: Reason):
    assert reason_of(decide(Signed(TICKET.id), TICKET, MUSEUM, datetime.fromisoformat(at))) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("13:44:59", Reason.WRONG_DATE),
        ("13:45:00", Reason.OK),
        ("14:00:00", Reason.OK),
        ("16:59:00", Reason.OK),  # late, and still let in
    ],
)
def test_a_slot_opens_fifteen_minutes_before_it_starts(at: str, expected: Reason):
    ticket = replace(TICKET, slot=time(14, 0))
    moment = datetime.combine(DAY, time.fromisoformat(at), tzinfo=JAPAN)
    assert reason_of(decide(Signed(ticket.id), ticket, MUSEUM, moment)) is expected


def test_a_ticket_of_two_facilities_admits_once_at_each():
    both = replace(TICKET, admits=frozenset({"hpam", "shukkeien"}))
    inside = admitted(both, MUSEUM, NOON)
    assert reason_of(decide(Signed(both.id), inside, MUSEUM, NOON)) is Reason.ALREADY_ADMITTED
    assert reason_of(decide(Signed(both.id), inside, GARDEN, NOON)) is Reason.OK


def test_a_refused_repeat_says_when_the_ticket_was_used():
    inside = admitted(TICKET, MUSEUM, NOON)
    later = decide(Signed(TICKET.id), inside, MUSEUM, NOON + timedelta(minutes=5))
    assert isinstance(later, Refuse)
    assert later.admitted_at == NOON


def test_a_reversed_entry_admits_again():
    again = reversed_at_facility(admitted(TICKET, MUSEUM, NOON), "hpam")
    assert reason_of(decide(Signed(TICKET.id), again, MUSEUM, NOON)) is Reason.OK
    assert again.version == TICKET.version + 2


def test_an_order_number_admits_one_ticket_at_a_time_and_counts_the_rest():
    family = [replace(TICKET, id=UUID(int=n), position=n) for n in (1, 2, 3)]
    family[0] = replace(family[0], voided=True)
    first = decide_by_number(family, MUSEUM, NOON)
    assert isinstance(first, Admit)
    assert (first.ticket.position, first.remaining) == (2, 1)


def test_an_order_whose_people_are_all_inside_hears_so_and_not_of_its_voided_ticket():
    family = [replace(TICKET, voided=True), admitted(replace(TICKET, id=UUID(int=2), position=2), MUSEUM, NOON)]
    assert reason_of(decide_by_number(family, MUSEUM, NOON)) is Reason.ALREADY_ADMITTED


def test_an_order_number_without_tickets_is_unknown():
    assert reason_of(decide_by_number([], MUSEUM, NOON)) is Reason.UNKNOWN_TICKET


def a_scan(number: int, reading: Reading, *, gate: Gate = MUSEUM, claim: Reason | None = None) -> Scan:
    return Scan(
        id=UUID(int=1000 + number),
        gate=gate,
        reading=reading,
        code_sha256=bytes(32),
        scanned_at=NOON + timedelta(seconds=number),
        received_at=NOON.astimezone(UTC) + timedelta(hours=1),
        scanned_by="gate",
        correlation_id="test-correlation",
        claim=None if claim is None else DeviceVerdict(claim),
    )


def test_what_an_offline_gate_let_in_stays_in_and_the_disagreement_is_named():
    first, second = settle(
        [a_scan(1, Signed(TICKET.id)), a_scan(2, Signed(TICKET.id), claim=Reason.OK)], {TICKET.id: TICKET}
    )
    assert (first.reason, first.enters, first.conflict) == (Reason.OK, True, None)
    assert (second.reason, second.enters, second.conflict) == (Reason.OK, False, Reason.ALREADY_ADMITTED)


def test_an_offline_entry_on_a_voided_ticket_is_an_entry_and_a_conflict():
    voided = replace(TICKET, voided=True)
    (answer,) = settle([a_scan(1, Signed(TICKET.id), claim=Reason.OK)], {TICKET.id: voided})
    assert (answer.reason, answer.enters, answer.conflict) == (Reason.OK, True, Reason.VOIDED)


def test_what_an_offline_gate_turned_away_is_not_admitted_afterwards():
    (answer,) = settle([a_scan(1, Signed(TICKET.id), claim=Reason.WRONG_DATE)], {TICKET.id: TICKET})
    assert (answer.reason, answer.enters, answer.conflict) == (Reason.WRONG_DATE, False, Reason.OK)


TICKETS = [
    replace(
        TICKET,
        id=UUID(int=n),
        position=n,
        order_number="ABC" if n < 3 else "DEF",
        admits=frozenset({"hpam"} if n % 2 else {"hpam", "shukkeien"}),
        voided=n == 4,
    )
    for n in range(1, 6)
]
READINGS = st.one_of(
    st.sampled_from([Signed(each.id) for each in TICKETS]),
    st.sampled_from([Signed(UUID(int=99)), Numbered("ABC"), Numbered("DEF"), Numbered("XYZ"), Forged(), Unreadable()]),
)
CLAIMS = st.sampled_from([None, None, None, Reason.OK, Reason.ALREADY_ADMITTED])


@given(st.lists(st.tuples(READINGS, st.sampled_from([MUSEUM, GARDEN]), CLAIMS), max_size=40))
def test_no_sequence_of_scans_enters_a_ticket_twice_at_one_facility(looks):
    scans = [a_scan(n, reading, gate=gate, claim=claim) for n, (reading, gate, claim) in enumerate(looks)]
    answers = settle(scans, {each.id: each for each in TICKETS})
    entries = [
        (answer.ticket.id, scan.gate.facility)
        for scan, answer in zip(scans, answers, strict=True)
        if answer.enters and answer.ticket is not None
    ]
    assert len(entries) == len(set(entries))
    assert all(answer.admits for answer in answers if answer.enters)
    assert all(answer.offline for answer in answers if answer.conflict is not None)


@given(st.lists(st.tuples(READINGS, st.sampled_from([MUSEUM, GARDEN])), max_size=30), st.integers(0, 30))
def test_scans_are_answered_the_same_in_one_batch_or_in_two(looks, cut):
    scans = [a_scan(n, reading, gate=gate) for n, (reading, gate) in enumerate(looks)]
    state = {each.id: each for each in TICKETS}
    whole = settle(scans, state)
    first = settle(scans[:cut], state)
    between = state | {each.ticket.id: each.ticket for each in first if each.enters and each.ticket is not None}
    assert first + settle(scans[cut:], between) == whole
