"""A gate as a process of its own, on a database of its own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from kernel.access import Role, new_key_pair
from kernel.migrations import migrate
from support.gate_server import staff_token

TESTS = Path(__file__).parents[1]


@dataclass
class LiveGate:
    """One or more server processes of ticketing's gate."""

    url: str
    private_pem: str
    public_file: Path
    log: Path
    processes: dict[int, subprocess.Popen] = field(default_factory=dict)

    def start(self) -> int:
        """Start one more process and return its port once it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = os.environ | {
            "GATE_DATABASE_URL": self.url,
            "GATE_STAFF_PUBLIC_KEY": str(self.public_file),
            "PYTHONPATH": str(TESTS),
        }
        command = [sys.executable, "-m", "uvicorn", "--factory", "support.gate_server:create_app", "--port", str(port)]
        with self.log.open("ab") as log:
            self.processes[port] = subprocess.Popen(
                [*command, "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return port
        raise AssertionError(f"the gate did not start:\n{self.log.read_text()}")

    def kill(self, port: int) -> None:
        """End a process as a power cut would."""
        process = self.processes.pop(port)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End what still runs."""
        for process in self.processes.values():
            process.terminate()
            process.wait()
        self.processes.clear()

    def token(self, role: Role = Role.GATE, *facilities: str) -> str:
        """Return a bearer token."""
        return staff_token(self.private_pem, role, facilities or ("*",))

    def ask(self, port: int, method: str, path: str, body=None, *, token=None, headers=()) -> tuple[int, dict]:
        """Send one request and return its status and JSON."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "authorization": f"Bearer {token or self.token()}",
                "accept-language": "en",
                "content-type": "application/json",
                **dict(headers),
            },
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read() or b"{}") | {"_etag": answer.headers.get("etag")}
        except urllib.error.HTTPError as problem:
            return problem.code, json.loads(problem.read() or b"{}")

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """Return rows of the gate's database."""
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            return connection.execute(sql, values).fetchall()

    def execute(self, sql: str, *values: object) -> None:
        """Change the gate's database."""
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            connection.execute(sql, values)


def new_live_gate(url: str, folder: Path) -> LiveGate:
    """Return a gate on a migrated database; its processes are started by the test."""
    migrate("ticketing", url)
    private, public = new_key_pair()
    (folder / "staff.pem").write_text(public)
    return LiveGate(url, private, folder / "staff.pem", folder / "gate.log")
