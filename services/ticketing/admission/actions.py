"""What happens at a gate: scans are answered and kept, entries are undone, a gate is told about its day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as time_of_day
from uuid import UUID

from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import OperationalError

from kernel.access import Principal, Role
from kernel.clock import JAPAN, business_date
from kernel.contracts.ticketing import TicketAdmissionReversed, TicketAdmitted, TicketRejected
from kernel.outbox import Pending, write_events
from kernel.refusals import Conflict, Invalid, NotFound
from kernel.rows import Database, Transaction
from ticketing.admission import store
from ticketing.admission.model import (
    Answer,
    Gate,
    Numbered,
    Reason,
    Scan,
    Signed,
    TicketState,
    reversed_at_facility,
    settle,
)

RACES_MAX = 5


class ScanReused(Invalid):
    """The same scan_id came again with another code or from another gate."""

    slug = "scan-id-reused"
    advice = "This scan_id was used for another code. Use a new scan_id for every scan."


class NoEntryToReverse(Conflict):
    """The scan let nobody in."""

    slug = "no-entry-to-reverse"
    advice = "This scan let nobody in, so there is nothing to undo."


class UnknownGate(NotFound):
    """There is no such gate."""

    slug = "unknown-gate"
    advice = "There is no gate {gate}. Choose a gate again."


class UnknownScan(NotFound):
    """There is no such scan at this gate."""

    slug = "unknown-scan"
    advice = "There is no such scan at this gate. Check the gate and the number."


Outcome = Answer | ScanReused


async def record(
    tx: Transaction, scans: Sequence[Scan], *, new_id: Callable[[], UUID], details: bool = False
) -> list[Outcome]:
    """Answer many scans in one transaction, each as if it had come alone and in this order.

    A scan_id that was answered before gets its first answer; with another code it is a ScanReused.
    `details` also keeps each disagreement with an offline gate in the audit trail.
    """
    signed = {scan.reading.ticket_id for scan in scans if isinstance(scan.reading, Signed)}
    numbers = {scan.reading.order_number for scan in scans if isinstance(scan.reading, Numbered)}
    wanted = signed.union(await store.ticket_ids_of_orders(tx, sorted(numbers)))
    tickets = await store.lock_tickets(tx, sorted(wanted))
    kept = await store.kept_scans(tx, [scan.id for scan in scans], tickets)
    fresh: dict[UUID, Scan] = {}
    for scan in scans:
        if scan.id not in kept:
            fresh.setdefault(scan.id, scan)
    answers = settle(list(fresh.values()), tickets)
    if answers:
        pairs = list(zip(fresh.values(), answers, strict=True))
        await store.write(tx, pairs)
        await write_events(tx, list(_events(pairs, new_id)))
        if details:
            await _tell_conflicts(tx, pairs)
    given = {each.scan_id: each for each in answers}
    return [_outcome(scan, given.get(scan.id), fresh.get(scan.id), kept.get(scan.id)) for scan in scans]


def _outcome(scan: Scan, given: Answer | None, first: Scan | None, kept: store.KeptScan | None) -> Outcome:
    if kept is not None:
        same = (kept.code_sha256, kept.gate) == (scan.code_sha256, scan.gate.code)
        return kept.answer if same else ScanReused()
    assert given is not None and first is not None  # noqa: S101, PT018 - what was not kept was answered now
    return given if (first.code_sha256, first.gate) == (scan.code_sha256, scan.gate) else ScanReused()


def _events(pairs: Sequence[tuple[Scan, Answer]], new_id: Callable[[], UUID]) -> Iterator[Pending]:
    for scan, given in pairs:
        if given.enters and given.ticket is not None:
            fact = TicketAdmitted(
                **_ticket_fields(given.ticket),
                gate=scan.gate.code,
                gate_facility=scan.gate.facility,
                scan_id=scan.id,
                admitted_at=scan.scanned_at,
                offline=given.offline,
            )
            version = given.ticket.version
            yield Pending(fact, str(given.ticket.id), version, new_id(), scan.correlation_id, scan.received_at)
        elif given.reason is not Reason.OK:
            rejected = TicketRejected(
                scan_id=scan.id,
                gate=scan.gate.code,
                gate_facility=scan.gate.facility,
                ticket_id=None if given.ticket is None else given.ticket.id,
                reason=given.reason.value,
                rejected_at=scan.scanned_at,
            )
            yield Pending(rejected, str(scan.id), 1, new_id(), scan.correlation_id, scan.received_at)


def _ticket_fields(ticket: TicketState) -> dict[str, object]:
    return {
        "ticket_id": ticket.id,
        "order_id": ticket.order_id,
        "facility": ticket.facility,
        "product": ticket.product,
        "category": ticket.category,
        "visit_date": ticket.visit_date,
        "price": ticket.price,
    }


async def _tell_conflicts(tx: Transaction, pairs: Sequence[tuple[Scan, Answer]]) -> None:
    for scan, given in pairs:
        if given.conflict is not None:
            await tx.execute(
                "INSERT INTO audit (at, actor, action, subject, details) VALUES (:at, :actor, 'offline_conflict', "
                ":subject, jsonb_build_object('gate', CAST(:gate AS text), 'shown', CAST(:shown AS text), "
                "'books', CAST(:books AS text)))",
                at=scan.received_at,
                actor=scan.scanned_by,
                subject=str(scan.id),
                gate=scan.gate.code,
                shown=given.reason.value,
                books=given.conflict.value,
            )


async def record_now(
    database: Database, scans: Sequence[Scan], *, new_id: Callable[[], UUID], details: bool = False
) -> list[Outcome]:
    """Answer many scans and return only once they are committed.

    Another process that keeps one of the same scans in the same instant makes this one roll back and
    decide again, at most RACES_MAX times.
    """
    for attempt in range(RACES_MAX):
        try:
            async with database.transaction(scans[0].correlation_id) as tx:
                return await record(tx, scans, new_id=new_id, details=details)
        except (store.WriteRaceError, OperationalError) as race:
            lost = isinstance(race, store.WriteRaceError) or isinstance(race.orig, DeadlockDetected)
            if not lost or attempt == RACES_MAX - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


@dataclass(frozen=True, slots=True)
class Reversal:
    """An entry that was undone; `reversed_at` is when, the first time."""

    scan_id: UUID
    ticket_id: UUID
    facility: str
    reversed_at: datetime


async def reverse(
    tx: Transaction, scan_id: UUID, *, gate: Gate, by: Principal, reason: str, event_id: UUID, at: datetime
) -> Reversal:
    """Undo the entry of one scan, so that its ticket admits again; harmless the second time.

    Raises Forbidden unless a supervisor asks, UnknownScan, NoEntryToReverse.
    """
    by.require(Role.SUPERVISOR).require_facility(gate.facility)
    entry = await store.entry_of(tx, scan_id)
    if entry is None:
        kept = await store.kept_scans(tx, [scan_id], {})
        if scan_id in kept and kept[scan_id].gate == gate.code:
            raise NoEntryToReverse
        raise UnknownScan
    if entry.gate != gate.code:
        raise UnknownScan
    tickets = await store.lock_tickets(tx, [entry.ticket_id])
    entry = await store.entry_of(tx, scan_id)  # Again under the lock: another supervisor may have been faster.
    if entry is None:
        raise UnknownScan
    if entry.reversed_at is not None:
        return Reversal(scan_id, entry.ticket_id, entry.facility, entry.reversed_at)
    ticket = reversed_at_facility(tickets[entry.ticket_id], entry.facility)
    await store.reverse(tx, scan_id, ticket, at=at)
    fact = TicketAdmissionReversed(
        **_ticket_fields(ticket), gate=gate.code, scan_id=scan_id, reversed_at=at, reason=reason
    )
    await tx.publish(fact, subject=ticket.id, version=ticket.version, event_id=event_id, at=at)
    await tx.execute(
        "INSERT INTO audit (at, actor, action, subject, details) VALUES (:at, :actor, 'admission_reversed', :subject, "
        "jsonb_build_object('gate', CAST(:gate AS text), 'reason', CAST(:reason AS text)))",
        at=at,
        actor=by.name,
        subject=str(scan_id),
        gate=gate.code,
        reason=reason,
    )
    return Reversal(scan_id, entry.ticket_id, entry.facility, at)


async def today(
    tx: Transaction, *, gate: Gate, at: datetime, since: datetime | None = None
) -> tuple[store.Today, store.Tally]:
    """Return what a gate must know of its day (or what changed since a moment), and what it did so far."""
    known = await store.today(tx, facility=gate.facility, day=business_date(at), since=since)
    return known, await tally_of_today(tx, gate=gate, at=at)


async def tally_of_today(tx: Transaction, *, gate: Gate, at: datetime) -> store.Tally:
    """Count what one gate did since midnight in Japan."""
    since = datetime.combine(business_date(at), time_of_day(0), tzinfo=JAPAN)
    return await store.tally(tx, gate=gate.code, since=since, until=since + timedelta(days=1))
