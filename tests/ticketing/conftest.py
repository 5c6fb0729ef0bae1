"""A shop for each test, with the clock at noon of a Wednesday in Japan."""

import asyncio
import socket
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from kernel.migrations import migrate
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(
        create_app(wiring=shop.wiring), port=port, log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
    )
    server = uvicorn.Server(config)
    await shop.wiring.watch.start()
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)

    async def stop():
        server.should_exit = True
        await running

    yield SimpleNamespace(url=f"http://127.0.0.1:{port}", stop=stop)
    await stop()
    await shop.wiring.watch.stop()
