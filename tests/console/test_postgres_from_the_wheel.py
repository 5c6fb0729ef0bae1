"""The embedded PostgreSQL: who may reach it, and what it survives."""

import os
import shutil
import signal
import stat
import tempfile
from pathlib import Path

import psycopg
import pytest

from console.postgres import EmbeddedPostgres, PostgresError


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="momiji-test-"))
    made.chmod(0o711)  # As root the server runs as another user, who must pass through.
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def server(folder):
    made = EmbeddedPostgres(folder / "data")
    yield made
    made.stop()


def test_it_keeps_what_was_committed_when_it_is_killed(server):
    server.start()
    server.create_database("kept")
    with server.connect("kept") as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    os.kill(server.pid, signal.SIGKILL)
    server.start()
    with server.connect("kept") as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (7,)


def test_a_server_left_behind_by_a_crash_is_replaced(server, folder):
    server.start()
    server.create_database("kept")
    successor = EmbeddedPostgres(folder / "data")
    successor.start()
    try:
        assert not server.is_running()
        assert successor.is_running()
        successor.connect("kept").close()
    finally:
        successor.stop()


def test_a_stale_file_of_another_process_does_not_end_that_process(server, folder):
    server.start()
    server.stop()
    left = folder / "data" / "postmaster.pid"
    left.write_text(f"{os.getppid()}\n{folder}/data\n")
    left.chmod(0o644)  # whatever umask an earlier test left: as root the server runs as another user
    server.start()
    os.kill(os.getppid(), 0)
    assert server.is_running()


def test_commits_reach_the_disk(server):
    server.start()
    with server.connect("postgres") as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone()[0] for name in ("fsync", "synchronous_commit")]
    assert shown == ["on", "on"]


def test_nobody_else_on_the_machine_gets_in(server):
    server.start()
    assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
    assert (server.data / "pg_hba.conf").read_text() == "local all all peer map=momiji\n"
    if os.geteuid() != 0:
        return  # Only root can try it as somebody else.
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            psycopg.connect(host=str(server.sockets), dbname="postgres", user="momiji", connect_timeout=3)
        except psycopg.OperationalError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_socket_folder_that_somebody_else_made_is_refused(server, monkeypatch):
    server.sockets.mkdir()
    with monkeypatch.context() as other:
        other.setattr("console.postgres.os.geteuid", lambda: 65534)
        with pytest.raises(PostgresError, match="somebody else"):
            server.start()
    server.start()


def test_a_symbolic_link_in_place_of_the_socket_folder_is_refused(server, folder):
    target = folder / "target"
    target.mkdir()
    before = target.stat()
    server.sockets.symlink_to(target)
    try:
        with pytest.raises(PostgresError, match="somebody else"):
            server.start()
    finally:
        server.sockets.unlink()
    assert (target.stat().st_uid, target.stat().st_mode) == (before.st_uid, before.st_mode)


def test_a_database_name_that_is_too_long_is_refused(server):
    with pytest.raises(PostgresError, match="Shorten it"):
        server.create_database("x" * 41)
