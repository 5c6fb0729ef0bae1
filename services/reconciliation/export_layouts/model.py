"""A layout as accounting writes it, version by version, and how it makes cells: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kernel.refusals import NotFound
from reconciliation.journal.canonical import Row
from reconciliation.journal.model import AccountCode
from reconciliation.reports.model import Cell, wareki

Value = Literal[
    "voucher",
    "place",
    "kind",
    "booked_on",
    "booked_on_era",
    "business_date",
    "fiscal_year",
    "old_year",
    "side",
    "account",
    "account_title",
    "amount",
    "tax",
    "fund",
    "part",
    "chapter",
    "item",
    "section",
    "revenue_account",
    "revenue_owner",
    "revenue_owner_title",
    "facility",
    "facility_title",
    "party",
    "tax_rate_percent",
    "words",
    "text",
]
DayForm = Literal["2026-04-01", "2026/04/01", "20260401"]
_FORMS: Final[Mapping[DayForm, str]] = {"2026-04-01": "%Y-%m-%d", "2026/04/01": "%Y/%m/%d", "20260401": "%Y%m%d"}
COLUMNS_MAX: Final = 100
_OLD: Final = {True: "1", False: "0"}
_SIDES: Final = {"debit": "借方", "credit": "貸方"}


class Column(BaseModel):
    """One column: its heading and what stands in it. `text`: what stands in each row where `value` is text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heading: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    value: Value
    text: Annotated[str, StringConstraints(max_length=100)] = ""


class Layout(BaseModel):
    """How a file is written: its columns, and of which postings. `accounts`: of these only; empty: of all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=COLUMNS_MAX)]
    accounts: Annotated[tuple[AccountCode, ...], Field(max_length=20)] = ()
    encoding: Literal["cp932", "utf-8-sig"] = "cp932"
    delimiter: Literal[",", "\t"] = ","
    heading: bool = True
    days: DayForm = "20260401"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a layout; 0 is what stands in the code, until accounting writes its own."""

    name: str
    version: int
    layout: Layout
    made_by: str
    made_at: datetime | None


def cells(layout: Layout, row: Row) -> list[Cell]:
    """Return the cells of one posting."""
    form = _FORMS[layout.days]
    return [each.text if each.value == "text" else _MAKE[each.value](row, form) for each in layout.columns]


def _level(place: int) -> Callable[[Row, str], Cell]:
    return lambda row, _: row.revenue[place]


_MAKE: Final[dict[str, Callable[[Row, str], Cell]]] = {
    "voucher": lambda row, _: row.voucher.number,
    "place": lambda row, _: row.place,
    "kind": lambda row, _: row.voucher.draft.kind,
    "booked_on": lambda row, form: row.day.strftime(form),
    "booked_on_era": lambda row, _: wareki(row.day),
    "business_date": lambda row, form: row.voucher.draft.business_date.strftime(form),
    "fiscal_year": lambda row, _: row.voucher.year.fiscal_year,
    "old_year": lambda row, _: _OLD[row.voucher.year.old],
    "side": lambda row, _: _SIDES[row.posting.side],
    "account": lambda row, _: row.posting.account,
    "account_title": lambda row, _: row.account,
    "amount": lambda row, _: row.posting.amount.amount,
    "tax": lambda row, _: row.tax.amount,
    **{name: _level(place) for place, name in enumerate(("fund", "part", "chapter", "item", "section"))},
    "revenue_account": lambda row, _: row.posting.revenue_account,
    "revenue_owner": lambda row, _: row.posting.revenue_owner,
    "revenue_owner_title": lambda row, _: row.owner,
    "facility": lambda row, _: row.posting.facility,
    "facility_title": lambda row, _: row.facility,
    "party": lambda row, _: row.party,
    "tax_rate_percent": lambda row, _: row.posting.tax_rate_percent,
    "words": lambda row, _: row.words,
}
assert {*_MAKE, "text"} == set(get_args(Value))  # noqa: S101 - the type and the table are one list

# What revenue the prefecture's financial system is told of, until its own columns are known (no layout is published).
PREFECTURE: Final = Layout(
    columns=(
        Column(heading="会計年度", value="fiscal_year"),
        Column(heading="出納整理期間", value="old_year"),
        Column(heading="伝票番号", value="voucher"),
        Column(heading="行", value="place"),
        Column(heading="起票日", value="booked_on"),
        Column(heading="会計", value="fund"),
        Column(heading="款", value="part"),
        Column(heading="項", value="chapter"),
        Column(heading="目", value="item"),
        Column(heading="節", value="section"),
        Column(heading="歳入帰属", value="revenue_owner"),
        Column(heading="施設", value="facility_title"),
        Column(heading="貸借", value="side"),
        Column(heading="勘定科目", value="account_title"),
        Column(heading="金額", value="amount"),
        Column(heading="うち消費税", value="tax"),
        Column(heading="摘要", value="words"),
    ),
    accounts=("revenue", "refunds"),
)
LAYOUTS: Final[Mapping[str, Layout]] = {"journal_prefecture": PREFECTURE}


class UnknownLayout(NotFound):
    """No export is written by it."""

    slug = "unknown-layout"
    advice = "There is no layout {name}. There are: {known}."
