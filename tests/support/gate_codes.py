"""Tickets for gate tests: a signing key, its registry, and orders that are paid and ticketed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.clock import business_date, new_id
from ticketing.tickets.code import TicketClaims, sign
from ticketing.tickets.keys import KeyRegistry, VerificationKey
from ticketing.tickets.number import number_from

SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


@cache
def registry() -> KeyRegistry:
    """Return the registry that knows SIGNING_KEY as key 1."""
    raw = SIGNING_KEY.public_key().public_bytes_raw()
    return KeyRegistry((VerificationKey(1, raw, datetime(2026, 1, 1, tzinfo=UTC)),))


def code_of(ticket_id: UUID, day: date, *, slot: time | None = None, key: Ed25519PrivateKey = SIGNING_KEY) -> str:
    """Return a signed code for a ticket of facility 1."""
    return sign(TicketClaims(1, ticket_id, 1, 1, 1, 1, day, slot), key)


@dataclass(frozen=True)
class Ticket:
    """One ticket in the books."""

    id: UUID
    code: str
    order_number: str


def today() -> date:
    """Return the day in Japan."""
    return business_date(datetime.now(UTC))


def issue(
    url: str,
    count: int,
    *,
    day: date | None = None,
    facility: str = "hpam",
    admits: Sequence[str] | None = None,
    categories: Sequence[str] = ("adult",),
    slot: time | None = None,
    voided: bool = False,
    per_order: int = 1,
) -> list[Ticket]:
    """Write paid orders and their valid tickets as ticketing's own actions would, and return the tickets."""
    now = datetime.now(UTC)
    day = day or today()
    orders = [(new_id(), number_from(new_id().int >> 3 & (1 << 45) - 1)) for _ in range(-(-count // per_order))]
    tickets = []
    with psycopg.connect(url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        with cursor.copy(
            "COPY orders (id, number, key_sha256, authority, facility, visit_date, slot, method, status, lines, places,"
            " total, tax, locale, version, correlation_id, placed_at, expires_at, confirmed_at, received_at) FROM STDIN"
        ) as rows:
            for order_id, number in orders:
                fields = (order_id, number, bytes(32), "hiroshima", facility, day, slot, "stripe_card", "confirmed")
                rows.write_row((*fields, "[]", "[]", 510, 46, "ja", 2, "gate-tests", now, now, now, now))
        with cursor.copy(
            "COPY tickets (id, order_id, position, facility, product, category, admits, visit_date, slot, price, code,"
            " status, version, issued_at, voided_at) FROM STDIN"
        ) as rows:
            for place in range(count):
                order_id, number = orders[place // per_order]
                ticket_id = new_id()
                ticket = Ticket(ticket_id, code_of(ticket_id, day, slot=slot), number)
                tickets.append(ticket)
                category = categories[place % len(categories)]
                fields = (ticket_id, order_id, place % per_order + 1, facility, "collection", category)
                state = ("voided", 2, now, now) if voided else ("valid", 1, now, None)
                rows.write_row((*fields, list(admits or [facility]), day, slot, 510, ticket.code, *state))
    return tickets
