"""`momiji backup` and `momiji restore`: databases, secrets and facilities in one archive."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from console.installation import DATABASES, CannotStartError, Installation, home_folder
from console.postgres import EmbeddedPostgres
from console.tokens import find_running

DUMPS = "dumps"
KEPT = ("secrets", "staff.json", "sign-ins.txt", "facilities.json", "sandbox")


def backup(environment: Mapping[str, str], target: str) -> int:
    """Write a consistent dump of every database, with secrets and settings, to a new archive.

    The services go on; each database is dumped as of one moment. The archive holds secrets: mode 0600.
    """
    file = Path(target)
    if file.exists():
        raise CannotStartError(f"{file} is there already. Choose another name.")
    installation, _ = find_running(environment)
    postgres = EmbeddedPostgres(installation.data)
    file.touch(mode=0o600)
    with tarfile.open(file, "w:gz") as archive:
        for name in DATABASES:
            dump = _run([str(postgres.program("pg_dump")), "-Fc", "-d", _plain(postgres.url(name))])
            entry = tarfile.TarInfo(f"{DUMPS}/{name}.dump")
            entry.size = len(dump)
            entry.mode = 0o600
            archive.addfile(entry, io.BytesIO(dump))
        for name in KEPT:
            if (installation.home / name).exists():
                archive.add(installation.home / name, arcname=name)
    print(f"{file} ({file.stat().st_size:,} bytes). It holds secrets: keep it as safe as the installation.")
    return 0


def restore(environment: Mapping[str, str], source: str) -> int:
    """Restore an archive into an installation folder that is still empty, and leave it stopped."""
    file = Path(source)
    if not file.is_file():
        raise CannotStartError(f"There is no file {file}.")
    installation = Installation(home_folder(environment))
    if installation.data.exists():
        raise CannotStartError(
            f"{installation.home} holds data. Restore into an empty folder: MOMIJI_HOME=/another/folder momiji restore"
        )
    installation.lock()
    try:
        with tarfile.open(file, "r:gz") as archive:
            archive.extractall(installation.home, filter="data")
        installation.prepare()
        postgres = EmbeddedPostgres(installation.data)
        postgres.start()
        try:
            for name in DATABASES:
                postgres.create_database(name)
                dump = installation.home / DUMPS / f"{name}.dump"
                _run(
                    [
                        str(postgres.program("pg_restore")),
                        "--no-owner",
                        "--exit-on-error",
                        "-d",
                        _plain(postgres.url(name)),
                        str(dump),
                    ]
                )
                dump.unlink()
        finally:
            postgres.stop()
    finally:
        installation.unlock()
    print(f"Restored to {installation.home}. Start it with 'momiji up'.")
    return 0


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _run(arguments: list[str]) -> bytes:
    done = subprocess.run(arguments, capture_output=True, check=False)  # noqa: S603 - PostgreSQL's own programs
    if done.returncode != 0:
        raise CannotStartError(f"{Path(arguments[0]).name} failed: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout
