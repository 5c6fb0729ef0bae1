"""One installation on one machine: its folder, secrets, ports, lock, and what its processes are told."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from kernel.access import Role, hash_password, new_key_pair

SERVICES = ("ticketing", "payments", "reconciliation")
DATABASES = (*SERVICES, "stream")
LOG_BYTES_MAX = 20_000_000
HOME_VARIABLE = "MOMIJI_HOME"
# What the providers are asked to tell of (docs/running.md): a payment once, by the event that names our own reference.
WEBHOOK_EVENTS = {
    "MOMIJI_SANDBOX_STRIPE_WEBHOOK_EVENTS": [
        "checkout.session.*",
        "payment_intent.payment_failed",
        "refund.*",
        "charge.dispute.*",
        "payout.*",
    ],
    "MOMIJI_SANDBOX_KOMOJU_WEBHOOK_EVENTS": [
        "payment.captured",
        "payment.expired",
        "payment.cancelled",
        "payment.failed",
        "payment.refund*",
    ],
}


class CannotStartError(Exception):
    """The installation cannot start; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the services of one installation listen on this machine."""

    ticketing: int = 8101
    payments: int = 8102
    reconciliation: int = 8103
    sandbox: int = 8109

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Ports:
        """Read MOMIJI_<SERVICE>_PORT for each; what is not set keeps its default."""
        chosen: dict[str, int] = {}
        for name in asdict(cls()):
            variable = f"MOMIJI_{name.upper()}_PORT"
            given = environment.get(variable)
            if given is None:
                continue
            if not given.isdigit() or not 1 <= int(given) <= 65_535:  # noqa: PLR2004 - the range of TCP ports
                raise CannotStartError(f"{variable}={given} is not a port; choose a number from 1 to 65535.")
            chosen[name] = int(given)
        return cls(**chosen)


@dataclass(frozen=True, slots=True)
class Running:
    """What a running installation wrote down about itself."""

    pid: int
    host: str
    ports: Ports
    stream: str

    def url(self, name: str) -> str:
        """Return the base address of a service or of the sandbox."""
        return f"http://{self.host}:{getattr(self.ports, name)}"


def home_folder(environment: Mapping[str, str]) -> Path:
    """Return the installation's folder: MOMIJI_HOME, else `var` beside the virtual environment, else ./var."""
    given = environment.get(HOME_VARIABLE)
    if given:
        return Path(given).absolute()
    beside = Path(sys.prefix).parent
    if Path(sys.prefix).name.startswith(".venv") and (beside / "pyproject.toml").exists():
        return beside / "var"
    return Path.cwd() / "var"


class Installation:
    """The files of one installation. Secrets are made once and never leave the folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self.logs = home / "log"
        self.secrets = home / "secrets"
        self.trusted = self.secrets / "trusted"
        self.staff_key = self.secrets / "staff.key"
        self.staff_file = home / "staff.json"
        self.sign_ins = home / "sign-ins.txt"
        self.facilities_file = home / "facilities.json"
        self.statements = home / "statements"
        self._state = home / "running.json"
        self._lock: IO[str] | None = None

    def lock(self) -> None:
        """Take the folder for this process; raise CannotStartError if another one has it."""
        self.home.mkdir(parents=True, exist_ok=True)
        handle = (self.home / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            handle.close()
            raise CannotStartError(
                f"{self.home} is in use by another momiji (process {holder}). Stop that one with Ctrl-C, "
                f"or set {HOME_VARIABLE} to another folder to run a second installation."
            ) from None
        handle.seek(0)
        handle.truncate()
        handle.write(str(os.getpid()))
        handle.flush()
        self._lock = handle

    def unlock(self) -> None:
        """Give the folder back."""
        self._state.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def prepare(self) -> None:
        """Make folders, keys, secrets and local sign-ins that are not there yet."""
        os.umask(0o077)
        # PostgreSQL runs under a user of its own when we are root, and must be able to pass through.
        self.home.chmod(0o711)
        for folder in (self.logs, self.secrets, self.trusted, self.statements):
            folder.mkdir(parents=True, exist_ok=True)
        self._key_pair(self.staff_key, "staff")
        for service in SERVICES:
            folder = self.secrets / service
            folder.mkdir(exist_ok=True)
            self._key_pair(folder / "momiji_service_key", service)
            _write_once(folder / "momiji_session_key", secrets.token_urlsafe(48))
        _write_once(self.secrets / "payments" / "momiji_payments_data_keys", json.dumps([secrets.token_urlsafe(48)]))
        _write_once(self.secrets / "ticketing" / "momiji_order_key_secret", secrets.token_urlsafe(48))
        _write_once(self.secrets / "ticketing" / "momiji_ticket_signing_key", secrets.token_hex(32))
        if not self.staff_file.exists():
            self._first_staff()

    def _key_pair(self, private_file: Path, name: str) -> None:
        public_file = self.trusted / f"{name}.pem"
        if private_file.exists() and public_file.exists():
            return
        private, public = new_key_pair()
        private_file.write_text(private, encoding="ascii")
        public_file.write_text(public, encoding="ascii")

    def _first_staff(self) -> None:
        members, lines = [], ["name           role         password"]
        for name, role in (
            ("gate", Role.GATE),
            ("supervisor", Role.SUPERVISOR),
            ("office", Role.FACILITY),
            ("accounting", Role.ACCOUNTING),
            ("admin", Role.ADMIN),
        ):
            password = "-".join(secrets.token_hex(2) for _ in range(3))
            members.append(
                {"name": name, "role": role.value, "facilities": ["*"], "password_hash": hash_password(password)}
            )
            lines.append(f"{name:<14} {role.value:<12} {password}")
        self.sign_ins.write_text("\n".join(lines) + "\n", encoding="ascii")
        self.staff_file.write_text(json.dumps(members, indent=1), encoding="ascii")

    def write_running(self, running: Running) -> None:
        """Write down where the services listen, for the other commands to find."""
        self._state.write_text(json.dumps(asdict(running)), encoding="ascii")

    def running(self) -> Running:
        """Return the running installation; raise CannotStartError if none runs here."""
        try:
            kept = json.loads(self._state.read_text(encoding="ascii"))
            os.kill(kept["pid"], 0)
        except (OSError, ValueError):
            raise CannotStartError(
                f"No momiji runs from {self.home}. Start one with 'make up', "
                f"or set {HOME_VARIABLE} to the folder of the one that runs."
            ) from None
        return Running(kept["pid"], kept["host"], Ports(**kept["ports"]), kept["stream"])

    def environment_of(self, service: str, running: Running, database_urls: Mapping[str, str]) -> dict[str, str]:
        """Return the MOMIJI_* variables that one process of this installation gets."""
        told = {
            HOME_VARIABLE: str(self.home),
            "MOMIJI_HOST": running.host,
            "MOMIJI_STREAM": running.stream,
            "MOMIJI_STREAM_DATABASE_URL": database_urls["stream"],
            "MOMIJI_TRUSTED_KEYS_DIR": str(self.trusted),
            "MOMIJI_STAFF_FILE": str(self.staff_file),
            "MOMIJI_FACILITIES_FILE": str(self.facilities_file),
            "MOMIJI_PARENT_PID": str(os.getpid()),
        }
        for name in ("ticketing", "payments", "reconciliation", "sandbox"):
            told[f"MOMIJI_{name.upper()}_PORT"] = str(getattr(running.ports, name))
            told[f"MOMIJI_{name.upper()}_URL"] = running.url(name)
        if service in SERVICES:
            told["MOMIJI_SECRETS_DIR"] = str(self.secrets / service)
            told[f"MOMIJI_{service.upper()}_DATABASE_URL"] = database_urls[service]
        if service in {"payments", "ticketing"}:
            told["MOMIJI_FORM_ACTION_ORIGINS"] = json.dumps([running.url("sandbox")])
        if service == "payments":
            told["MOMIJI_STRIPE_API_BASE"] = f"{running.url('sandbox')}/stripe"
            told["MOMIJI_PAYPAY_BASE_URL"] = f"{running.url('sandbox')}/paypay"
            told["MOMIJI_KOMOJU_BASE_URL"] = f"{running.url('sandbox')}/komoju/api/v1"
        if service == "reconciliation":
            told["MOMIJI_STATEMENTS_FOLDER"] = str(self.statements)
        if service == "sandbox":
            told["MOMIJI_SANDBOX_HOST"] = running.host
            told["MOMIJI_SANDBOX_JOURNAL_FILE"] = str(self.home / "sandbox" / "journal.jsonl")
            told["MOMIJI_SANDBOX_PUBLIC_URL"] = running.url("sandbox")
            told |= {name: json.dumps(events) for name, events in WEBHOOK_EVENTS.items()}
        return told


def require_free_ports(host: str, ports: Ports) -> None:
    """Raise CannotStartError naming the first port that somebody else listens on."""
    for name, port in asdict(ports).items():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as problem:
                raise CannotStartError(
                    f"Port {port} for {name} cannot be used ({problem.strerror}). Stop the program that has it, "
                    f"or choose another: MOMIJI_{name.upper()}_PORT={port + 100} make up"
                ) from None


def rotate(log: Path) -> None:
    """Keep one older copy of a log that has grown large."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".1.log"))


def _write_once(file: Path, content: str) -> None:
    if not file.exists():
        file.write_text(content, encoding="ascii")
