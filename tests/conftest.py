"""What all tests share: a real PostgreSQL, a real Kafka, and the rule that a skip may be a failure."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from support.kafka_broker import KafkaBroker, WheelBroker, can_run_java
from support.postgres import TestServer

REQUIRE_ALL = os.environ.get("MOMIJI_REQUIRE_ALL") == "1"
# CI draws the same examples each time; whoever runs the tests by hand draws others and may find more.
# How long an example takes says something about the machine and whoever else uses it, and nothing about the code.
settings.register_profile("others each time", deadline=None)
settings.register_profile("the same each time", derandomize=True, deadline=None)
settings.load_profile("the same each time" if REQUIRE_ALL else "others each time")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn a skip into a failure where everything must run."""
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.longrepr = f"{item.nodeid}: a skip is a failure with MOMIJI_REQUIRE_ALL=1. {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    """Turn a skip of a whole module into a failure too."""
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_ALL and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: a skip is a failure with MOMIJI_REQUIRE_ALL=1. {reason}"


def pytest_terminal_summary(terminalreporter):
    """Say loudly what was skipped."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {reason}", yellow=True, bold=True)


@pytest.fixture(scope="session")
def postgres():
    """Yield a running PostgreSQL 18."""
    server = TestServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fresh_database(postgres):
    """Return a function that creates an empty database and returns its address."""
    made = []

    def make(prefix: str = "test") -> str:
        made.append(postgres.new_database(prefix))
        return made[-1]

    yield make
    for url in made:
        postgres.drop(url)


def _new_broker():
    if can_run_java():
        return KafkaBroker()
    if REQUIRE_ALL:
        pytest.fail("Java and Maven are needed for the real Kafka; deploy/prepare-tests.sh installs them as root.")
    return WheelBroker()


@pytest.fixture(scope="session")
def kafka_server():
    """Yield a running broker: Apache Kafka, or the wheel's where there is no Java."""
    broker = _new_broker()
    broker.start()
    yield broker
    broker.remove()


@pytest.fixture
def own_kafka_broker():
    """Yield the bootstrap address of a broker that no other test has written to."""
    broker = _new_broker()
    broker.start()
    yield broker.bootstrap
    broker.remove()


@pytest.fixture(scope="session")
def kafka_broker(kafka_server):
    """Return the bootstrap address of a running broker."""
    return kafka_server.bootstrap


@pytest.fixture
def momiji_home():
    """Return an empty folder that PostgreSQL's own user can reach; other test runs leave it alone."""
    folder = Path(tempfile.mkdtemp(prefix="momiji-home-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
