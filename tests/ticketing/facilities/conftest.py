"""The example facilities, as a book and as a running ticketing on its own database."""

from datetime import UTC, datetime

import httpx
import pytest

from kernel.migrations import migrate
from support.selling import EXAMPLE, close_shop, open_shop
from ticketing.app import create_app
from ticketing.facilities.actions import japanese_holidays
from ticketing.facilities.document import read_book

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # Monday, Labour Thanksgiving Day, 10:00 in Japan


@pytest.fixture(scope="session")
def documents():
    return read_book(EXAMPLE)


@pytest.fixture(scope="session")
def facilities(documents):
    return {each.code: each.read() for each in documents.facilities}


@pytest.fixture(scope="session")
def holidays():
    return japanese_holidays(2026)


@pytest.fixture
async def shop(fresh_database, tmp_path):
    url = fresh_database("facilities")
    migrate("ticketing", url)
    opened = await open_shop(url, tmp_path, at=NOW)
    yield opened
    await close_shop(opened)


@pytest.fixture
async def web(shop):
    transport = httpx.ASGITransport(app=create_app(wiring=shop.wiring))
    async with httpx.AsyncClient(transport=transport, base_url="http://ticketing.test") as client:
        yield client
