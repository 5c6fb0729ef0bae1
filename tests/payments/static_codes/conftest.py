"""Staff before the pages of counter codes."""

import pytest

from support.counter_codes import Counters


@pytest.fixture(scope="module")
def counters(desk):
    return Counters(desk)
