"""The gate's JSON: scans one by one and in queues, what a gate must know, and undoing an entry.

Scans are parsed by hand and answered as bytes: a validation framework and its response model would
cost more than the decision (docs/decisions/0061-scan-desk.md has the figures).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, Field

from kernel import problems
from kernel.access import Principal, Role
from kernel.cards import blot
from kernel.clock import JAPAN, business_date
from kernel.refusals import Invalid, Malformed
from kernel.telemetry import correlation_id
from ticketing.admission import actions
from ticketing.admission.actions import Outcome, ScanReused
from ticketing.admission.desk import GateDesk, desk_of
from ticketing.admission.model import SLOT_OPENS_MINUTES_BEFORE, Answer, DeviceVerdict, Gate, Reason, Scan
from ticketing.admission.reading import read
from ticketing.admission.store import Tally, Today
from ticketing.admission.words import sentence

CODE_LENGTH_MAX = 600
BATCH_SCANS_MAX = 1_000
CURSOR_OVERLAP_SECONDS = 60  # No transaction lives that long: statements end after 30 s.
BATCH_BYTES_MAX = 1_048_576

router = APIRouter(prefix="/v1/gates", tags=["gates"])
GateCode = Annotated[str, Path(max_length=64)]
Desk = Annotated[GateDesk, Depends(desk_of)]


class TicketAtGate(BaseModel):
    """What a gate may know of a ticket: nothing personal."""

    id: UUID
    category: str
    category_name: str
    product: str
    product_name: str
    facility: str
    visit_date: str
    slot: str | None
    order_number: str


class ScanAnswer(BaseModel):
    """The answer to one scan; the same for ever for one scan_id."""

    scan_id: UUID
    decision: str = Field(pattern="^(admit|refuse)$")
    reason: Reason
    message: str
    ticket: TicketAtGate | None
    admitted_at: datetime | None
    remaining: int | None
    offline: bool
    conflict: Reason | None


class ScanBody(BaseModel):
    """One scan. `code` is a ticket code or an order number; `decision` and `reason` are what an offline gate showed."""

    scan_id: UUID
    code: str = Field(min_length=1, max_length=CODE_LENGTH_MAX)
    scanned_at: datetime
    decision: str | None = Field(default=None, pattern="^(admit|refuse)$")
    reason: Reason | None = None


class BatchBody(BaseModel):
    """The queue of an offline gate, oldest first."""

    scans: list[ScanBody] = Field(min_length=1, max_length=BATCH_SCANS_MAX)


class BatchAnswer(BaseModel):
    """One answer or problem per scan, in the order given."""

    scans: list[ScanAnswer | dict[str, Any]]
    conflicts: int


def _body_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/{gate}/scans", response_model=ScanAnswer, openapi_extra=_body_of(ScanBody))
async def scan(request: Request, gate: GateCode, desk: Desk) -> Response:
    """Answer one scanned or typed code. The same scan_id is answered the same; it needs no Idempotency-Key."""
    at, here, by = _enter(request, desk, gate)
    given = _parse(await _json(request), at=at, gate=here, by=by, desk=desk, offline=False)
    outcome = await desk.scans.submit(given)
    if isinstance(outcome, ScanReused):
        raise outcome
    return Response(json.dumps(answer_fields(desk, request, outcome), ensure_ascii=False), media_type=_JSON)


@router.post("/{gate}/scans/batch", response_model=BatchAnswer, openapi_extra=_body_of(BatchBody))
async def scan_batch(request: Request, gate: GateCode, desk: Desk) -> Response:
    """Keep the queue of an offline gate (at most 1,000 scans) in one transaction.

    With `decision` the gate has already acted: that stands, and the answer names the `conflict` where
    the books disagree. Without, each scan is decided as of its `scanned_at`.
    """
    at, here, by = _enter(request, desk, gate)
    body = await _json(request)
    listed = body.get("scans")
    if not isinstance(listed, list) or not 1 <= len(listed) <= BATCH_SCANS_MAX:
        raise Invalid(problem=f"Send 1 to {BATCH_SCANS_MAX} scans in 'scans'.")
    # In a thread: signatures are checked without the interpreter's lock, so that other gates get their turn meanwhile.
    scans = await asyncio.to_thread(
        lambda: [_parse(each, at=at, gate=here, by=by, desk=desk, offline=True) for each in listed]
    )
    outcomes = await desk.scans.submit_many(scans)
    answers = [_batch_fields(desk, request, each, one.id) for each, one in zip(outcomes, scans, strict=True)]
    conflicts = sum(isinstance(each, Answer) and each.conflict is not None for each in outcomes)
    body_out = {"scans": answers, "conflicts": conflicts}
    return Response(json.dumps(body_out, ensure_ascii=False), media_type=_JSON)


_JSON = "application/json"


def _enter(request: Request, desk: GateDesk, code: str) -> tuple[datetime, Gate, Principal]:
    at = desk.clock.now()
    by = desk.who.principal(request, at=at).require(Role.GATE, Role.SUPERVISOR, Role.FACILITY)
    gate = desk.gate_of(code)
    by.require_facility(gate.facility)
    return at, gate, by


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as problem:
        raise Malformed(problem="the body is not JSON") from problem
    if not isinstance(body, dict):
        raise Malformed(problem="the body is not a JSON object")
    return body


def _parse(body: object, *, at: datetime, gate: Gate, by: Principal, desk: GateDesk, offline: bool) -> Scan:
    if not isinstance(body, dict):
        raise Invalid(problem="Each scan is an object with scan_id, code and scanned_at.")
    code, scanned_at = body.get("code"), body.get("scanned_at")
    if not isinstance(code, str) or not 1 <= len(code) <= CODE_LENGTH_MAX:
        raise Invalid(problem=f"code is a text of 1 to {CODE_LENGTH_MAX} characters.")
    try:
        scan_id = UUID(body.get("scan_id"))
        moment = datetime.fromisoformat(scanned_at) if isinstance(scanned_at, str) else None
    except (ValueError, TypeError, AttributeError) as problem:
        raise Invalid(
            problem="scan_id is a UUID and scanned_at a moment such as 2026-11-23T10:02:00+09:00."
        ) from problem
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 9000:  # noqa: PLR2004 - years
        raise Invalid(problem="scanned_at is a moment with its offset, such as 2026-11-23T10:02:00+09:00.")
    claim = _claim(body) if offline else None
    # In UTC, as the database gives it back: a repeat must read the same to the letter.
    return new_scan(desk, scan_id, code, gate=gate, by=by, scanned_at=moment.astimezone(UTC), at=at, claim=claim)


def new_scan(
    desk: GateDesk,
    scan_id: UUID,
    code: str,
    *,
    gate: Gate,
    by: Principal,
    scanned_at: datetime,
    at: datetime,
    claim: DeviceVerdict | None = None,
) -> Scan:
    """Read a code and return the scan of it; spaces around and line ends of hand scanners do not count."""
    code = code.strip()
    return Scan(
        id=scan_id,
        gate=gate,
        reading=read(code, desk.keys(), at=scanned_at),
        # A card held to the scanner is "malformed" like any other code; not even a hash that gives it away is kept.
        code_sha256=hashlib.sha256(blot(code).encode("utf-8", "surrogatepass")).digest(),
        scanned_at=scanned_at,
        received_at=at,
        scanned_by=by.name,
        correlation_id=correlation_id.get(),
        claim=claim,
    )


def _claim(body: dict[str, Any]) -> DeviceVerdict | None:
    decision, reason = body.get("decision"), body.get("reason")
    if decision is None:
        return None
    try:
        said = Reason(reason) if reason is not None else (Reason.OK if decision == "admit" else None)
    except ValueError:
        said = None
    if said is None or decision not in {"admit", "refuse"} or (decision == "admit") != (said is Reason.OK):
        raise Invalid(problem="decision is 'admit' with reason 'ok', or 'refuse' with the reason that the gate showed.")
    return DeviceVerdict(said)


def answer_fields(desk: GateDesk, request: Request, answer: Answer) -> dict[str, object]:
    """Return an answer as its JSON fields, with its words in the reader's language."""
    return {
        "scan_id": str(answer.scan_id),
        "decision": "admit" if answer.admits else "refuse",
        "reason": answer.reason.value,
        "message": sentence(desk, request, answer),
        "ticket": _ticket_fields(desk, request, answer),
        "admitted_at": None if answer.admitted_at is None else answer.admitted_at.isoformat(),
        "remaining": answer.remaining,
        "offline": answer.offline,
        "conflict": None if answer.conflict is None else answer.conflict.value,
    }


def _ticket_fields(desk: GateDesk, request: Request, answer: Answer) -> dict[str, object] | None:
    ticket = answer.ticket
    if ticket is None:
        return None
    language = desk.language(request)
    return {
        "id": str(ticket.id),
        "category": ticket.category,
        "category_name": desk.gates.category_name(ticket.facility, ticket.category, language),
        "product": ticket.product,
        "product_name": desk.gates.product_name(ticket.facility, ticket.product, language),
        "facility": ticket.facility,
        "visit_date": ticket.visit_date.isoformat(),
        "slot": None if ticket.slot is None else ticket.slot.strftime("%H:%M"),
        "order_number": ticket.order_number,
    }


def _batch_fields(desk: GateDesk, request: Request, outcome: Outcome, scan_id: UUID) -> dict[str, object]:
    if isinstance(outcome, Answer):
        return answer_fields(desk, request, outcome)
    status = problems.status_of(outcome)
    return {
        "scan_id": str(scan_id),
        "problem": {"type": f"/problems/{outcome.slug}", "status": int(status), "detail": outcome.detail},
    }


class KeyAtGate(BaseModel):
    """One public key of ticket codes, Ed25519, in hexadecimal digits."""

    id: int
    public_key: str
    valid_from: datetime
    valid_until: datetime | None
    facilities: list[int] | None = Field(description="The facility numbers that it may vouch for; null for all.")


class Counts(BaseModel):
    """What this gate did today, and how many are expected at the facility."""

    expected: int
    admitted: int
    refused: int
    conflicts: int
    inside: int


class Briefing(BaseModel):
    """All that a gate needs to decide alone for the rest of the day.

    With `since` it is `partial`: only what changed is listed, and a gate adds `voided` and `admitted` to
    what it has and takes `undone` out of its admitted ones. `cursor` is the next `since`; it looks back a
    little, so that what was being committed meanwhile is told twice rather than never.
    """

    gate: str
    facility: str
    facility_number: int
    date: str
    day_ends_at: datetime
    slot_opens_minutes_before: int
    keys: list[KeyAtGate]
    voided: list[UUID]
    admitted: list[UUID]
    undone: list[UUID]
    partial: bool
    counts: Counts
    cursor: datetime | None = None


@router.get("/{gate}/briefing", response_model=Briefing)
async def briefing(request: Request, gate: GateCode, desk: Desk, since: AwareDatetime | None = None) -> Response:
    """Return what a gate needs without a network; 304 while the ETag of If-None-Match still holds.

    A `since` of another day is answered with the whole of today.
    """
    at, here, _ = _enter(request, desk, gate)
    if since is not None and business_date(since) != business_date(at):
        since = None
    async with desk.database.transaction(correlation_id.get()) as tx:
        today, tally = await actions.today(tx, gate=here, at=at, since=since)
    told = _briefing(desk, here, at, today, tally, partial=since is not None)
    etag = f'"{hashlib.sha256(told.model_dump_json().encode()).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    cursor = at - timedelta(seconds=CURSOR_OVERLAP_SECONDS)
    return Response(told.model_copy(update={"cursor": cursor}).model_dump_json(), media_type=_JSON, headers=headers)


def _briefing(desk: GateDesk, gate: Gate, at: datetime, today: Today, tally: Tally, *, partial: bool) -> Briefing:
    day = business_date(at)
    return Briefing(
        gate=gate.code,
        facility=gate.facility,
        facility_number=desk.gates.facility_number(gate.facility),
        date=day.isoformat(),
        day_ends_at=datetime.combine(day + timedelta(days=1), time(0), tzinfo=JAPAN),
        slot_opens_minutes_before=SLOT_OPENS_MINUTES_BEFORE,
        keys=[
            KeyAtGate(
                id=each.id,
                public_key=each.public_key.hex(),
                valid_from=each.valid_from,
                valid_until=each.valid_until,
                facilities=None if each.scope == "all" else sorted(each.scope),
            )
            for each in desk.keys().verifying(at=at).values()
        ],
        voided=list(today.voided),
        admitted=list(today.admitted),
        undone=list(today.undone),
        partial=partial,
        counts=Counts(
            expected=today.expected,
            admitted=tally.admitted,
            refused=tally.refused,
            conflicts=tally.conflicts,
            inside=today.inside,
        ),
    )


class ReverseBody(BaseModel):
    """Why an entry is undone; for the audit trail, so no personal data."""

    reason: str = Field(min_length=1, max_length=200)


@router.post("/{gate}/scans/{scan_id}/reverse")
async def reverse(request: Request, gate: GateCode, scan_id: UUID, body: ReverseBody, desk: Desk) -> JSONResponse:
    """Undo an entry made by mistake (supervisor), so that the ticket admits again; harmless when repeated."""
    at, here, by = _enter(request, desk, gate)
    async with desk.database.transaction(correlation_id.get()) as tx:
        done = await actions.reverse(tx, scan_id, gate=here, by=by, reason=body.reason, event_id=desk.new_id(), at=at)
    return JSONResponse(
        {
            "scan_id": str(done.scan_id),
            "ticket_id": str(done.ticket_id),
            "facility": done.facility,
            "reversed_at": done.reversed_at.isoformat(),
        }
    )
