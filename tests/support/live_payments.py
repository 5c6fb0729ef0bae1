"""Payments against a live sandbox for tests: both served on free ports, the worker beside them, one database."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import httpx
import psycopg
import uvicorn

from kernel.access import Issuer, new_key_pair
from kernel.clock import SystemClock
from kernel.migrations import migrate
from payments.app import create_app
from payments.settings import PaymentsSettings
from payments.work import work
from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings

PATIENCE_SECONDS = 15.0
METHODS = ("stripe_card", "paypay", "payeasy_komoju", "payeasy_gmopg")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(claim, seconds=PATIENCE_SECONDS):
    """Return the claim's first true answer, or its last one when patience ends."""
    deadline = time.monotonic() + seconds
    while True:
        found = claim()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.03)


@contextmanager
def served(app, port):
    """Serve an app in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert eventually(lambda: server.started or not thread.is_alive())
    assert server.started
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def working(settings):
    """Run payments' other side in a thread of its own."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    failed = []

    def run():
        try:
            loop.run_until_complete(work(settings, stop))
        except BaseException as problem:  # noqa: BLE001 - shown by the test that waits for it
            failed.append(problem)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not failed, failed


@dataclass
class Counter:
    """A running payments with its sandbox, seen from outside."""

    settings: PaymentsSettings
    url: str
    sandbox_url: str
    issuer: Issuer
    books: Issuer  # reconciliation, which asks for payouts
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=40, trust_env=False))

    def token(self, issuer=None):
        return (issuer or self.issuer).service_token(audience="payments", at=SystemClock().now())

    def headers(self, key=None):
        return {"Authorization": f"Bearer {self.token()}", "Idempotency-Key": key or str(uuid4())}

    def wanted(self, reference=None, *, method="stripe_card", amount=510, minutes=35, **more):
        part = {
            "facility": "shukkeien",
            "product": "admission",
            "revenue_owner": "prefecture",
            "revenue_account": "使用料",
            "tax_rate_percent": 10,
            "amount": amount,
        }
        return {
            "reference": reference or str(uuid4()),
            "amount": amount,
            "method": method,
            "description": "縮景園 2026-11-24 ABCD-1234",
            "expires_at": (SystemClock().now() + timedelta(minutes=minutes)).isoformat(),
            "return_url": "http://127.0.0.1:8101/orders/1",
            "locale": "ja",
            "facility": "shukkeien",
            "allocations": [part],
        } | more

    def post(self, wanted, key=None):
        return self.client.post(f"{self.url}/v1/charges", json=wanted, headers=self.headers(key))

    def open(self, **wanted):
        answer = self.post(self.wanted(**wanted))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def get(self, charge_id):
        return self.client.get(f"{self.url}/v1/charges/{charge_id}", headers=self.headers()).json()

    def pay(self, url, outcome="pay"):
        answer = self.client.post(f"{self.sandbox_url}/payers", json={"checkout_url": url, "outcome": outcome})
        assert answer.is_success, answer.text
        return answer.json()

    def fault(self, provider, kind, operation="*", count=1):
        said = {"provider": provider, "operation": operation, "kind": kind, "count": count}
        assert self.client.post(f"{self.sandbox_url}/faults", json=said).status_code == 201

    def refund(self, charge_id, amount=None, reason="visitor_cancelled", key=None):
        body = {"reason": reason} | ({"amount": amount} if amount else {})
        return self.client.post(f"{self.url}/v1/charges/{charge_id}/refunds", json=body, headers=self.headers(key))

    def rows(self, sql, *values):
        plain = self.settings.payments_database_url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain, autocommit=True) as connection:
            found = connection.execute(sql, values)
            return found.fetchall() if found.description else []

    def rewind(self, charge_id, ago):
        """Let a charge's deadline have been so long `ago` ("2 hours"), once no question about it is under way."""
        told = "SELECT FROM provider_messages WHERE processed_at IS NULL AND tries > 0"
        assert eventually(lambda: not self.rows(told))
        self.rows(
            "WITH charge AS (UPDATE charges SET expires_at = now() - CAST(%s AS interval) WHERE id = %s RETURNING id) "
            "UPDATE attempts SET deadline = now() - CAST(%s AS interval) FROM charge WHERE charge_id = charge.id",
            ago,
            charge_id,
            ago,
        )

    def events(self, kind, charge_id=None):
        """Return the facts of a kind in the outbox, of one charge if named."""
        rows = self.rows("SELECT payload FROM outbox WHERE type = %s ORDER BY position", f"payments.{kind}.v1")
        facts = [row[0] if isinstance(row[0], dict) else json.loads(row[0]) for row in rows]
        return [fact for fact in facts if charge_id is None or fact["charge_id"] == charge_id]

    def captured(self, charge_id, seconds=PATIENCE_SECONDS):
        return eventually(lambda: self.events("charge.captured", charge_id), seconds)

    def end_pauses(self):
        """Let the time pass for which providers are left alone."""
        self.rows("UPDATE breakers SET until = now() WHERE until IS NOT NULL")

    def ask_soon(self):
        """Let the poller ask about every attempt and refund now."""
        self.rows("UPDATE attempts SET next_poll_at = now() WHERE next_poll_at IS NOT NULL")
        self.rows("UPDATE refunds SET next_poll_at = now() WHERE next_poll_at IS NOT NULL")


@contextmanager
def counter(database_url, stream_url, folder, *, sandbox=None, payments=None, worker=True):
    """Run a sandbox, payments and its worker; yield them as a Counter."""
    port, sandbox_port = free_port(), free_port()
    url, sandbox_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}"
    private, public = new_key_pair()
    (folder / "ticketing.pem").write_text(public)
    private_books, public_books = new_key_pair()
    (folder / "reconciliation.pem").write_text(public_books)
    settings = PaymentsSettings(
        payments_database_url=database_url,
        stream_database_url=stream_url,
        payments_url=url,
        sandbox_url=sandbox_url,
        trusted_keys_dir=folder,
        session_key="a session key for tests, long enough",
        stripe_api_base=f"{sandbox_url}/stripe",
        paypay_base_url=f"{sandbox_url}/paypay",
        komoju_base_url=f"{sandbox_url}/komoju/api/v1",
        **{"methods_enabled": METHODS} | (payments or {}),
    )
    migrate("payments", database_url)
    practice = SandboxSettings(
        port=sandbox_port,
        public_url=sandbox_url,
        payments_url=url,
        **{"stripe_refund_seconds": 0.1, "komoju_refund_seconds": 0.1, "webhook_retry_seconds_min": 0.1}
        | (sandbox or {}),
    )
    with served(create_sandbox(practice), sandbox_port), served(create_app(settings), port):
        made = Counter(
            settings, url, sandbox_url, Issuer("ticketing", private), Issuer("reconciliation", private_books)
        )
        try:
            if worker:
                with working(settings):
                    yield made
            else:
                yield made
        finally:
            made.client.close()
