"""Buys a ticket through a running Compose installation, as its visitor, payer, gate and accountant."""

from __future__ import annotations

import argparse
import shlex
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import httpx

PATIENCE_SECONDS = 180
JAPAN = timezone(timedelta(hours=9))
DOOR = "https://127.0.0.1:8443"


class FrontDoor:
    """Calls a host behind Caddy. Its certificate is Caddy's own: this proof is about the line, not the authority."""

    def __init__(self, host: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._host = f"{host}.localhost"
        self._client = httpx.Client(verify=context, timeout=30)

    def ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        """Send one request to this host through the front door."""
        headers = {"Host": f"{self._host}:8443"} | more.pop("headers", {})
        extensions = {"sni_hostname": self._host}
        return self._client.request(verb, DOOR + path, headers=headers, extensions=extensions, **more)


def until(what: str, ask: Any) -> Any:
    """Ask until there is an answer, or say what did not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    last: object = None
    while time.monotonic() < deadline:
        try:
            found = ask()
        except httpx.HTTPError as problem:
            found, last = None, problem
        if found:
            return found
        time.sleep(0.5)
    sys.exit(f"{what} did not happen within {PATIENCE_SECONDS} s ({last})")


def main() -> None:
    """Buy, pay, enter, be refused, and find it in the accounts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--compose", default="docker compose")
    compose = shlex.split(parser.parse_args().compose)

    def token(role: str) -> str:
        done = subprocess.run(
            [*compose, "exec", "-T", "-e", "MOMIJI_STAFF_KEY_FILE=/run/momiji/staff.key", "ticketing",
             "momiji", "token", "--role", role],
            capture_output=True, text=True, check=True,
        )
        return done.stdout.strip().splitlines()[-1]

    tickets, accounts = FrontDoor("tickets"), FrontDoor("accounts")
    until("Ticketing behind Caddy", lambda: tickets.ask("GET", "/readyz").status_code == 200)
    until("Reconciliation behind Caddy", lambda: accounts.ask("GET", "/readyz").status_code == 200)
    today = datetime.now(UTC).astimezone(JAPAN).date().isoformat()
    placed = tickets.ask(
        "POST", "/v1/orders", headers={"Idempotency-Key": str(uuid4())},
        json={"facility": "shukkeien", "visit_date": today, "method": "stripe_card",
              "lines": [{"product": "garden", "category": "adult", "quantity": 2}]},
    )
    placed.raise_for_status()
    order = placed.json()
    print(f"placed {order['number']}: {order['total']} yen, {order['checkout_url']}")
    paid = subprocess.run(
        [*compose, "exec", "-T", "sandbox", "python", "-c",
         "import httpx, sys; print(httpx.post('http://127.0.0.1:8109/payers', json={'checkout_url': sys.argv[1], "
         "'outcome': 'pay'}).raise_for_status().text)", order["checkout_url"]],
        capture_output=True, text=True, check=False,
    )
    if paid.returncode:
        sys.exit(f"the payer could not pay: {paid.stderr[-800:]}")
    own = {"X-Order-Key": order["key"]}

    def confirmed() -> Any:
        answer = tickets.ask("GET", f"/v1/orders/{order['id']}", headers=own).json()
        return answer if answer["status"] == "confirmed" else None

    code = until("The confirmation", confirmed)["tickets"][0]["code"]
    gate = {"Authorization": f"Bearer {token('gate')}"}
    answers = []
    for _ in range(2):
        scan = {"scan_id": str(uuid4()), "code": code, "scanned_at": datetime.now(UTC).isoformat()}
        answers.append(tickets.ask("POST", "/v1/gates/shukkeien-1/scans", headers=gate, json=scan).json()["reason"])
    if answers != ["ok", "already_admitted"]:
        sys.exit(f"the gate answered {answers}")
    accountant = {"Authorization": f"Bearer {token('accounting')}"}

    def accounted() -> bool:
        totals = accounts.ask("GET", f"/v1/days/{today}", headers=accountant).json()["totals"]
        return bool(totals["sold"] == totals["captured"] == order["total"] and totals["admitted"] == 1)

    until("The day's totals", accounted)
    print(f"sold = captured = {order['total']} yen, 1 admitted")


main()
