"""A shop for each test, with the clock at noon of a Wednesday in Japan."""

from datetime import UTC, datetime

import httpx
import pytest

from kernel.migrations import migrate
from support import behind_a_port
from support.selling import close_shop, open_shop
from ticketing.app import create_app

NOON = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def sold_template(postgres):
    """Migrate once; every test copies the result."""
    postgres.server.create_database("template_ticketing")
    migrate("ticketing", postgres.server.url("template_ticketing"))
    return "template_ticketing"


@pytest.fixture
def ticketing_url(postgres, sold_template):
    name = f"shop_{id(object())}"
    yield postgres.copy(sold_template, name)
    postgres.server.drop_database(name)


@pytest.fixture
async def shop(ticketing_url, tmp_path):
    opened = await open_shop(ticketing_url, tmp_path, at=NOON)
    yield opened
    await close_shop(opened)


@pytest.fixture
async def web(shop):
    """An HTTP client to the shop's app."""
    transport = httpx.ASGITransport(app=create_app(wiring=shop.wiring))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8101") as client:
        yield client


@pytest.fixture
async def served(shop):
    """The shop behind a real port: its address, and a way to end it."""
    await shop.wiring.watch.start()
    async with behind_a_port.served(create_app(wiring=shop.wiring)) as at_a_port:
        yield at_a_port
    await shop.wiring.watch.stop()
