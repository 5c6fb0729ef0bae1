"""A mapping as accounting writes it, and the format that it makes: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from kernel.refusals import Conflict, Invalid, NotFound
from reconciliation.statements.columns import FIELDS, REQUIRED, Column, Columns, LineKind, Parse, Skip
from reconciliation.statements.model import SettlementFormat

NAME: Final = r"^[a-z][a-z0-9_]{2,39}$"
COLUMNS_MAX: Final = 30
WORDS_MAX: Final = 100

FieldName = Literal[
    "line", "kind", "attempt", "key", "gross", "fee", "tax", "net", "payout", "arrives_on", "occurred_on", "brand"
]
Heading = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
SkipWord = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Headings = Annotated[tuple[Heading, ...], Field(min_length=1, max_length=10)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnSaid(_Part):
    """One column: the headings that it has or had, how its cells are written, and whether a file may lack it.

    `negated`: what left us is written without a minus sign.
    """

    headings: Headings
    parse: Parse | None = None
    negated: bool = False
    optional: bool = False

    def column(self) -> Column:
        """Return it as the reader takes it."""
        return Column(self.headings, self.parse, self.negated, self.optional)


class SkipSaid(_Part):
    """Rows that say nothing about money: those with one of some words in a column; "" is an empty cell."""

    column: ColumnSaid
    words: Annotated[tuple[SkipWord, ...], Field(min_length=1, max_length=WORDS_MAX)]


class Definition(_Part):
    """Which column says what. Without a column for the kind, `kinds` maps `+` and `-`, the sign of the amount.

    `otherwise`: what a word is that `kinds` lacks; null refuses such a file. `sheet`: of a workbook; null: its first.
    """

    provider: Annotated[str, StringConstraints(pattern=NAME)]
    columns: Annotated[dict[FieldName, ColumnSaid], Field(max_length=COLUMNS_MAX)]
    kinds: Annotated[dict[Word, LineKind], Field(min_length=1, max_length=WORDS_MAX)]
    otherwise: LineKind | None = None
    skips: Annotated[tuple[SkipSaid, ...], Field(max_length=10)] = ()
    currency: ColumnSaid | None = None
    delimiter: Literal[",", ";", "\t"] = ","
    sheet: Annotated[str, StringConstraints(min_length=1, max_length=31)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [each for each in REQUIRED if each not in self.columns or self.columns[each].optional]
        if missing:
            raise ValueError(f"a column that every file has is needed for: {', '.join(missing)}")
        amounts = {"gross", "fee", "tax", "net"}
        for name, said in self.columns.items():
            usual = FIELDS[name]
            days = {"day", "moment_utc", "moment_japan"}
            allowed = {None, "yen"} if name in amounts else {None, *days} if usual == "day" else {None, "text"}
            if said.parse not in allowed or (said.negated and name not in amounts):
                raise ValueError(f"{name} cannot be read in this way")
        if "kind" not in self.columns and set(self.kinds) - {"+", "-"}:
            raise ValueError("without a column for the kind, kinds has + and - only")
        return self

    def format(self, name: str, version: int, title: str) -> SettlementFormat:
        """Return the format that files of this mapping are of; its name carries the version."""
        return SettlementFormat(
            name=f"{name}@{version}",
            title_ja=title,
            title_en=title,
            suffixes=("csv", "xlsx"),
            columns=Columns(
                provider=self.provider,
                columns={field: said.column() for field, said in self.columns.items()},
                kinds=self.kinds,
                otherwise=self.otherwise,
                skips=tuple(Skip(each.column.column(), frozenset(each.words)) for each in self.skips),
                currency=self.currency.column() if self.currency else None,
                delimiter=self.delimiter,
                sheet=self.sheet,
            ),
        )


@dataclass(frozen=True, slots=True)
class Mapping:
    """One version of a mapping."""

    name: str
    version: int
    title: str
    definition: Definition
    made_by: str
    made_at: datetime

    @property
    def format(self) -> SettlementFormat:
        """The format that files of this mapping are of."""
        return self.definition.format(self.name, self.version, self.title)


@dataclass(frozen=True, slots=True)
class Example:
    """A file on which a mapping is tried. `cut`: only the first rows of it."""

    id: UUID
    file_name: str
    body: bytes
    cut: bool
    made_by: str
    made_at: datetime


class ExampleTooLarge(Invalid):
    """A workbook cannot be cut as a text can."""

    slug = "example-too-large"
    advice = "This workbook is larger than {bytes_max} bytes. Delete rows from a copy of it; a few hundred are enough."


class UnknownExample(NotFound):
    """It was deleted after a month, or there never was one."""

    slug = "unknown-example"
    advice = "This example is not here any more. Choose the file again; saved mappings are not lost."


class UnknownMapping(NotFound):
    """Nobody made it."""

    slug = "unknown-mapping"
    advice = "There is no column mapping {name}. There are: {known}."


class MappingNameTaken(Conflict):
    """A format of Momiji itself has this name."""

    slug = "mapping-name-taken"
    advice = "The format {name} is Momiji's own. Choose another name for the mapping."
