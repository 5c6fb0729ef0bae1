"""Payments with staff who sign in."""

import pytest

from support.staff_office import opened


@pytest.fixture(scope="module")
def office(postgres, tmp_path_factory):
    with opened(postgres, tmp_path_factory.mktemp("keys")) as made:
        yield made
