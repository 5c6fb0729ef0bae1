"""Journeys share one running installation for each event stream."""

import pytest

from support.installation import new_installation


@pytest.fixture(scope="session")
def momiji(tmp_path_factory):
    """Yield a running `momiji up` on the PostgreSQL stream."""
    installation = new_installation(tmp_path_factory.mktemp("momiji"))
    installation.start()
    yield installation
    assert installation.stop() == 0, installation.logs()
