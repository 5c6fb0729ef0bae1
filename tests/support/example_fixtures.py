"""The example books, one database for each file of tests: what one test adds, the next one sees.

A folder's conftest imports these fixtures; in it they stand for the empty books.
"""

import pytest

from support import example_books


@pytest.fixture(scope="module")
def example_database(postgres, books_template):
    with example_books.database(postgres, books_template) as url:
        yield url


@pytest.fixture
async def books(example_database, tmp_path):
    opened = example_books.opened(example_database, tmp_path)
    yield opened
    await opened.wiring.database.close()


@pytest.fixture
def example(books):
    return books
