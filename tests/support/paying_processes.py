"""Payments, its worker and the sandbox as processes of their own, which a test may kill at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg

from kernel.access import Issuer
from kernel.clock import SystemClock

MOMIJI = Path(sys.executable).with_name("momiji")
PATIENCE_SECONDS = 30.0


@dataclass
class Paying:
    """A running payments service as its callers, its payers and its operators see it."""

    payments: str
    sandbox: str
    database_url: str
    environment: dict[str, str]
    folder: Path
    issuer: Issuer
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=40, trust_env=False))
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self, verb: str, service: str) -> None:
        """Start one process; it is known by its verb and service."""
        name = f"{verb} {service}"
        with (self.folder / f"{verb}-{service}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(MOMIJI), verb, service], env=self.environment, stdout=log, stderr=log, cwd=self.folder
            )

    def kill(self, name: str) -> None:
        """End one process at once, as a lost machine would."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        """End everything that was started here."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self.client.close()

    def ready(self) -> None:
        """Wait until both web sides answer."""
        for url in (f"{self.sandbox}/healthz", f"{self.payments}/readyz"):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    if self.client.get(url).is_success:
                        break
                except httpx.HTTPError:
                    pass
                assert time.monotonic() < deadline, self.logs()
                time.sleep(0.1)

    def headers(self) -> dict[str, str]:
        token = self.issuer.service_token(audience="payments", at=SystemClock().now())
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}

    def wish(self, method: str, *, reference: str | None = None, amount: int = 1020) -> dict:
        part = {
            "facility": "hpam",
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
            "description": "県立美術館 2026-11-24",
            "expires_at": (SystemClock().now() + timedelta(minutes=40)).isoformat(),
            "return_url": "http://127.0.0.1:8101/orders/1",
            "locale": "ja",
            "facility": "hpam",
            "allocations": [part],
        }

    def open(self, method: str, *, reference: str | None = None, amount: int = 1020) -> httpx.Response:
        body = self.wish(method, reference=reference, amount=amount)
        return self.client.post(f"{self.payments}/v1/charges", json=body, headers=self.headers())

    def pay(self, charge: dict, outcome: str = "pay") -> httpx.Response:
        said = {"checkout_url": charge["checkout_url"], "outcome": outcome}
        answer = self.client.post(f"{self.sandbox}/payers", json=said)
        assert answer.is_success, answer.text
        return answer

    def fault(self, **said: object) -> None:
        assert self.client.post(f"{self.sandbox}/faults", json=said).status_code == 201

    def end_pauses(self) -> None:
        """Let the time pass for which providers are left alone."""
        self.query("UPDATE breakers SET until = now() WHERE until IS NOT NULL")

    def books(self, provider: str) -> dict:
        return self.client.get(f"{self.sandbox}/books").json()[provider]

    def status(self, charge: dict) -> str:
        answer = self.client.get(f"{self.payments}/v1/charges/{charge['id']}", headers=self.headers())
        return answer.json()["status"]

    def until(self, charge: dict, status: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while self.status(charge) != status:
            assert time.monotonic() < deadline, f"{self.status(charge)} is not {status}\n{self.logs()}"
            time.sleep(0.05)

    def query(self, sql: str, *values: object) -> list[tuple]:
        plain = self.database_url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain, autocommit=True) as connection:
            found = connection.execute(sql, values)
            return found.fetchall() if found.description else []

    def events(self, kind: str, charge: dict) -> list[dict]:
        """Return the facts of one kind that the outbox holds about a charge."""
        rows = self.query("SELECT payload FROM outbox WHERE type = %s ORDER BY position", f"payments.{kind}.v1")
        facts = [row[0] if isinstance(row[0], dict) else json.loads(row[0]) for row in rows]
        return [fact for fact in facts if UUID(fact["charge_id"]) == UUID(charge["id"])]

    def logs(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}" for log in logs)


def environment(*, payments: int, sandbox: int, database: str, stream: str, keys: Path, session_key: str) -> dict:
    """Return the variables under which the three processes run."""
    at = f"http://127.0.0.1:{sandbox}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOMIJI_")}
    return kept | {
        "MOMIJI_PAYMENTS_DATABASE_URL": database,
        "MOMIJI_STREAM_DATABASE_URL": stream,
        "MOMIJI_PAYMENTS_PORT": str(payments),
        "MOMIJI_PAYMENTS_URL": f"http://127.0.0.1:{payments}",
        "MOMIJI_SANDBOX_PORT": str(sandbox),
        "MOMIJI_SANDBOX_URL": at,
        "MOMIJI_SANDBOX_PUBLIC_URL": at,
        "MOMIJI_STRIPE_API_BASE": f"{at}/stripe",
        "MOMIJI_PAYPAY_BASE_URL": f"{at}/paypay",
        "MOMIJI_KOMOJU_BASE_URL": f"{at}/komoju/api/v1",
        "MOMIJI_TRUSTED_KEYS_DIR": str(keys),
        "MOMIJI_SESSION_KEY": session_key,
    }
