"""What a format of files is, and which there are not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from kernel.refusals import Invalid, NotFound
from kernel.rows import Transaction
from reconciliation.reports.model import Asked, Text

Fed = TypeVar("Fed")


@dataclass(frozen=True, slots=True)
class Format(Generic[Fed]):
    """One format of files. The same figures give the same bytes.

    `feed` reads what the file is made of, within a transaction that only reads: a report's document, the journal, or
    whatever else; `write` turns it into bytes, pure. `title` is what it is and names the file; `writing` is how it is
    written, such as "CSV (UTF-8)". `everywhere`: only for those who see all facilities. `report`: the report that it
    is of, if it is of one.
    """

    name: str
    title: Text
    writing: str
    media_type: str
    suffix: str
    feed: Callable[[Transaction, Asked], Awaitable[Fed]]
    write: Callable[[Fed], bytes]
    everywhere: bool = False
    report: str = ""

    async def read(self, tx: Transaction, asked: Asked) -> Callable[[], Awaitable[bytes]]:
        """Read what the file is made of; return what writes it, without the transaction."""
        fed = await self.feed(tx, asked)
        return lambda: asyncio.to_thread(self.write, fed)


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file that somebody fetched. `facilities`: what of the ledger it was of, None for all."""

    position: int
    at: datetime
    by: str
    format: str
    first: date
    last: date
    facility: str
    facilities: tuple[str, ...] | None
    sha256: str
    bytes_count: int


@dataclass(frozen=True, slots=True)
class Made:
    """A file, and the log's line of it."""

    format: Format[Any]
    body: bytes
    fetched: Fetched

    @property
    def file_name(self) -> str:
        """What the file is called in Japanese."""
        return self._named(self.format.title.ja)

    @property
    def plain_file_name(self) -> str:
        """What it is called where only ASCII goes."""
        return self._named(self.format.name).encode("ascii", "replace").decode().replace('"', "")

    @property
    def digest(self) -> str:
        """The SHA-256 as Repr-Digest has it (RFC 9530)."""
        return base64.b64encode(bytes.fromhex(self.fetched.sha256)).decode()

    def _named(self, title: str) -> str:
        place = f"_{self.fetched.facility}" if self.fetched.facility else ""
        return f"{title}{place}_{self.fetched.first}_{self.fetched.last}.{self.format.suffix}"


class UnknownFormat(NotFound):
    """No folder holds this format."""

    slug = "unknown-format"
    advice = "There is no export format {format}. There are: {known}."


class UnknownExport(NotFound):
    """Nobody fetched it, or it is not yours to see."""

    slug = "unknown-export"
    advice = "There is no export {position}. Go back to the list of exports."


class Unmappable(Invalid):
    """A character that the file's encoding does not have."""

    slug = "unmappable-character"
    advice = (
        "Row {row}, column {column}: the character {character} does not exist in {encoding}. "
        "Change the name, or choose the UTF-8 file."
    )
