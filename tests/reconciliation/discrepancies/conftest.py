"""A desk before the books: everything examined, and open items that a test tells of itself."""

from dataclasses import dataclass

import pytest

from reconciliation.discrepancies import actions
from support.ledger_data import order_story
from support.open_items import stand_in, tell_item


@dataclass
class Desk:
    """The books with everything examined, and what a test asks of them."""

    books: object

    async def examine(self):
        """Examine everything until nothing is left; return how many things were looked at or differed."""
        wiring, done = self.books.wiring, 0
        while True:
            async with wiring.database.transaction("test") as tx:
                more = await actions.examine_days(tx, at=wiring.clock.now())
                more += await actions.examine(tx, at=wiring.clock.now(), grace=wiring.grace)
                more += await actions.examine_items(tx, at=wiring.clock.now())
            if not more:
                return done
            done += more

    async def take(self, dice, at, *ends, **given):
        stories = [order_story(dice, at, end=end, **given) for end in ends]
        await self.books.take([event for each in stories for event in each.events])
        return stories

    async def items(self, *rows):
        async with self.books.wiring.database.transaction("test") as tx:
            for row in rows:
                await tell_item(tx, self.books.clock.at, **row)

    async def rows(self, sql, **given):
        async with self.books.wiring.database.transaction("test") as tx:
            return (await tx.execute(sql, **given)).all()


@pytest.fixture
async def desk(books):
    async with books.wiring.database.transaction("test") as tx:
        await stand_in(tx)
    return Desk(books)
