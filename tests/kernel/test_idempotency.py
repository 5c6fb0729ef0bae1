"""The same POST twice has one effect and one answer."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from kernel.idempotency import InFlight, Kept, KeyMissing, KeyReused, claim, keep, require_key
from kernel.rows import Database

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
SCHEMA = (Path(__file__).parents[2] / "services/kernel/schema/2026_11_23_kernel.sql").read_text(encoding="utf-8")


@pytest.fixture
async def database(fresh_database):
    url = fresh_database("idempotency")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(SCHEMA)
    opened = Database(url, service="test")
    yield opened
    await opened.close()


async def first(database, body=b"{}", key="k"):
    async with database.transaction("corr") as tx:
        kept = await claim(tx, scope="orders", key=key, body=body, at=NOW)
        if kept is None:
            await keep(tx, scope="orders", key=key, status=201, answer_json='{"id": 1}', at=NOW)
        return kept


async def test_a_repeat_gets_the_first_answer(database):
    assert await first(database) is None
    assert await first(database) == Kept(201, {"id": 1})


async def test_the_same_key_with_another_body_is_refused(database):
    await first(database)
    with pytest.raises(KeyReused):
        await first(database, body=b'{"other": 1}')


async def test_keys_of_different_scopes_do_not_meet(database):
    await first(database)
    async with database.transaction("corr") as tx:
        assert await claim(tx, scope="refunds", key="k", body=b"other", at=NOW) is None


async def test_a_request_in_flight_is_refused_and_not_waited_for(database):
    async with database.transaction("corr") as tx:
        assert await claim(tx, scope="orders", key="k", body=b"{}", at=NOW) is None
        async with asyncio.timeout(5):
            with pytest.raises(InFlight):
                await first(database)


async def test_an_effect_that_failed_leaves_the_key_free(database):
    with pytest.raises(RuntimeError):
        async with database.transaction("corr") as tx:
            await claim(tx, scope="orders", key="k", body=b"{}", at=NOW)
            raise RuntimeError
    assert await first(database, body=b"another") is None


@pytest.mark.parametrize("key", [None, "", "x" * 256])
def test_a_key_that_is_missing_or_too_long_is_refused(key):
    with pytest.raises(KeyMissing):
        require_key(key)
