"""Payments, its worker and a sandbox, served for the tests of one module."""

import pytest

from support.live_payments import counter


@pytest.fixture(scope="module")
def live(postgres, tmp_path_factory):
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    with counter(database, stream, tmp_path_factory.mktemp("keys")) as made:
        yield made
    postgres.drop(database)
    postgres.drop(stream)
