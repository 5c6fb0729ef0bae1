"""`momiji up` says what is wrong when it cannot start, keeps its data, and stops cleanly."""

import socket
import subprocess

import pytest

from console.installation import CannotStartError, Installation, Ports, require_free_ports
from support.installation import MOMIJI, new_installation


def test_a_taken_port_is_named_with_what_to_do():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(CannotStartError, match=rf"Port {port} for payments.*MOMIJI_PAYMENTS_PORT"):
            require_free_ports("127.0.0.1", Ports(ticketing=0, payments=port, reconciliation=0, sandbox=0))


def test_a_folder_in_use_is_named_with_who_has_it(tmp_path):
    first, second = Installation(tmp_path), Installation(tmp_path)
    first.lock()
    try:
        with pytest.raises(CannotStartError, match=r"in use by another momiji \(process \d+\)"):
            second.lock()
    finally:
        first.unlock()


@pytest.mark.parametrize("given", ["0", "65536", "eighty", "-1", ""])
def test_a_port_that_is_none_is_refused(given):
    with pytest.raises(CannotStartError, match="choose a number"):
        Ports.from_environment({"MOMIJI_TICKETING_PORT": given})


def test_secrets_are_made_once_and_kept_from_others(tmp_path):
    installation = Installation(tmp_path / "home")
    installation.home.mkdir()
    installation.prepare()
    before = {file: file.read_bytes() for file in installation.secrets.rglob("*") if file.is_file()}
    installation.prepare()
    assert {file: file.read_bytes() for file in before} == before
    assert all(file.stat().st_mode & 0o077 == 0 for file in before)


def test_the_embedded_mode_does_not_run_in_production(tmp_path):
    installation = new_installation(tmp_path / "home", MOMIJI_ENVIRONMENT="production")
    done = subprocess.run(
        [str(MOMIJI), "up"], env=installation.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "production" in done.stderr


def test_a_token_without_an_installation_says_what_to_do(tmp_path):
    installation = new_installation(tmp_path / "home")
    done = installation.run("token", "--role", "gate")
    assert done.returncode == 1
    assert "make up" in done.stderr


def test_an_unknown_role_lists_the_known_ones(tmp_path):
    installation = new_installation(tmp_path / "home")
    done = installation.run("token", "--role", "emperor")
    assert done.returncode == 1
    assert "accounting" in done.stderr
