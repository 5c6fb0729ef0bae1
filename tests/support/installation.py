"""A whole `momiji up` of its own for tests: free ports, its own folder, ended by pid."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

MOMIJI = Path(sys.executable).with_name("momiji")
READY_SECONDS_MAX = 90
SERVICES = ("ticketing", "payments", "reconciliation", "sandbox")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass
class LiveInstallation:
    """One running `momiji up`."""

    home: Path
    environment: dict[str, str]
    ports: dict[str, int]
    process: subprocess.Popen | None = None
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        self.output = self.home / "up.txt"

    def url(self, service: str, path: str = "") -> str:
        """Return an address of a service."""
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [str(MOMIJI), "up"], env=self.environment, stdout=output, stderr=subprocess.STDOUT, cwd=self.home
            )
        deadline = time.monotonic() + READY_SECONDS_MAX
        while "Momiji is ready" not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"momiji up did not get ready:\n{self.said()}\n{self.logs()}")
            time.sleep(0.1)

    def said(self) -> str:
        """Return what `momiji up` printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def logs(self) -> str:
        """Return the end of every log, for a failure's message."""
        ends = []
        for log in sorted((self.home / "log").glob("*.log")):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            ends.append(f"--- {log.name}\n" + "\n".join(line[:600] for line in lines))
        return "\n".join(ends)

    def stop(self) -> int:
        """Stop it as Ctrl-C does; return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def children(self) -> dict[str, int]:
        """Return name → pid of every process that it started, found by their arguments."""
        assert self.process is not None
        found: dict[str, int] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                arguments = (entry / "cmdline").read_bytes().decode().split("\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            if parent != self.process.pid:
                continue
            if "console.main" in arguments:
                kind, service = arguments[arguments.index("console.main") + 1 :][:2]
                found[f"{kind} {service}"] = int(entry.name)
            elif arguments and arguments[0].endswith("postgres"):
                found["postgres"] = int(entry.name)
        return found

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess:
        """Run one `momiji` command against it."""
        return subprocess.run(
            [str(MOMIJI), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def token(self, role: str, *facilities: str) -> str:
        """Return a bearer token from `momiji token`."""
        wishes = [word for facility in facilities for word in ("--facility", facility)]
        done = self.run("token", "--role", role, *wishes)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]

    def get_json(self, service: str, path: str, *, token: str | None = None) -> dict:
        """Fetch one JSON answer."""
        request = urllib.request.Request(self.url(service, path))
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def sign_in_of(self, role: str) -> tuple[str, str]:
        """Return name and password of the first local sign-in with a role."""
        for line in (self.home / "sign-ins.txt").read_text().splitlines()[1:]:
            name, its_role, password = line.split()
            if its_role == role:
                return name, password
        raise AssertionError(f"no sign-in for {role}")


def new_installation(home: Path, **variables: str) -> LiveInstallation:
    """Prepare an installation on free ports; nothing is started yet."""
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOMIJI_")}
    environment |= {f"MOMIJI_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    environment |= {"MOMIJI_HOME": str(home)} | variables
    return LiveInstallation(home, environment, ports)
