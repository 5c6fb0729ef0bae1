"""PostgreSQL for tests: one real server for the run, a database of its own for whoever asks."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

from console.postgres import CONFIGURATION, EmbeddedPostgres

_numbers = itertools.count(1)
# A machine that loses its power in mid-test loses nothing that is needed: what is committed need not reach the disk.
HASTY = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


class TestServer:
    """One server in a short folder of its own, so that its user can reach it as root too."""

    __test__ = False

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="momiji-pg-"))
        self._folder.chmod(0o711)
        self.server = EmbeddedPostgres(self._folder / "data", {**CONFIGURATION, **HASTY})

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self, prefix: str = "test") -> str:
        """Create an empty database and return its SQLAlchemy address."""
        name = f"{prefix}_{next(_numbers)}"
        self.server.create_database(name)
        return self.server.url(name)

    def copy(self, template: str, name: str) -> str:
        """Create a database like another that nobody uses at the moment; return its SQLAlchemy address."""
        with self.server.connect("postgres") as connection:
            # By files and not through the log: half the work for databases as small as these.
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.server.url(name)

    def drop(self, url: str) -> None:
        self.server.drop_database(url.split("@/")[1].split("?", maxsplit=1)[0])
