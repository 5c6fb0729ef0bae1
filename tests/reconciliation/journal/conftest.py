"""A journal that can be written to: everything is open unless a test closes it."""

import pytest

from kernel.clock import new_id
from reconciliation.journal import actions
from support.journal import FAR, always_open, balances


@pytest.fixture
def post(books):
    async def run(*, through=FAR, open_day=always_open, whole=False, at=None):
        async with books.wiring.database.transaction("test") as tx:
            return await actions.post(
                tx, through=through, at=at or books.clock.now(), new_id=new_id, open_day=open_day, whole=whole
            )

    return run


@pytest.fixture
def balance(books):
    async def of_accounts():
        async with books.wiring.database.transaction("test") as tx:
            return await balances(tx)

    return of_accounts


@pytest.fixture
def ask(books):
    async def rows(sql, **parameters):
        async with books.wiring.database.transaction("test") as tx:
            return list(await tx.execute(sql, **parameters))

    return rows
