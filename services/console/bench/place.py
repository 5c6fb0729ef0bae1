"""Where a bench runs: a fresh installation on free ports, and PostgreSQL's own pgbench beside it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from console.installation import CannotStartError, Installation, Ports, Running
from console.postgres import DATABASE_USER, EmbeddedPostgres
from console.tokens import token

READY_SECONDS_MAX = 90
SETTLE_SECONDS_MAX = 120.0


class BenchPlace:
    """One `momiji up` for the length of a bench."""

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str],
        *,
        seconds: float,
        payments: int = 0,
        months: int = 12,
        kill: bool = False,
    ) -> None:
        self.home = home
        self.seconds = seconds
        self.payments = payments
        self.months = months
        self.kill = kill
        self.stream = environment.get("MOMIJI_STREAM", "postgres")
        self.kafka_bootstrap = environment.get("MOMIJI_KAFKA_BOOTSTRAP", "")
        self.ports = _free_ports()
        self.environment = dict(environment) | {"MOMIJI_HOME": str(home)}
        for name in ("ticketing", "payments", "reconciliation", "sandbox"):
            self.environment[f"MOMIJI_{name.upper()}_PORT"] = str(getattr(self.ports, name))
        self._process: subprocess.Popen[bytes] | None = None
        self.postgres = EmbeddedPostgres(home / "postgres")

    def start(self) -> None:
        """Start and wait until it is ready."""
        said = self.home / "up.txt"
        with said.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "console.main", "up"], env=self.environment, stdout=output, stderr=output
            )
        deadline = time.monotonic() + READY_SECONDS_MAX
        while "Momiji is ready" not in said.read_text(encoding="utf-8"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise CannotStartError(f"The installation to measure did not start:\n{said.read_text()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)

    @property
    def pid(self) -> int:
        """The process of `momiji up`."""
        assert self._process is not None  # noqa: S101 - start() comes first
        return self._process.pid

    def postgres_pid(self) -> int:
        """Return the process of PostgreSQL's server."""
        return int((self.home / "postgres" / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])

    @property
    def running(self) -> Running:
        """Where the services listen."""
        return Installation(self.home).running()

    def token(self, role: str) -> str:
        """Return a staff token for this installation."""
        return token(self.environment, role=role, facilities=[])

    def settle(self) -> None:
        """Wait until what was done before has reached the ledger, so that it is not measured again."""
        seen = (-1, -1)
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while time.monotonic() < deadline:
            with self.postgres.connect("ticketing") as ours, self.postgres.connect("reconciliation") as books:
                (unsent,) = ours.execute("SELECT count(*) FROM outbox WHERE sent_at IS NULL").fetchone() or (0,)
                (known,) = books.execute("SELECT count(*) FROM inbox").fetchone() or (0,)
            if seen == (unsent, known) == (0, known):
                return
            seen = (unsent, known)
            time.sleep(0.5)

    def pgbench(self, database: str, script: str, *, clients: int) -> float:
        """Return how many transactions a second PostgreSQL itself does with a script of the same statements."""
        file = self.home / "script.sql"
        file.write_text(script, encoding="ascii")
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [
                str(self.postgres.program("pgbench")),
                "-n",
                "-h",
                str(self.postgres.sockets),
                "-U",
                DATABASE_USER,
                "-c",
                str(clients),
                "-j",
                "2",
                "-M",
                "prepared",
                "-T",
                str(max(1, round(self.seconds))),
                "-f",
                str(file),
                database,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        if found is None:
            raise CannotStartError(f"pgbench did not measure: {done.stderr[-500:]}")
        return float(found.group(1))


def _free_ports() -> Ports:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(4)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(*(each.getsockname()[1] for each in sockets))
