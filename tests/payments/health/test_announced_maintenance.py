"""A maintenance that a provider announced: the method rests from its beginning, says until when, and comes back."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from kernel.migrations import migrate
from kernel.rows import Database
from payments.health import actions, store
from payments.health.model import Breaker, Window, failed, kept_away
from payments.settings import PaymentsSettings

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window("paypay", NOW, NOW + 3 * HOUR)


@pytest.fixture
async def database(fresh_database):
    url = fresh_database("payments")
    migrate("payments", url)
    made = Database(url, service="payments")
    yield made
    await made.close()


async def told(database):
    """Return what was published: until when each pause lasts, None for a resumption."""
    async with database.transaction("test") as tx:
        rows = await tx.execute("SELECT payload ->> 'until' AS until FROM outbox ORDER BY position")
        return [row.until and datetime.fromisoformat(row.until) for row in rows]


async def paused(database):
    async with database.transaction("test") as tx:
        return {name: each.until for name, each in (await actions.paused(tx)).items()}


async def test_it_begins_is_told_once_and_ends(database):
    assert await actions.keep_announced(database, [WINDOW], at=NOW - timedelta(seconds=1)) == 0
    assert [await actions.keep_announced(database, [WINDOW], at=NOW + n * HOUR) for n in range(3)] == [1, 0, 0]
    assert await paused(database) == {"paypay": WINDOW.until}
    assert await actions.resume_over(database, at=WINDOW.until - timedelta(seconds=1)) == 0
    assert await actions.resume_over(database, at=WINDOW.until) == 1
    assert await actions.keep_announced(database, [WINDOW], at=WINDOW.until) == 0
    assert (await paused(database), await told(database)) == ({}, [WINDOW.until, None])


async def test_a_pause_that_grows_is_told_anew(database):
    def short(breaker):
        return failed(breaker, "maintenance", at=NOW)

    first = await actions.change(database, "paypay", "open", short, at=NOW)
    await actions.keep_announced(database, [WINDOW], at=NOW)
    assert await told(database) == [first.until, WINDOW.until]


async def test_a_call_that_came_through_does_not_end_it(database):
    await actions.keep_announced(database, [WINDOW], at=NOW)
    async with database.transaction("test") as tx:
        before, version = await store.locked(tx, "paypay", "open")
        await store.save(tx, Breaker(before.method, "open"), version=version)
    await actions.keep_announced(database, [WINDOW], at=NOW + HOUR)
    assert await paused(database) == {"paypay": WINDOW.until}


def test_a_longer_pause_stays():
    longer = failed(Breaker("paypay", "open"), "maintenance", retry_after=4 * HOUR, at=NOW)
    assert kept_away(longer, until=WINDOW.until, at=NOW) == longer


def said(**changes):
    window = {"method": "paypay", "from": "2026-12-01T02:00:00+09:00", "until": "2026-12-01T05:00:00+09:00"}
    return PaymentsSettings(methods_maintenance=[window | changes])


def test_it_is_read_from_a_setting():
    (window,) = said().maintenance_windows
    assert (window.method, window.until - window.begins) == ("paypay", 3 * HOUR)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"until": "2026-12-01T01:00:00+09:00"}, "ends before it begins"),
        ({"method": "pigeon"}, "no way to pay here"),
        ({"from": "2026-12-01T02:00:00"}, "timezone"),
        ({"why": "because"}, "Extra inputs"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_with_words(wrong, words):
    with pytest.raises(ValidationError, match=words):
        said(**wrong)
