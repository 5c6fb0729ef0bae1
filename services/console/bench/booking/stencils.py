"""One order of each end and offer, told once to a shadow of the ledger: what a year of orders is copied from.

What the ledger's own code made of these few is copied a million times with other ids, moments and ways to pay. So a
copied row is what the ledger would have made, but for a mistake in copying; a replay of copied facts shows that.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from console.bench.booking.plan import Plan
from console.bench.reconciling.goods import GOODS
from console.bench.reconciling.stories import End, Story, lived
from kernel.clock import business_date
from kernel.contracts import Envelope
from kernel.contracts.ticketing import OrderConfirmed, OrderExpired, OrderPlaced
from kernel.rows import Database, Transaction
from reconciliation.ledger import actions as ledger
from reconciliation.ledger.model import meaning_of
from reconciliation.replay import store as shadow
from reconciliation.replay.model import FACT_COLUMN, TABLES

TOLD_AT: Final = datetime(2000, 1, 2, 1, 0, tzinfo=UTC)
METHOD: Final = "stencil_method"
NUMBER: Final = "stencil-number"
PORTION_EVENTS: Final = 1_000
# What is put in by SQL's format(): the first 34 characters of the order's ids, its number, the day of its visit, two
# moments of a fact, its method.
BASE, ORDER_NUMBER, VISIT, FIRST, SECOND, PAID_BY = (f"%{place}$s" for place in range(1, 7))
_MOMENT: Final = re.compile(r'"(2000-\d\d-\d\dT[0-9:]+Z)"')


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one table that are copied.

    `columns`: name and type in the ledger. A row has its stencil's number first and its payload's two moments last; an
    id is its place among the order's ids, in two hexadecimal digits; a moment or a day, minutes after the order.
    """

    table: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Stencil:
    """One order that is copied: its end, what was due, and its label."""

    number: int
    end: End
    offer: int
    story: Story

    @property
    def total(self) -> int:
        """What was due, in yen."""
        return GOODS[self.offer].price * 2


def stencils_of(plan: Plan) -> list[Stencil]:
    """Return a stencil for each end and offer, in the order of both."""
    ends = [end for end, _ in plan.ends]
    return [
        Stencil(
            number * len(GOODS) + place,
            end,
            place,
            lived(
                Story(
                    random.Random(number * len(GOODS) + place),  # noqa: S311 - a world is drawn, not kept secret
                    TOLD_AT,
                    offer=offer,
                    method=METHOD,
                    number=NUMBER,
                ),
                end,
            ),
        )
        for number, end in enumerate(ends)
        for place, offer in enumerate(GOODS)
    ]


async def sheets_of(database: Database, stencils: Sequence[Stencil]) -> list[Sheet]:
    """Tell the stencils to a shadow of the ledger; return what it kept and made of them, table by table."""
    events = [event for each in stencils for event in _booked(each.story)]
    async with database.transaction("bench") as tx:
        await shadow.make_shadow(tx)
        await shadow.write_to_shadow(tx)
        for first in range(0, len(events), PORTION_EVENTS):
            await ledger.record_all(tx, events[first : first + PORTION_EVENTS])
        by_order = {str(each.story.ids[0]): each for each in stencils}
        columns = await _columns(tx)
        found = [
            Sheet(
                table,
                columns[table],
                tuple([_row(row, table, columns[table], by_order[row.order_id]) for row in rows]),
            )
            for table in TABLES
            for rows in [await tx.execute(f"SELECT * FROM {table}")]
        ]
        await shadow.drop_shadow(tx)
    return found


def _booked(story: Story) -> Iterator[Envelope]:
    """Yield the events of a story that say something to the books: a year of the others would be most of its facts."""
    told_better = any(isinstance(each.fact, OrderConfirmed | OrderExpired) for each in story.events)
    for each in story.events:
        meaning = meaning_of(each.fact, version=each.aggregate_version, at=each.time)
        says = meaning.entries or meaning.change or meaning.ticket or meaning.claim
        if says and not (told_better and isinstance(each.fact, OrderPlaced)):
            yield each


async def _columns(tx: Transaction) -> Mapping[str, tuple[tuple[str, str], ...]]:
    rows = await tx.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = :schema "
        "AND table_name = ANY(:tables) AND is_generated = 'NEVER' ORDER BY table_name, ordinal_position",
        schema=shadow.SERVING,
        tables=list(TABLES),
    )
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in rows:
        found[row.table_name] = (*found.get(row.table_name, ()), (row.column_name, row.data_type))
    return found


def _row(row: Any, table: str, columns: Sequence[tuple[str, str]], stencil: Stencil) -> tuple[Any, ...]:
    at = 0
    if table in FACT_COLUMN:
        told_at = {each.id: each.time for each in stencil.story.events}
        at = _minutes(told_at[getattr(row, FACT_COLUMN[table])])
    moments: list[str] = []
    cells = []
    for name, _ in columns:
        # A fact lay in the ledger as soon as it was told.
        cells.append(at if name == "recorded_at" else _cell(getattr(row, name), stencil.story, at, moments))
    minutes = [_minutes(datetime.fromisoformat(each)) for each in moments]
    assert len(minutes) <= 2  # noqa: PLR2004, S101 - FIRST and SECOND
    return (stencil.number, *cells, *minutes, *[0] * (2 - len(minutes)))


def _cell(value: Any, story: Story, at: int, moments: list[str]) -> Any:
    match value:
        case UUID():
            return _place(story, value)
        case datetime():
            return _minutes(value)
        case date():
            return at
        case dict():
            return _varied(json.dumps(value, ensure_ascii=False), story, moments)
        case str():
            return _varied(value, story, moments)
        case _:
            return value


def _place(story: Story, given: UUID) -> str:
    return f"{story.ids.index(given):02x}"


def _varied(said: str, story: Story, moments: list[str]) -> str:
    """Return a text with everything that differs from copy to copy left open."""
    assert "%" not in said  # noqa: S101 - it would be read as what is left open
    for each in story.ids:
        for written in (str(each), each.hex):
            said = said.replace(written, BASE + _place(story, each))

    def open_moment(found: re.Match[str]) -> str:
        if found[1] not in moments:
            moments.append(found[1])
        return f'"{(FIRST, SECOND)[moments.index(found[1])]}"'

    said = _MOMENT.sub(open_moment, said)
    visit = business_date(story.at).isoformat()
    return said.replace(NUMBER, ORDER_NUMBER).replace(METHOD, PAID_BY).replace(f'"{visit}"', f'"{VISIT}"')


def _minutes(at: datetime) -> int:
    return round((at - TOLD_AT).total_seconds()) // 60
