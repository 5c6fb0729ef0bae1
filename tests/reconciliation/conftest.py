"""The books on a database of their own, with a clock at noon in Japan and tokens for every role."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from console.migrating import load_examples
from kernel.access import Issuer, Principal, Role, new_key_pair
from kernel.migrations import migrate
from reconciliation.app import create_app
from reconciliation.ledger import actions
from reconciliation.settings import ReconciliationSettings
from reconciliation.wiring import Wiring, wire

NOON = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


@dataclass
class HandClock:
    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass
class Books:
    wiring: Wiring
    clock: HandClock
    issuer: Issuer

    def token(self, role: Role, *facilities: str) -> dict[str, str]:
        principal = Principal(f"test-{role}", role, frozenset(facilities or ("*",)))
        signed = self.issuer.token(principal, audience="staff", at=self.clock.at, lifetime=timedelta(hours=1))
        return {"Authorization": f"Bearer {signed}"}

    async def take(self, events) -> None:
        async with self.wiring.database.transaction("test") as tx:
            for event in events:
                await actions.record(tx, event)


@pytest.fixture(scope="session")
def books_template(postgres):
    postgres.server.create_database("template_books")
    migrate("reconciliation", postgres.server.url("template_books"))
    load_examples(postgres.server.url("template_books"))  # as `momiji up` does
    return "template_books"


@pytest.fixture
async def books(postgres, books_template, tmp_path):
    name = f"books_{id(tmp_path)}"
    url = postgres.copy(books_template, name)
    private, public = new_key_pair()
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "staff.pem").write_text(public)
    settings = ReconciliationSettings(
        reconciliation_database_url=url,
        stream_database_url=url,
        trusted_keys_dir=keys,
        session_key="test-session-key-of-enough-characters",
        ticketing_url="http://127.0.0.1:9",
    )
    clock = HandClock(NOON)
    opened = Books(wire(settings, clock=clock), clock, Issuer("staff", private))
    yield opened
    await opened.wiring.database.close()
    postgres.server.drop_database(name)


# One app for all tests of a process: to look at all routes of a new one takes longer than many a test.
_apps = []


@pytest.fixture
async def web(books):
    if not _apps:
        _apps.append(create_app(wiring=books.wiring))
    [app] = _apps
    app.state.wiring = books.wiring
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8103") as client:
        yield client
