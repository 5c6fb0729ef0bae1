"""Everything that reconciliation's edges need, put together in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fastapi import Request

from kernel.access import ALL_FACILITIES, Principal, Role, StaffDirectory, Verifier
from kernel.clock import JAPAN, Clock, SystemClock
from kernel.money import Yen
from kernel.rows import Database
from kernel.signin import SignIn
from kernel.stream import open_stream
from kernel.stream.protocol import EventStream
from kernel.web import Pages
from reconciliation.days.names import FacilityNames
from reconciliation.reports.offer_names import OfferNames
from reconciliation.settings import ReconciliationSettings
from reconciliation.staff.places import places_of
from reconciliation.statements.progress import Progresses

HERE = Path(__file__).parent
READERS = (Role.ACCOUNTING, Role.AUDITOR, Role.FACILITY)


@dataclass(frozen=True)
class Wiring:
    """What routes, pages and consumers are given."""

    settings: ReconciliationSettings
    database: Database
    clock: Clock
    pages: Pages
    sign_in: SignIn
    stream: EventStream
    names: FacilityNames
    offer_names: OfferNames
    sending: Progresses = field(default_factory=Progresses)

    @property
    def grace(self) -> timedelta:
        """How far apart the events of one order may arrive."""
        return timedelta(seconds=self.settings.agreement_grace_seconds)

    @property
    def alone_max(self) -> Yen:
        """Up to what amount one person alone settles a discrepancy."""
        return Yen(self.settings.discrepancy_alone_yen_max)

    def reader(self, request: Request) -> Principal:
        """Return who reads; raise Unauthenticated or Forbidden."""
        return self.sign_in.principal(request, at=self.clock.now()).require(*READERS)

    def bookkeeper(self, request: Request) -> Principal:
        """Return who may close days and resolve discrepancies, for all facilities."""
        return self.sign_in.principal(request, at=self.clock.now()).require(Role.ACCOUNTING)


def scope_of(principal: Principal) -> list[str] | None:
    """Return the facilities that somebody sees; None for all."""
    return None if ALL_FACILITIES in principal.facilities else sorted(principal.facilities)


def keeps_books(principal: Principal) -> bool:
    """Tell whether somebody may change the books: accounting, for all facilities."""
    return principal.role in {Role.ACCOUNTING, Role.ADMIN} and scope_of(principal) is None


def wiring_of(request: Request) -> Wiring:
    """Return what app.py put together."""
    found = request.app.state.wiring
    assert isinstance(found, Wiring)  # noqa: S101 - app.py makes it before the first request
    return found


def wire(settings: ReconciliationSettings, *, clock: Clock | None = None) -> Wiring:
    """Put reconciliation together; nothing is connected yet."""
    known = clock or SystemClock()
    database = Database(
        settings.reconciliation_database_url, service="reconciliation", pool_size_max=settings.database_pool_size_max
    )
    return Wiring(
        settings=settings,
        database=database,
        clock=known,
        pages=Pages(
            folders=sorted(HERE.glob("*/templates")),
            words=[HERE / "words", *sorted(HERE.glob("*/words"))],
            given={"places_of": places_of, "japan_now": lambda: known.now().astimezone(JAPAN)},
        ),
        sign_in=SignIn(
            service="reconciliation",
            verifier=Verifier.from_folder(settings.trusted_keys_dir or Path("/nonexistent"), audience="reconciliation"),
            staff=StaffDirectory.from_file(settings.staff_file or Path("/nonexistent")),
            session_key=settings.session_key.get_secret_value(),
        ),
        stream=open_stream(
            settings.stream, postgres_url=settings.stream_database_url, kafka_bootstrap=settings.kafka_bootstrap
        ),
        names=FacilityNames(settings.ticketing_api, settings.facility_names_seconds),
        offer_names=OfferNames(settings.ticketing_api, settings.facility_names_seconds),
    )
