"""From what was scanned or typed to a Reading that the gate's decision understands."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from ticketing.admission.model import Forged, Numbered, Reading, Signed, Unreadable
from ticketing.tickets import code as codes
from ticketing.tickets.keys import KeyRegistry
from ticketing.tickets.number import read_number


def read(text: str, keys: KeyRegistry, *, at: datetime) -> Reading:
    """Tell what a text is: a code that we signed, one that somebody else did, an order number, or none of these."""
    number = read_number(text)
    if number is not None:
        return Numbered(number)
    seen = codes.read(text)
    match seen:
        case codes.Malformed():
            return Unreadable()
        case codes.Unverified():
            verdict = codes.verify_reading(seen, keys.verifying(at=at), at=at)
            return Signed(verdict.claims.ticket_id) if isinstance(verdict, codes.Genuine) else Forged()
        case _:
            assert_never(seen)
