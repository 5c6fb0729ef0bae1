"""What is done with facilities: import documents, and keep the current book in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path

import holidays
import psycopg
from sqlalchemy.exc import SQLAlchemyError

from kernel.clock import business_date
from kernel.rows import Database, Transaction
from ticketing.facilities import store
from ticketing.facilities.document import (
    AuthorityDocument,
    FacilityDocument,
    FacilityDocumentWrong,
    as_json,
    check_facility,
    check_together,
    read_book,
    read_document,
    read_facility,
    same_document,
)
from ticketing.facilities.model import Authority, Facility, Gate, Product, SlotTime, Words, places_of

log = logging.getLogger(__name__)

REFRESH_SECONDS = 30.0
RECONNECT_SECONDS = 2.0
YEARS_AROUND = 3
HOLIDAYS_FIRST_YEAR = 1949
HOLIDAYS_LAST_YEAR = 2100


@lru_cache(maxsize=16)
def japanese_holidays(year: int) -> frozenset[date]:
    """Return the national holidays of the years around one (国民の祝日に関する法律, by the package `holidays`).

    A year that nobody sells for has none: the address of a page may name any.
    """
    if not HOLIDAYS_FIRST_YEAR < year < HOLIDAYS_LAST_YEAR:
        return frozenset()
    return frozenset(holidays.country_holidays("JP", years=range(year - 1, year + YEARS_AROUND)))


@dataclass(frozen=True)
class FacilityBook:
    """All facilities as they are now. It never changes; a newer book replaces it."""

    facilities: Mapping[str, Facility]
    authorities: Mapping[str, Authority]

    def get(self, code: str) -> Facility | None:
        """Return a facility by its code."""
        return self.facilities.get(code)

    def all(self) -> tuple[Facility, ...]:
        """Return every facility, by number."""
        return tuple(self.facilities.values())

    def gate(self, code: str) -> Gate | None:
        """Return a gate by its code."""
        return next((gate for each in self.facilities.values() for gate in each.gates if gate.code == code), None)

    @staticmethod
    def holidays(day: date) -> frozenset[date]:
        """Return the holidays around a day."""
        return japanese_holidays(day.year)


async def import_documents(
    tx: Transaction,
    authorities: Iterable[AuthorityDocument],
    documents: Iterable[FacilityDocument],
    *,
    at: datetime,
    by: str,
) -> int:
    """Write every document that differs from its newest revision; return how many did.

    Raises FacilityDocumentWrong if a number changes or was ever another facility's: codes carry numbers.
    """
    for authority in authorities:
        await store.put_authority(tx, code=authority.code, name_ja=authority.name.ja, name_en=authority.name.en)
    current = {str(document["code"]): (revision, document) for revision, document in await store.current_documents(tx)}
    given = {document.code: document for document in documents}
    others = [read_document(before) for code, (_, before) in current.items() if code not in given]
    check_together([*others, *given.values()], authorities={code for code, _, _ in await store.authorities(tx)})
    changed = 0
    for document in given.values():
        text = as_json(document)
        check_facility(document)
        revision, before = current.get(document.code, (0, None))
        if before is not None and same_document(before, document):
            continue
        await _check_numbers(tx, document)
        await store.add_revision(
            tx,
            code=document.code,
            revision=revision + 1,
            number=document.number,
            authority=document.authority,
            document=text,
            at=at,
            by=by,
        )
        await _spread_capacities(tx, document.read(), from_day=business_date(at))
        changed += 1
    return changed


async def _check_numbers(tx: Transaction, document: FacilityDocument) -> None:
    """Raise FacilityDocumentWrong if a number moves: tickets that were sold carry it in their codes."""
    kept = "ticket codes carry the number; it can neither change nor move to another. Take a number never used"
    holder = await store.number_holder(tx, document.number)
    if holder not in {None, document.code}:
        raise FacilityDocumentWrong(at=f"{document.code}.number", problem=kept)
    for before in await store.revisions(tx, document.code):
        if before["number"] != document.number:
            raise FacilityDocumentWrong(at=f"{document.code}.number", problem=kept)
        for name, entries in (("products", document.products), ("categories", document.categories)):
            then = {str(each["code"]): int(each["number"]) for each in before[name]}
            names = {number: code for code, number in then.items()}
            for each in entries:
                if then.get(each.code, each.number) != each.number or names.get(each.number, each.code) != each.code:
                    raise FacilityDocumentWrong(at=f"{document.code}.{name}.{each.code}.number", problem=kept)


async def _spread_capacities(tx: Transaction, facility: Facility, *, from_day: date) -> None:
    for product in facility.products:
        for starts_at, capacity in product.times():
            await store.set_capacity(
                tx,
                facility=facility.code,
                pool=product.pool,
                starts_at=starts_at,
                capacity=capacity,
                from_day=from_day,
            )


async def import_file(database: Database, file: Path, *, at: datetime, by: str) -> int:
    """Import a file of facilities in one transaction; return how many changed."""
    book = read_book(file)
    async with database.transaction("import") as tx:
        return await import_documents(tx, book.authorities, book.facilities, at=at, by=by)


async def load_book(tx: Transaction) -> FacilityBook:
    """Return all facilities as they are now."""
    facilities = [read_facility(document) for _, document in await store.current_documents(tx)]
    authorities = [Authority(code, Words(ja, en)) for code, ja, en in await store.authorities(tx)]
    return FacilityBook({facility.code: facility for facility in facilities}, {each.code: each for each in authorities})


async def remaining(
    tx: Transaction, book: FacilityBook, facility: Facility, day: date
) -> dict[tuple[str, time | None], int]:
    """Return how many people each product still takes on a day, by (product, slot or None)."""
    codes = sorted({code for product in facility.products for code in product.admits if book.get(code)})
    slots = {code: await store.taken_between(tx, code, day, day) for code in codes}

    def left(product: Product, at: SlotTime | None) -> int:
        found = []
        for place in places_of(facility, product, 1, day, at, book.facilities):
            taken, capacity = slots[place.facility].get((day, place.pool, place.starts_at), (0, place.capacity))
            found.append(max(0, capacity - taken))
        return min(found)

    return {
        (product.code, at.starts_at if at else None): left(product, at)
        for product in facility.products
        for at in product.slots or (None,)
    }


class BookKeeper:
    """Holds the current book for one process, and reads it again when somebody changed it.

    A change is told by PostgreSQL's NOTIFY; should that be lost, the book is read every 30 seconds anyway.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listen_url = database.url.replace("postgresql+psycopg://", "postgresql://", 1)
        self.current = FacilityBook({}, {})
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the book and keep it fresh until stopped."""
        await self.refresh()
        self._task = asyncio.create_task(self._keep_fresh(), name="facility book")

    async def stop(self) -> None:
        """Stop keeping it fresh."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def refresh(self) -> None:
        """Read the book once."""
        async with self._database.transaction("book") as tx:
            self.current = await load_book(tx)

    async def _keep_fresh(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._listen_url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {store.CHANNEL}")
                    while True:
                        # Whatever changed before the LISTEN is found by reading once more.
                        await self.refresh()
                        async for _ in connection.notifies(timeout=REFRESH_SECONDS, stop_after=1):
                            pass
            except (psycopg.Error, SQLAlchemyError, FacilityDocumentWrong) as problem:
                log.warning("the facility book could not be read again", extra={"problem": str(problem)})
                await asyncio.sleep(RECONNECT_SECONDS)
