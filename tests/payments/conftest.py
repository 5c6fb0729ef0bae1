"""Payments for tests: as threads of the test (`till`), or as processes that can be killed (`paying`)."""

import pytest

from kernel.access import Issuer, new_key_pair
from kernel.migrations import migrate
from support.collecting import desk as open_desk
from support.live_payments import counter, free_port
from support.paying_processes import Paying, environment


@pytest.fixture(scope="module")
def till(postgres, tmp_path_factory):
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    with counter(database, stream, tmp_path_factory.mktemp("keys")) as made:
        yield made
    postgres.drop(database)
    postgres.drop(stream)


@pytest.fixture(scope="module")
def desk(postgres, tmp_path_factory):
    """Yield a till with an administrator, who makes collecting systems."""
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    with open_desk(database, stream, tmp_path_factory.mktemp("keys")) as made:
        yield made
    postgres.drop(database)
    postgres.drop(stream)


@pytest.fixture(scope="module")
def paying(postgres, tmp_path_factory):
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    migrate("payments", database)
    keys, folder = tmp_path_factory.mktemp("keys"), tmp_path_factory.mktemp("paying")
    private, public = new_key_pair()
    (keys / "ticketing.pem").write_text(public)
    payments, sandbox = free_port(), free_port()
    told = environment(
        payments=payments, sandbox=sandbox, database=database, stream=stream, keys=keys, session_key="s" * 40
    )
    made = Paying(
        f"http://127.0.0.1:{payments}",
        f"http://127.0.0.1:{sandbox}",
        database,
        told,
        folder,
        Issuer("ticketing", private),
    )
    try:
        made.start("serve", "sandbox")
        made.start("serve", "payments")
        made.start("work", "payments")
        made.ready()
        yield made
    finally:
        made.stop()
        postgres.drop(database)
        postgres.drop(stream)
