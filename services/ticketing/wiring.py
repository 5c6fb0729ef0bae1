"""Everything that ticketing's edges need, put together in one place."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import Request

from kernel.access import Issuer, StaffDirectory, Verifier
from kernel.clock import Clock, SystemClock, new_id
from kernel.rows import Database
from kernel.signin import SignIn
from kernel.stream import open_stream
from kernel.stream.protocol import EventStream
from kernel.web import Pages
from ticketing.facilities.actions import BookKeeper
from ticketing.facilities.model import QuotedLine
from ticketing.orders.actions import Rules
from ticketing.orders.charging import Charges
from ticketing.orders.live import OrderWatch
from ticketing.orders.model import Holds
from ticketing.orders.ways import Way
from ticketing.settings import TicketingSettings
from ticketing.tickets.code import TicketClaims
from ticketing.tickets.code import sign as sign_claims
from ticketing.tickets.document import TicketPrinter
from ticketing.tickets.keyring import Keyring

HERE = Path(__file__).parent
SLICES_WITH_PAGES = ("facilities", "orders", "staff", "admission")


@dataclass(frozen=True)
class Wiring:
    """What routes, pages, consumers and sweepers are given."""

    settings: TicketingSettings
    database: Database
    clock: Clock
    books: BookKeeper
    keyring: Keyring
    rules: Rules
    charges: Charges
    watch: OrderWatch
    pages: Pages
    sign_in: SignIn
    printer: TicketPrinter
    stream: EventStream

    def order_key(self, order_id: UUID) -> str:
        """Return an order's key: derived, so that a repeated request is answered the same and none is stored."""
        secret = self.settings.order_key_secret.get_secret_value().encode()
        mac = hmac.new(secret, b"order-key\x1f" + order_id.bytes, hashlib.sha256).digest()
        return urlsafe_b64encode(mac[:24]).decode()

    def page_url(self, order_id: UUID) -> str:
        """Return the address that carries an order's key once."""
        return f"{self.settings.ticketing_url}/o/{order_id}?key={self.order_key(order_id)}"


def wiring_of(request: Request) -> Wiring:
    """Return what app.py put together."""
    found = request.app.state.wiring
    assert isinstance(found, Wiring)  # noqa: S101 - app.py makes it before the first request
    return found


def wire(settings: TicketingSettings, *, clock: Clock | None = None, charges: Charges | None = None) -> Wiring:
    """Put ticketing together; nothing is connected yet."""
    now = clock or SystemClock()
    database = Database(
        settings.ticketing_database_url, service="ticketing", pool_size_max=settings.database_pool_size_max
    )
    books = BookKeeper(database)
    signing_key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(settings.ticket_signing_key.get_secret_value()))
    public = signing_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    keyring = Keyring(database, own_id=settings.ticket_key_id, own_public_key=public)

    def sign(ticket_id: UUID, line: QuotedLine, visit_date: date, slot: time | None) -> str:
        facility = books.current.facilities[line.facility]
        product, category = facility.product(line.product), facility.category(line.category)
        assert product is not None  # noqa: S101 - quoted from this very book
        assert category is not None  # noqa: S101 - as above
        claims = TicketClaims(
            key_id=settings.ticket_key_id,
            ticket_id=ticket_id,
            facility=facility.number,
            product=product.number,
            category=category.number,
            party=1,
            visit_date=visit_date,
            slot=slot,
        )
        return sign_claims(claims, signing_key)

    verifier = Verifier.from_folder(settings.trusted_keys_dir or Path("/nonexistent"), audience="ticketing")
    issuer = Issuer("ticketing", settings.service_key.get_secret_value())
    return Wiring(
        settings=settings,
        database=database,
        clock=now,
        books=books,
        keyring=keyring,
        rules=Rules(
            holds=Holds(
                card=timedelta(minutes=settings.hold_minutes_card),
                qr=timedelta(minutes=settings.hold_minutes_qr),
                payeasy_until=settings.hold_until_payeasy,
                provider_margin=timedelta(minutes=settings.provider_margin_minutes),
                longest=timedelta(minutes=settings.hold_minutes_longest),
                ways=tuple(Way(**each.model_dump()) for each in settings.methods),
            ),
            tickets_max=settings.tickets_per_order_max,
            days_ahead_max=settings.sale_days_ahead_max,
            new_id=new_id,
            sign=sign,
        ),
        charges=charges or Charges(base_url=settings.payments_api, issuer=issuer, clock=now),
        watch=OrderWatch(settings.ticketing_database_url),
        pages=Pages(folders=[HERE / each / "templates" for each in SLICES_WITH_PAGES], words=[HERE / "words"]),
        sign_in=SignIn(
            service="ticketing",
            verifier=verifier,
            staff=StaffDirectory.from_file(settings.staff_file or Path("/nonexistent")),
            session_key=settings.session_key.get_secret_value(),
        ),
        printer=TicketPrinter(),
        stream=open_stream(
            settings.stream, postgres_url=settings.stream_database_url, kafka_bootstrap=settings.kafka_bootstrap
        ),
    )
