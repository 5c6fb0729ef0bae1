"""What a report makes, pure: a document of tables whose cells are whole numbers, days and texts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final, Literal, NamedTuple
from urllib.parse import urlencode

from kernel.refusals import Invalid, NotFound
from kernel.rows import Transaction

CellKind = Literal["date", "text", "percent", "count", "yen"]
Cell = str | int | date | None
Rows = tuple[tuple[Cell, ...], ...]
SUMMED: Final[frozenset[CellKind]] = frozenset({"count", "yen"})
_HOLDS: Final[dict[CellKind, type]] = {"date": date, "text": str, "percent": int, "count": int, "yen": int}

ROWS_MAX: Final = 200_000  # of one table; a workbook holds a million, its reader does not


class Text(NamedTuple):
    """A title in both languages. Files are Japanese; pages speak their reader's."""

    ja: str
    en: str

    def of(self, tag: str) -> str:
        """Return it in a language."""
        return self.ja if tag == "ja" else self.en


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, what its cells are, and its width in half-width characters.

    `paper` and `page`: whether it stands there too, where a date need not stand three times. `summed`: whether its sum
    means something; None: as its kind says. `entries`: the kinds of entries that its figures are made of,
    and what else narrows them, as `/entries` has it. `whole`: its texts stand in one line.
    """

    name: str
    kind: CellKind
    width: int
    english: str = ""
    paper: bool = True
    page: bool = True
    summed: bool | None = None
    entries: str = ""
    whole: bool = False

    @property
    def adds_up(self) -> bool:
        """Tell whether a total stands below it."""
        return self.kind in SUMMED if self.summed is None else self.summed

    @property
    def is_number(self) -> bool:
        """Tell whether it stands to the right."""
        return self.kind in {"count", "yen", "percent"}

    def heading(self, tag: str) -> str:
        """Return the heading in a language."""
        return self.name if tag == "ja" else self.english or self.name


@dataclass(frozen=True, slots=True)
class Subtotal:
    """The sums of rows that belong together, from the `first` to the `last`: a cell for each column, one names them."""

    first: int
    last: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with one cell for each column; None is an empty cell.

    `links`: for each row the address of the page that shows what is behind it, or "". `beside`: a summary for people;
    it stands on paper, on the page and in a sheet of its own, and not in a CSV, which programs read.
    `grouped_by`: places of columns, the outer first. Rows that are alike up to such a column stand together and, where
    they are two or more, have their sums below them: for people, and not in a CSV. `sum_word` names those.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Rows
    links: tuple[str, ...] = ()
    beside: bool = False
    has_totals: bool = True
    grouped_by: tuple[int, ...] = ()
    sum_word: str = "計"

    def __post_init__(self) -> None:
        if self.links and len(self.links) != len(self.rows):
            raise ValueError(f"{self.title}: {len(self.rows)} rows and {len(self.links)} addresses.")
        for row in self.rows:
            for column, cell in zip(self.columns, row, strict=True):
                if cell is not None and type(cell) is not _HOLDS[column.kind]:
                    raise TypeError(f"{self.title}, {column.name}: {cell!r} is no {column.kind}.")

    @property
    def totals(self) -> tuple[Cell, ...] | None:
        """The sums below the rows; None where there is nothing to add up."""
        return self._sums(self.rows) if self.has_totals and self.rows else None

    def _sums(self, rows: Rows) -> tuple[Cell, ...]:
        return tuple(
            sum(cell for row in rows if isinstance(cell := row[place], int)) if column.adds_up else None
            for place, column in enumerate(self.columns)
        )

    @property
    def subtotals(self) -> dict[int, tuple[Subtotal, ...]]:
        """The sums of rows that belong together, by the row after which they stand, the inner before the outer.

        Raises ValueError if rows that belong together do not stand together.
        """
        found: dict[int, tuple[Subtotal, ...]] = {}
        for place in reversed(self.grouped_by):
            heads = [row[: place + 1] for row in self.rows]
            groups = [(head, len(list(alike))) for head, alike in groupby(heads)]
            if len(groups) != len({head for head, _ in groups}):
                raise ValueError(f"{self.title}: rows of one {self.columns[place].name} do not stand together.")
            first = 0
            for head, count in groups:
                last = first + count - 1
                if count > 1 and head[place]:
                    cells = list(self._sums(self.rows[first : last + 1]))
                    cells[place] = f"{head[place]} {self.sum_word}"
                    found[last] = (*found.get(last, ()), Subtotal(first, last, tuple(cells)))
                first = last + 1
        return found


class Bar(NamedTuple):
    """One bar of a chart: what it is of, how much, and the page behind it."""

    label: str
    amount: int
    link: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars above the tables of a page. `in_time`: they follow each other as days do."""

    title: str
    kind: CellKind
    bars: tuple[Bar, ...]
    in_time: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """What a report says of a period: the same facts make the same document."""

    title: str
    period: str
    place: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """How things are called in one language; `product` and `category` take the facility first.

    `owner`: of a revenue owner's code; nobody, "", is called "". `facilities`: the codes of those that have a name.
    """

    tag: str
    facility: Callable[[str], str]
    method: Callable[[str], str]
    product: Callable[[str, str], str] = lambda _, code: code
    category: Callable[[str, str], str] = lambda _, code: code
    owner: Callable[[str], str] = lambda code: code
    facilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to read: the days, and of which facilities (None: of all)."""

    first: date
    last: date
    facilities: tuple[str, ...] | None
    names: Names

    @property
    def facility(self) -> str:
        """The only facility, if there is one; else ""."""
        return self.facilities[0] if self.facilities is not None and len(self.facilities) == 1 else ""

    @property
    def period(self) -> str:
        """The days in words."""
        if self.names.tag != "ja":
            return f"{self.first} to {self.last}"
        return f"{wareki(self.first)}から{wareki(self.last)}まで"

    @property
    def as_of(self) -> str:
        """The last day in words, for what is about one day."""
        return f"as of {self.last}" if self.names.tag != "ja" else f"{wareki(self.last)}現在"

    @property
    def place(self) -> str:
        """The facilities in words."""
        if self.facilities is None:
            return "全施設" if self.names.tag == "ja" else "All facilities"
        return ("、" if self.names.tag == "ja" else ", ").join(self.names.facility(code) for code in self.facilities)

    def say(self, text: Text) -> str:
        """Return a text in the reader's language."""
        return text.of(self.names.tag)


@dataclass(frozen=True, slots=True)
class Report:
    """One report, found in a folder of its own.

    `about` says what it is for. `place` is its place in the list. `one_day`: it is as of the last day, whatever the
    first. `everywhere`: it is about the whole installation, and only for those who see all facilities.
    """

    name: str
    title: Text
    about: Text
    place: int
    read: Callable[[Transaction, Asked], Awaitable[Document]]
    one_day: bool = False
    everywhere: bool = False


def wareki(day: date) -> str:
    """Return a day since 2019-05-01 with its Japanese era year, such as 令和8年11月23日; before, the plain year."""
    if day < date(2019, 5, 1):
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{era_year(day.year)}{day.month}月{day.day}日"


def era_year(year: int) -> str:
    """Return a year since 2019 as a Japanese era year, such as 令和8年."""
    return f"令和{'元' if year == 2019 else year - 2018}年"  # noqa: PLR2004 - the era's first year


def entries_address(
    first: date,
    last: date,
    *,
    facility: str = "",
    account: str | None = None,
    owner: str | None = None,
    method: str | None = None,
    rate: int | None = None,
    product: str | None = None,
    category: str | None = None,
    hour: int | None = None,
) -> str:
    """Return the address of the page that lists the entries behind a figure; None: whichever."""
    given = {
        "from": first,
        "to": last,
        "facility": facility or None,
        "account": account,
        "owner": owner,
        "method": method,
        "rate": rate,
        "product": product,
        "category": category,
        "hour": hour,
    }
    return "/entries?" + urlencode({name: str(value) for name, value in given.items() if value is not None})


def require_rows(rows: Sequence[object]) -> None:
    """Raise TooManyRows if a reading went to its limit of ROWS_MAX + 1."""
    if len(rows) > ROWS_MAX:
        raise TooManyRows(rows_max=f"{ROWS_MAX:,}")


class UnknownReport(NotFound):
    """No folder holds this report."""

    slug = "unknown-report"
    advice = "There is no report {report}. There are: {known}."


class NoDay(Invalid):
    """Something that is no day."""

    slug = "no-day"
    advice = "“{day}” is no day that books can be of. Choose a first and a last day."


class TooManyRows(Invalid):
    """More than anybody reads at once."""

    slug = "too-many-rows"
    advice = "This would have more than {rows_max} rows. Choose fewer days or one facility."
