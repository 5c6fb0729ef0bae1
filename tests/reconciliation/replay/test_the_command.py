"""`momiji replay` as it is typed: what it says, how it ends, and that killing it harms nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from kernel.stream.postgres import PostgresStream
from kernel.stream.protocol import Record, topic_of
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
MOMIJI = Path(sys.executable).with_name("momiji")


@pytest.fixture
async def typed(books, fresh_database):
    """Return a function that starts the command on books that took 40 orders from a stream."""
    url = fresh_database("stream")
    stream = PostgresStream(url)
    stream.create_topics([topic_of(name) for name in ("ticketing", "payments")])
    dice = random.Random(21)
    events = [event for _ in range(40) for event in order_story(dice, AT).events]
    stream.publish(
        [
            Record(
                topic_of(event.type.split(".", maxsplit=1)[0]),
                event.subject,
                event.headers(),
                event.fact.model_dump_json().encode(),
            )
            for event in events
        ]
    )
    stream.close()
    await books.take(events)
    environment = os.environ | {
        "MOMIJI_RECONCILIATION_DATABASE_URL": books.wiring.database.url,
        "MOMIJI_STREAM_DATABASE_URL": url,
        "COLUMNS": "200",
    }

    def start(*words):
        return subprocess.Popen([str(MOMIJI), "replay", *words], env=environment, stdout=subprocess.PIPE, text=True)

    return start


def address(books):
    return books.wiring.database.url.replace("+psycopg", "")


def change(books, statement):
    with psycopg.connect(address(books), autocommit=True) as connection:
        return connection.execute(statement)


def shadows(books):
    return change(books, "SELECT count(*) FROM pg_namespace WHERE nspname = 'replay'").fetchone()[0]


async def test_it_says_identical_and_leaves_nothing(books, typed):
    running = typed()
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "IDENTICAL" in said
    assert shadows(books) == 0


async def test_it_says_the_first_difference_and_puts_it_right_if_asked(books, typed):
    change(books, "UPDATE order_positions SET sold = sold + 1")
    running = typed("--swap")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "DIFFERENT in 40 rows. The first: order " in said
    assert "40 rows of order_positions" in said


async def test_killed_in_the_middle_it_harms_nothing_and_can_be_run_again(books, typed):
    running = typed()
    deadline = time.monotonic() + 30
    while not shadows(books) and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)
    again = typed()
    said, _ = again.communicate(timeout=60)
    assert (again.returncode, "IDENTICAL" in said) == (0, True)
