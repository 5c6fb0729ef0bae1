"""A mapping while somebody makes it: as a form says it, complete or not, and first guesses from an example. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from pydantic import ValidationError

from reconciliation.mappings import wording
from reconciliation.mappings.model import NAME, WORDS_MAX, Definition, Mapping
from reconciliation.statements.columns import FIELDS, REQUIRED, Column, Columns, LineKind, Skip

AMOUNTS: Final = ("gross", "fee", "tax", "net")
DAYS: Final = ("occurred_on", "arrives_on")
SKIPS_MAX: Final = 3
TITLE_LENGTH_MAX: Final = 100
WORDS_SHOWN_MAX: Final = 50

# Parts of headings by which a column is guessed, the likeliest first.
_LIKELY: Final[AnyMapping[str, tuple[str, ...]]] = {
    "attempt": ("外部注文番号", "加盟店決済id", "外部番号", "注文番号", "管理番号", "order_id", "order id", "metadata"),
    "tax": ("手数料消費税", "手数料税", "消費税", "tax"),
    "fee": ("決済手数料", "手数料", "fee"),
    "net": ("差引", "入金額", "精算額", "振込額", "net"),
    "gross": ("決済金額", "取引金額", "売上金額", "利用金額", "利用額", "金額", "gross", "amount"),
    "arrives_on": ("入金予定日", "支払予定日", "入金日", "振込日", "payout date"),
    "occurred_on": ("決済日時", "取引日時", "決済日", "取引日", "売上日", "日時", "日付", "created", "date"),
    "payout": ("精算id", "精算番号", "振込番号", "入金番号", "支払番号", "payout"),
    "kind": ("取引種別", "種別", "区分", "type", "category"),
    "line": ("明細番号", "取引番号", "決済id", "取引id", "明細id", "transaction", "id"),
    "brand": ("ブランド", "brand"),
}
_LIKELY_KINDS: Final[Sequence[tuple[str, LineKind]]] = (
    ("振込手数料", "transfer_fee"),
    ("送金手数料", "transfer_fee"),
    ("transfer fee", "transfer_fee"),
    ("手数料", "fee"),
    ("fee", "fee"),
    ("返金", "refund"),
    ("返品", "refund"),
    ("refund", "refund"),
    ("取消", "refund"),
    ("入金", "payout"),
    ("振込", "payout"),
    ("payout", "payout"),
    ("売上", "charge"),
    ("決済", "charge"),
    ("支払", "charge"),
    ("charge", "charge"),
    ("payment", "charge"),
    ("調整", "adjustment"),
)


@dataclass(frozen=True, slots=True)
class DraftColumn:
    """A column as chosen so far; `heading` '': none is. `others`: what it was called before."""

    heading: str = ""
    others: tuple[str, ...] = ()
    parse: str = ""
    negated: bool = False
    optional: bool = False

    @property
    def headings(self) -> tuple[str, ...]:
        """Every name of the column, the newest first."""
        return (self.heading, *(each for each in self.others if each != self.heading))


@dataclass(frozen=True, slots=True)
class DraftSkip:
    """Rows that are passed over: those with one of some words in a column, '' being an empty cell."""

    heading: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping as far as it is made. `kinds`: what each word means, '' where nobody said it yet."""

    name: str = ""
    title: str = ""
    provider: str = ""
    sheet: str = ""
    delimiter: str = ","
    columns: AnyMapping[str, DraftColumn] = field(default_factory=dict)
    kinds: AnyMapping[str, str] = field(default_factory=dict)
    otherwise: str = ""
    skips: tuple[DraftSkip, ...] = ()
    currency: str = ""

    def column(self, name: str) -> DraftColumn:
        """Return what is chosen for a field."""
        return self.columns.get(name, DraftColumn())

    @property
    def missing(self) -> list[str]:
        """The fields without which nothing can be tried."""
        return [each for each in REQUIRED if not self.column(each).heading]

    @property
    def chosen_kinds(self) -> dict[str, LineKind]:
        """The words whose meaning is said."""
        said = (
            self.kinds
            if self.column("kind").heading
            else {"+": "charge", "-": "refund"}
            | {sign: kind for sign, kind in self.kinds.items() if sign in wording.SIGN_NAMES}
        )
        return {word: cast("LineKind", kind) for word, kind in said.items() if kind in wording.KIND_NAMES}

    def for_trial(self) -> Columns:
        """Return what can be tried on an example; raises ValueError while `missing` says something."""
        columns = {
            name: Column(each.headings, each.parse or None, each.negated, each.optional)  # type: ignore[arg-type]
            for name, each in self.columns.items()
            if each.heading
        }
        return Columns(
            provider=self.provider or "trial",
            columns=columns,
            kinds=self.chosen_kinds,
            otherwise=self.otherwise or None,  # type: ignore[arg-type]
            skips=tuple(Skip(Column((each.heading,)), frozenset(each.words)) for each in self.skips if each.heading),
            currency=Column((self.currency,)) if self.currency else None,
            delimiter=self.delimiter,
            sheet=self.sheet or None,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a draft from being a mapping: a message, its fields (which are messages), and the form's field."""

    at: str
    message: str
    fields: AnyMapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The id of what is to be changed on the editor's page."""
        return "words" if self.at == "kinds" else self.at.replace("column.", "c-")


def checked(draft: Draft, *, taken: AnyMapping[str, Any]) -> Definition | list[Problem]:
    """Return the definition that a draft says, or what is wrong with it. `taken`: names of Momiji's own formats."""
    found: list[Problem] = []
    if not re.fullmatch(NAME, draft.name):
        found.append(Problem("name", wording.NAME_WRONG))
    elif draft.name in taken:
        found.append(Problem("name", wording.NAME_TAKEN))
    if not 0 < len(draft.title) <= TITLE_LENGTH_MAX:
        found.append(Problem("title", wording.TITLE_MISSING))
    if not re.fullmatch(NAME, draft.provider):
        found.append(Problem("provider", wording.PROVIDER_WRONG))
    for each in draft.missing:
        named = wording.FIELD_NAMES[each][0]
        found.append(Problem(f"column.{each}", wording.COLUMN_MISSING, {"field": named}))
    if not draft.chosen_kinds:
        found.append(Problem("kinds", wording.KINDS_MISSING))
    if found:
        return found
    try:
        return Definition.model_validate(_said(draft))
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        return [Problem("", wording.CANNOT_BE, {"problem": f"{where}: {first['msg']}"})]


def _said(draft: Draft) -> dict[str, Any]:
    return {
        "provider": draft.provider,
        "columns": {
            name: {
                "headings": each.headings,
                "parse": each.parse or None,
                "negated": each.negated,
                "optional": each.optional,
            }
            for name, each in draft.columns.items()
            if each.heading
        },
        "kinds": draft.chosen_kinds,
        "otherwise": draft.otherwise or None,
        "skips": [
            {"column": {"headings": (each.heading,)}, "words": each.words} for each in draft.skips if each.heading
        ],
        "currency": {"headings": (draft.currency,)} if draft.currency else None,
        "delimiter": draft.delimiter,
        "sheet": draft.sheet or None,
    }


def draft_of(mapping: Mapping, headings: Sequence[str]) -> Draft:
    """Return a mapping as a draft to go on from; of a column's names the one that the example has comes first."""
    said = mapping.definition
    columns = {}
    for name, each in said.columns.items():
        here = next((heading for heading in each.headings if heading in headings), each.headings[0])
        others = tuple(heading for heading in each.headings if heading != here)
        columns[str(name)] = DraftColumn(here, others, each.parse or "", each.negated, each.optional)
    return Draft(
        name=mapping.name,
        title=mapping.title,
        provider=said.provider,
        sheet=said.sheet or "",
        delimiter=said.delimiter,
        columns=columns,
        kinds=dict(said.kinds),
        otherwise=said.otherwise or "",
        skips=tuple(DraftSkip(each.column.headings[0], each.words) for each in said.skips),
        currency=said.currency.headings[0] if said.currency else "",
    )


def guessed(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Draft:
    """Return a first draft from an example's headings and its rows."""
    free = [each for each in headings if each]
    columns: dict[str, DraftColumn] = {}
    for name, likely in _LIKELY.items():
        found = next((each for part in likely for each in free if part == each.lower()), None)
        found = found or next((each for part in likely for each in free if part in each.lower()), None)
        if found is not None:
            free.remove(found)
            columns[name] = DraftColumn(found)
    for name, column in columns.items():
        cells = [row[headings.index(column.heading)] for row in rows if len(row) > headings.index(column.heading)]
        blank = any(not each for each in cells)
        columns[name] = replace(column, parse=_parse(name, column.heading, cells), optional=_may_lack(name, blank))
    kind = columns.get("kind", DraftColumn()).heading
    return Draft(columns=columns, kinds=guessed_kinds(words_in(kind, headings, rows)))


def guessed_kinds(words: Iterable[str]) -> dict[str, str]:
    """Return what words are likely to mean; '' for those that say nothing."""
    return {word: next((kind for part, kind in _LIKELY_KINDS if part in word.lower()), "") for word in words}


def _parse(name: str, heading: str, cells: Sequence[str]) -> str:
    if name not in DAYS:
        return ""
    timed = any(":" in each for each in cells)
    if timed and "utc" in heading.lower():
        return "moment_utc"
    return "moment_japan" if timed else ""


def _may_lack(name: str, blank: bool) -> bool:  # noqa: FBT001 - one thing seen in the example
    return name not in REQUIRED and name != "kind" and FIELDS[name] != "text" and blank


def words_in(heading: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return the words of a column and how often each is there, the most frequent first."""
    if heading not in headings:
        return {}
    place = headings.index(heading)
    seen = Counter(row[place] if len(row) > place else "" for row in rows)
    return dict(seen.most_common(WORDS_SHOWN_MAX))


def not_passed_over(
    skips: Iterable[DraftSkip], headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[Sequence[str]]:
    """Return the rows of an example that say something about money."""
    places = [(headings.index(each.heading), each.words) for each in skips if each.heading in headings]
    return [
        row for row in rows if not any((row[place] if len(row) > place else "") in words for place, words in places)
    ]


def read_form(form: AnyMapping[str, str]) -> Draft:
    """Return the draft that the editor's form says; what it does not know is left out."""

    def said(name: str) -> str:
        return form.get(name, "").strip()

    columns = {
        name: DraftColumn(
            heading=form.get(f"column.{name}", ""),
            others=_lines(form.get(f"others.{name}", "")),
            parse=said(f"parse.{name}") if said(f"parse.{name}") in wording.PARSE_NAMES and name in DAYS else "",
            negated=name in AMOUNTS and bool(said(f"negated.{name}")),
            optional=name not in REQUIRED and bool(said(f"optional.{name}")),
        )
        for name in FIELDS
    }
    # Words of a column that is not chosen any more mean nothing.
    of_column = form.get("words_of", "") == form.get("column.kind", "")
    words = {
        form[f"word.{place}"]: said(f"kind.{place}")
        for place in range(WORDS_MAX)
        if of_column and f"word.{place}" in form
    }
    skips = tuple(
        DraftSkip(
            form.get(f"skip.{place}", ""),
            (*_lines(form.get(f"skip.{place}.words", "")), *([""] if said(f"skip.{place}.blank") else [])),
        )
        for place in range(SKIPS_MAX)
    )
    delimiter = form.get("delimiter", ",")
    return Draft(
        name=said("name"),
        title=said("title"),
        provider=said("provider"),
        sheet=form.get("sheet", ""),
        delimiter=delimiter if delimiter in wording.DELIMITER_NAMES else ",",
        columns={name: each for name, each in columns.items() if each.heading},
        kinds=words,
        otherwise=said("otherwise") if said("otherwise") in wording.KIND_NAMES else "",
        skips=tuple(each for each in skips if each.heading and each.words),
        currency=form.get("currency", ""),
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.strip() for each in text.splitlines() if each.strip()))
