"""A gate on a fresh database for each module."""

import pytest

from support.live_gate import new_live_gate


@pytest.fixture(scope="module")
def live_gate(postgres, tmp_path_factory):
    """Yield a gate on a database of its own; its processes are started by the test."""
    url = postgres.new_database("gate")
    gate = new_live_gate(url, tmp_path_factory.mktemp("gate"))
    yield gate
    gate.stop()
    postgres.drop(url)


@pytest.fixture(scope="module")
def port(live_gate):
    """Return the port of one running gate process."""
    return live_gate.start()
