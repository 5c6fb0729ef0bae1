"""Journeys share one running installation for each event stream."""

import shutil
import tempfile
from pathlib import Path

import pytest

from support.installation import new_installation


@pytest.fixture(scope="session")
def momiji():
    """Yield a running `momiji up` on the PostgreSQL stream."""
    home = Path(tempfile.mkdtemp(prefix="momiji-journeys-"))
    home.chmod(0o711)
    installation = new_installation(home)
    installation.start()
    yield installation
    assert installation.stop() == 0, installation.logs()
    shutil.rmtree(home, ignore_errors=True)
