"""Buys a ticket through a running Compose installation, as its visitor, payer, gate and accountant."""

# ruff: noqa: INP001, S603, S607, T201 - a script, which runs docker and tells how far it is

from __future__ import annotations

import argparse
import json
import shlex
import ssl
import subprocess
import sys
import time
from datetime import timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from kernel.clock import SystemClock, new_id

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_SECONDS = 120
JAPAN = timezone(timedelta(hours=9))
FACILITY, PRODUCT, GATE = "shukkeien", "garden", "shukkeien-1"
VICTIM = "payments-work"
PAY = (
    "import httpx, sys; a = httpx.post('http://127.0.0.1:8109/payers', timeout=30, "
    "json={'checkout_url': sys.argv[1], 'outcome': 'pay'}); print(a.text); sys.exit(a.status_code != 200)"
)
Found = TypeVar("Found")


class Compose:
    """The command that speaks to the installation under proof."""

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def run(self, *words: str) -> str:
        """Return what the command prints, or end the proof with what it complains about."""
        done = subprocess.run([*self._command, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(words)[:80]} failed: {(done.stdout + done.stderr)[-1500:]}")
        return done.stdout.strip()

    def token(self, role: str) -> str:
        """Return a bearer token, made in the only container that sees the staff key."""
        return self.run("run", "--rm", "--no-deps", "-T", "momiji", "token", "--role", role).splitlines()[-1]


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"docker {words[0]} failed: {done.stderr[-800:]}")
    return done.stdout.strip()


def _restarts(container: str) -> int:
    return int(_docker("inspect", "-f", "{{.RestartCount}}", container))


def _kill(container: str) -> None:
    """End a container's process behind the engine's back: what 'docker kill' ends is not started again."""
    pid = _docker("inspect", "-f", "{{.State.Pid}}", container)
    program = ["--entrypoint", "python", "momiji:local", "-c", f"import os; os.kill({pid}, 9)"]
    _docker("run", "--rm", "--network", "none", "--pid", "host", "--user", "0", *program)


class FrontDoor:
    """Calls a host behind Caddy, whose certificate must be good for that host and signed by its own authority."""

    def __init__(self, host: str, *, port: int, authority: str) -> None:
        self._host = f"{host}.localhost"
        self._client = httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            verify=ssl.create_default_context(cadata=authority),
            timeout=30,
            trust_env=False,
        )

    def ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        """Send one request to this host through the front door."""
        headers = {"Host": f"{self._host}:8443"} | more.pop("headers", {})
        return self._client.request(verb, path, headers=headers, extensions={"sni_hostname": self._host}, **more)


def until(what: str, ask: Callable[[], Found | None]) -> Found:
    """Ask until there is an answer, or end the proof saying what did not come."""
    started = time.monotonic()
    last: object = "nothing came"
    while time.monotonic() < started + PATIENCE_SECONDS:
        try:
            found = ask()
        except httpx.HTTPError as problem:
            found, last = None, problem
        if found:
            say(f"{what} ({time.monotonic() - started:.1f} s)")
            return found
        time.sleep(0.25)
    sys.exit(f"Not within {PATIENCE_SECONDS} s: {what} ({last})")


def say(words: str) -> None:
    """Tell how far the proof is."""
    print(f"  {words}", flush=True)


def place(tickets: FrontDoor, day: str) -> dict[str, Any]:
    """Place an order for two adults, to be paid by card."""
    answer = tickets.ask(
        "POST",
        "/v1/orders",
        headers={"Idempotency-Key": str(new_id())},
        json={
            "facility": FACILITY,
            "visit_date": day,
            "method": "stripe_card",
            "lines": [{"product": PRODUCT, "category": "adult", "quantity": 2}],
        },
    )
    if answer.status_code != httpx.codes.CREATED:
        sys.exit(f"The order was not taken: {answer.status_code} {answer.text[:800]}")
    order: dict[str, Any] = answer.json()
    say(f"order {order['number']} placed: {order['total']} yen, to be paid at {order['checkout_url']}")
    return order


def main() -> None:
    """Buy, pay, enter, be refused, and find it in the accounts; the payments worker dies on the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compose", default="docker compose", help="the command, with its -p")
    parser.add_argument(
        "--kept", type=Path, help="remember the order there; if the file is there, look for its order first"
    )
    parser.add_argument("--port", type=int, default=8443, help="where Caddy listens on this machine")
    chosen = parser.parse_args()
    compose = Compose(shlex.split(chosen.compose))

    authority = until("Caddy has its authority", lambda: _authority(compose))
    tickets = FrontDoor("tickets", port=chosen.port, authority=authority)
    accounts = FrontDoor("accounts", port=chosen.port, authority=authority)
    pay = FrontDoor("pay", port=chosen.port, authority=authority)
    for name, door in (("ticketing", tickets), ("payments", pay), ("reconciliation", accounts)):
        until(f"{name} is ready behind Caddy, over TLS", lambda door=door: door.ask("GET", "/readyz").is_success)

    gate = {"Authorization": f"Bearer {compose.token('gate')}"}
    accountant = {"Authorization": f"Bearer {compose.token('accounting')}"}
    today = SystemClock().now().astimezone(JAPAN).date().isoformat()
    before = _totals(accounts, today, accountant)
    if chosen.kept and chosen.kept.exists():
        look_for(tickets, json.loads(chosen.kept.read_text()), gate)
        say(f"the accounts still say {before['sold']} yen sold")
    order = place(tickets, today)

    container = compose.run("ps", "-q", VICTIM)
    starts_before = _restarts(container)
    _kill(container)
    say(f"{VICTIM} killed (SIGKILL) before the money comes")
    compose.run("exec", "-T", "sandbox", "python", "-c", PAY, order["checkout_url"])
    say("paid by card at the sandbox")
    until(
        f"{VICTIM} was started again by the engine",
        lambda: (
            _restarts(container) > starts_before and _docker("inspect", "-f", "{{.State.Running}}", container) == "true"
        ),
    )

    def confirmed() -> dict[str, Any] | None:
        answer = tickets.ask("GET", f"/v1/orders/{order['id']}", headers={"X-Order-Key": order["key"]}).json()
        return answer if answer["status"] == "confirmed" else None

    bought = until("order confirmed", confirmed)["tickets"]
    say(f"{len(bought)} tickets issued, the first code {bought[0]['code'][:24]}…")

    answers = [scan(tickets, bought[0]["code"], gate) for _ in range(2)]
    if answers != [("admit", "ok"), ("refuse", "already_admitted")]:
        sys.exit(f"The gate answered {answers}")
    say("admitted at the gate once, refused the second time")

    more = {"sold": order["total"], "captured": order["total"], "admitted": 1}
    expected = {name: before[name] + plus for name, plus in more.items()}
    until(
        f"the accounts of {today} say sold = captured = {expected['sold']} yen, {expected['admitted']} admitted",
        lambda: _totals(accounts, today, accountant) == expected,
    )
    if chosen.kept:
        chosen.kept.write_text(json.dumps({"id": order["id"], "key": order["key"], "code": bought[0]["code"]}))


def scan(tickets: FrontDoor, code: str, gate: dict[str, str]) -> tuple[str, str]:
    """Hold a code before the gate; return its decision and its reason."""
    said = {"scan_id": str(new_id()), "code": code, "scanned_at": SystemClock().now().isoformat()}
    answer = tickets.ask("POST", f"/v1/gates/{GATE}/scans", headers=gate, json=said).json()
    return answer.get("decision", ""), answer.get("reason", str(answer))


def look_for(tickets: FrontDoor, kept: dict[str, str], gate: dict[str, str]) -> None:
    """Find an order of an earlier run as it was: confirmed, and its ticket used."""
    answer = tickets.ask("GET", f"/v1/orders/{kept['id']}", headers={"X-Order-Key": kept["key"]})
    if not answer.is_success or answer.json()["status"] != "confirmed":
        sys.exit(f"The earlier order is not as it was: {answer.status_code} {answer.text[:500]}")
    if (verdict := scan(tickets, kept["code"], gate)) != ("refuse", "already_admitted"):
        sys.exit(f"The gate forgot who came: {verdict}")
    say("the earlier order is confirmed still, and its used ticket is refused still")


def _totals(accounts: FrontDoor, day: str, accountant: dict[str, str]) -> dict[str, int]:
    totals = accounts.ask("GET", f"/v1/days/{day}", headers=accountant).raise_for_status().json()["totals"]
    return {name: totals[name] for name in ("sold", "captured", "admitted")}


def _authority(compose: Compose) -> str | None:
    try:
        return compose.run("exec", "-T", "caddy", "cat", "/data/caddy/pki/authorities/local/root.crt")
    except SystemExit:
        return None


if __name__ == "__main__":
    main()
