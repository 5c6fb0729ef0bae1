"""What is looked for, and what is found, pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Final, Literal, get_args
from urllib.parse import urlencode
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Invalid, Words
from reconciliation.ledger.model import Kind as EntryKind

RecordKind = Literal["entry", "voucher", "settlement_line", "bank_line", "export"]
RECORD_KINDS: Final[tuple[RecordKind, ...]] = get_args(RecordKind)
ENTRY_KINDS: Final[tuple[EntryKind, ...]] = get_args(EntryKind)
COUNTERPARTY_CHARACTERS: Final = (2, 80)


@dataclass(frozen=True, slots=True)
class EntriesAsked:
    """Which entries: every field narrows; None is whichever.

    `since`: written down after this moment. `surplus`: whether the fact itself says that no order has the money.
    """

    first: date
    last: date
    kinds: tuple[EntryKind, ...] = ()
    facility: str | None = None
    account: str | None = None
    owner: str | None = None
    method: str | None = None
    rate: int | None = None
    product: str | None = None
    category: str | None = None
    hour: int | None = None
    since: datetime | None = None
    surplus: bool | None = None


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """One entry and the order that it is of. An undone entrance stands where the entrance was."""

    fact_id: UUID
    position: int
    kind: EntryKind
    day: date
    at: datetime
    order_id: str
    number: str
    facility: str
    product: str
    category: str
    method: str
    revenue_owner: str
    revenue_account: str
    tax_rate_percent: int
    quantity: int
    amount: Yen

    @property
    def place(self) -> EntryPlace:
        """Where it stands in the order of entries."""
        return EntryPlace(self.day, self.fact_id, self.position)


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """A place in the order of entries: by day, then fact."""

    day: date
    fact_id: UUID
    position: int

    def __str__(self) -> str:
        return f"{self.day}_{self.fact_id}_{self.position}"

    @classmethod
    def read(cls, text: str) -> EntryPlace:
        """Return the place that a cursor names; raise BadCursor."""
        try:
            day, fact_id, position = text.split("_")
            return cls(date.fromisoformat(day), UUID(fact_id), int(position))
        except ValueError:
            raise BadCursor from None


@dataclass(frozen=True, slots=True)
class KindSum:
    """How many entries of a kind there are, and what they come to."""

    kind: EntryKind
    count: int
    quantity: int
    amount: Yen


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for: days, amounts (whichever way the money went), a counterparty; kinds: none is all.

    Raises NothingAsked if nothing narrows the search, BadSearch if a range is the wrong way round.
    """

    first: date | None = None
    last: date | None = None
    least: int | None = None
    most: int | None = None
    counterparty: str = ""
    kinds: tuple[RecordKind, ...] = ()

    def __post_init__(self) -> None:
        if all(getattr(self, each.name) in {None, "", ()} for each in fields(self) if each.name != "kinds"):
            raise NothingAsked
        if self.first and self.last and self.last < self.first:
            raise BadSearch(problem=Words("The first day is after the last one"))
        if self.least is not None and self.most is not None and self.most < self.least:
            raise BadSearch(problem=Words("The smallest amount is larger than the largest"))
        low, high = COUNTERPARTY_CHARACTERS
        if self.counterparty and not low <= len(self.counterparty) <= high:
            raise BadSearch(problem=Words("The counterparty is too short or too long"))

    def wants(self, kind: RecordKind) -> bool:
        """Tell whether records of a kind are looked for; an export has no amount, so no range of them finds it."""
        if kind == "export" and (self.least is not None or self.most is not None):
            return False
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class Record:
    """One record: on which day, of how much (None: of no amount), with whom, and where it is to be seen."""

    kind: RecordKind
    key: str
    day: date
    amount: Yen | None
    counterparty: str
    what: str
    facility: str
    reference: str
    order_id: str = ""

    @property
    def place(self) -> RecordPlace:
        """Where it stands in the order of records."""
        return RecordPlace(self.day, RECORD_KINDS.index(self.kind), self.key)


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """A place in the order of records: the newest day first, then by kind, then by key from the last to the first."""

    day: date
    rank: int
    key: str

    def __str__(self) -> str:
        return f"{self.day}~{self.rank}~{self.key}"

    @classmethod
    def read(cls, text: str) -> RecordPlace:
        """Return the place that a cursor names; raise BadCursor."""
        try:
            day, rank, key = text.split("~")
            return cls(date.fromisoformat(day), int(rank), key)
        except ValueError:
            raise BadCursor from None


def entries_page(asked: EntriesAsked, *, cursor: str = "") -> str:
    """Return the address of a page of entries."""
    given: dict[str, object] = {
        "from": asked.first,
        "to": asked.last,
        "kind": ",".join(asked.kinds) or None,
        "since": asked.since.isoformat() if asked.since else None,
        "surplus": None if asked.surplus is None else "yes" if asked.surplus else "no",
        "cursor": cursor or None,
    }
    names = ("facility", "account", "owner", "method", "rate", "product", "category", "hour")
    given |= {name: getattr(asked, name) for name in names}
    return "/entries?" + urlencode({name: str(value) for name, value in given.items() if value is not None})


class BadCursor(Invalid):
    """It names no place of ours."""

    slug = "bad-cursor"
    advice = "This place in the list is none that the list gave. Begin again without it."


class NothingAsked(Invalid):
    """A search for everything."""

    slug = "nothing-asked"
    advice = "Say what to search for: days, amounts, a counterparty, or several of them."


class BadSearch(Invalid):
    """A search that cannot find anything."""

    slug = "bad-search"
    advice = "{problem}. Correct it and search again."
