"""The example books, made once."""

import pytest

from support import example_books


@pytest.fixture
async def example(books):
    async with books.wiring.database.transaction("test") as tx:
        await example_books.fill(tx)
    return books
