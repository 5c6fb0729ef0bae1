"""Tickets: one person each, made from an order's lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import NotFound
from ticketing.facilities.model import QuotedLine

TicketStatus = Literal["valid", "admitted", "voided"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket. `admits` are the codes of the facilities that it opens; `code` is what its QR carries."""

    id: UUID
    order_id: UUID
    position: int
    facility: str
    product: str
    category: str
    admits: tuple[str, ...]
    visit_date: date
    slot: time | None
    price: Yen
    code: str
    status: TicketStatus
    version: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers that a ticket code carries for one product and its categories."""

    facility: int
    product: int
    categories: Mapping[str, int]


class UnknownTicket(NotFound):
    """There is no such ticket, or it is not yours to see."""

    slug = "unknown-ticket"
    advice = "There is no such ticket, or it is not yours. Open it from the page of your order."


Sign = Callable[[UUID, QuotedLine, date, time | None], str]


def issue(
    order_id: UUID,
    lines: Sequence[QuotedLine],
    *,
    visit_date: date,
    slot: time | None,
    new_id: Callable[[], UUID],
    sign: Sign,
) -> tuple[Ticket, ...]:
    """Return one valid ticket for each person of an order, signed."""
    tickets: list[Ticket] = []
    for line in lines:
        for _ in range(line.quantity):
            ticket_id = new_id()
            tickets.append(
                Ticket(
                    id=ticket_id,
                    order_id=order_id,
                    position=len(tickets) + 1,
                    facility=line.facility,
                    product=line.product,
                    category=line.category,
                    admits=line.admits,
                    visit_date=visit_date,
                    slot=slot,
                    price=line.unit_price,
                    code=sign(ticket_id, line, visit_date, slot),
                    status="valid",
                    version=1,
                )
            )
    return tuple(tickets)


@dataclass(frozen=True, slots=True)
class Void:
    """A ticket that admits nobody any more, and since when."""

    ticket: Ticket
    at: datetime
    reason: str
