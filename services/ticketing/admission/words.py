"""What a gate says: each answer as one sentence in the reader's language."""

from __future__ import annotations

from datetime import datetime, time

from fastapi import Request

from kernel.clock import JAPAN
from kernel.web import language_of
from ticketing.admission.desk import GateDesk
from ticketing.admission.model import Answer, Reason


def sentence(desk: GateDesk, request: Request, answer: Answer) -> str:
    """Return the words for an answer, such as 'This ticket was used here at 10:02.'."""
    if answer.conflict is not None:
        return desk.pages.text(request, "Kept as it happened at the gate. Our books say otherwise: tell a supervisor.")
    message, fields = _message(desk, request, answer)
    return desk.pages.text(request, message, **fields)


def _message(desk: GateDesk, request: Request, answer: Answer) -> tuple[str, dict[str, object]]:
    ticket = answer.ticket
    said: tuple[str, dict[str, object]]
    match answer.reason:
        case Reason.OK if answer.remaining is not None:
            said = "One person may enter. {remaining} more on this order.", {"remaining": answer.remaining}
        case Reason.ALREADY_ADMITTED if answer.admitted_at is not None:
            said = "This ticket was used here at {time}.", {"time": _clock(answer.admitted_at.astimezone(JAPAN))}
        case Reason.WRONG_FACILITY if ticket is not None:
            names = [desk.gates.facility_name(each, language_of(request).tag) for each in sorted(ticket.admits)]
            said = "This ticket is for {facility}.", {"facility": " / ".join(names)}
        case Reason.WRONG_DATE if ticket is not None:
            day = desk.pages.day(language_of(request), ticket.visit_date)
            if ticket.slot is None:
                said = "This ticket is for {day}.", {"day": day}
            else:
                said = "This ticket is for {day} at {time}.", {"day": day, "time": _clock(ticket.slot)}
        case _:
            said = _PLAIN[answer.reason], {}
    return said


def _clock(at: datetime | time) -> str:
    return f"{at.hour}:{at.minute:02}"


_PLAIN: dict[Reason, str] = {
    Reason.OK: "Please come in.",
    Reason.ALREADY_ADMITTED: "This ticket was used here before.",
    Reason.WRONG_FACILITY: "This ticket is for another facility.",
    Reason.WRONG_DATE: "This ticket is for another day.",
    Reason.VOIDED: "This ticket was cancelled.",
    Reason.UNKNOWN_TICKET: "There is no such ticket. Ask a supervisor.",
    Reason.BAD_SIGNATURE: "This code is not genuine. Ask a supervisor.",
    Reason.MALFORMED: "This is not one of our tickets.",
}
