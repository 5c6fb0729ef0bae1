"""A contract while somebody writes it: the fields of a form, what they make, and what is wrong with them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from pydantic import ValidationError

from reconciliation.provider_contracts import wording
from reconciliation.provider_contracts.model import MONTH_END, NAME, YEN_MAX, Definition, Named, Periods
from reconciliation.provider_contracts.outlook import percent_of

# Of each kind of row: how many there may be, and which fields make one count.
ROWS: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    "closing": (10, ("day",)),
    "term": (50, ("percent", "fixed", "brand", "method")),
    "transfer": (10, ("below", "fee")),
}
ROWS_SPARE: Final = 1  # empty ones below those that are filled in
DIGITS_MAX: Final = 12
PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?")
CODES_APART: Final = re.compile(r"[\s、,]+")

DAY_FIRST: Final = date(2000, 1, 1)
DAY_LAST: Final = date(2190, 1, 1)

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a form from being a contract: the form's field, a message, and its fields (which are messages)."""

    at: str
    message: str
    fields: Mapping[str, str] = field(default_factory=dict)


def empty_form() -> dict[str, str]:
    """Return the form of a contract of which nothing is written."""
    return {
        "pays": "periods",
        "closing0_day": str(MONTH_END),
        "closing0_months_later": "1",
        "closing0_pays_on": str(MONTH_END),
        "closing0_moved": "next",
        "bank_days_after": "4",
        "fees": "lines",
        "rounded": "line",
        "refunds": "kept",
        "tolerance": "0",
        "bank_days_late": "2",
        "days_late": "2",
    }


def form_of(said: Definition) -> dict[str, str]:
    """Return the form that says a definition."""
    form = empty_form() | {
        "title": said.title,
        "provider": said.provider,
        "names": "\n".join(said.names),
        "account": said.account,
        "bank_days_late": str(said.bank_days_late),
        "days_late": str(said.days_late),
        "together": said.together,
        "note": said.note,
        "pays": said.pays.by,
    }
    form |= {f"method_{each}": "1" for each in said.methods} | {f"facility_{each}": "1" for each in said.facilities}
    if said.illustrative:
        form["illustrative"] = "1"
    match said.pays:
        case Named():
            form["bank_days_after"] = str(said.pays.bank_days_after)
        case Periods():
            for row, closing in enumerate(said.pays.closings):
                form |= {f"closing{row}_{name}": str(value) for name, value in closing.model_dump().items()}
    form["fees"] = said.fees.known_by if said.fees else "none"
    if said.fees:
        form |= {name: str(getattr(said.fees, name)) for name in ("rounded", "refunds", "tolerance")}
        for row, term in enumerate(said.fees.terms):
            names = ("method", "brand", "fixed", "rounding", "tax_percent", "tax_rounding")
            form |= {f"term{row}_{name}": str(getattr(term, name)) for name in names}
            form[f"term{row}_percent"] = percent_of(term)
    for row, each in enumerate(said.transfer_fees):
        form[f"transfer{row}_below"] = "" if each.below is None else str(each.below)
        form[f"transfer{row}_fee"] = str(each.fee)
    return form


def rows_of(form: Form, what: str) -> int:
    """Return how many rows of a kind a form shows: those that are filled in, and some to spare."""
    most, _ = ROWS[what]
    return min(most, 1 + max(filled_rows(form, what), default=-1) + ROWS_SPARE)


def filled_rows(form: Form, what: str) -> list[int]:
    """Return the rows of a kind in which something is written that counts."""
    most, needed = ROWS[what]
    return [row for row in range(most) if any(form.get(f"{what}{row}_{name}", "").strip() for name in needed)]


def checked(form: Form) -> Definition | list[Problem]:
    """Return the definition that a form says, or everything that is wrong with it."""
    reader = _Reader(form)
    title, provider = reader.text("title", 100), form.get("provider", "").strip()
    if not title:
        reader.wrong("title", wording.TITLE_MISSING)
    if not re.fullmatch(NAME, provider):
        reader.wrong("provider", wording.PROVIDER_WRONG)
    methods = [*reader.ticked("method"), *CODES_APART.split(form.get("methods_more", "").strip())]
    methods = list(dict.fromkeys(each for each in methods if each))
    if not methods:
        reader.wrong("methods", wording.METHODS_MISSING)
    if strange := [each for each in methods if not re.fullmatch(NAME, each)]:
        reader.wrong("methods_more", wording.METHOD_WRONG, method=strange[0][:40])
    said: dict[str, Any] = {
        "title": title,
        "provider": provider,
        "methods": methods,
        "facilities": reader.ticked("facility"),
        "pays": reader.pays(),
        "fees": reader.fees(methods),
        "transfer_fees": reader.transfer_fees(),
        "names": reader.names(),
        "account": reader.text("account", 60),
        "bank_days_late": reader.number("bank_days_late", wording.BANK_DAYS_LATE, 0, 20),
        "days_late": reader.number("days_late", wording.DAYS_LATE, 0, 60),
        "together": reader.together(),
        "illustrative": bool(form.get("illustrative")),
        "note": reader.text("note", 500),
    }
    if reader.found:
        return reader.found
    try:
        return Definition.model_validate(said)
    except ValidationError as problem:
        return [_problem(each) for each in problem.errors()]


def since_of(form: Form) -> date | Problem:
    """Return the day from which the version counts, or what is wrong with it."""
    return day_of(form, "since") or Problem("since", wording.SINCE_WRONG)


def day_of(form: Form, name: str) -> date | None:
    """Return a day of the form; None if it is none, or one beyond all sense."""
    try:
        found = date.fromisoformat(form.get(name, ""))
    except ValueError:
        return None
    return found if DAY_FIRST <= found <= DAY_LAST else None


def _problem(error: Any) -> Problem:
    said = str(error.get("ctx", {}).get("error", "")) or f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
    place = str(error["loc"][0]) if error["loc"] else ""
    if said in wording.RULES_BROKEN:
        return Problem(place, wording.RULES_BROKEN[said])
    return Problem(place, wording.CANNOT_BE, {"problem": said[:200]})


class _Reader:
    """Reads a form's fields and keeps what is wrong with them."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.found: list[Problem] = []

    def wrong(self, at: str, message: str, /, **fields: str) -> None:
        self.found.append(Problem(at, message, fields))

    def text(self, name: str, most: int) -> str:
        said = " ".join(self.form.get(name, "").split())
        if len(said) > most:
            self.wrong(name, wording.TOO_LONG, found=said[:20], most=str(most))
        return said

    def ticked(self, what: str) -> list[str]:
        return [
            name.removeprefix(f"{what}_") for name, value in self.form.items() if name.startswith(f"{what}_") and value
        ]

    def number(self, name: str, field: str, low: int, high: int, *, row: int | None = None, usual: int = 0) -> int:
        said = unicodedata.normalize("NFKC", self.form.get(name, "")).replace(",", "").strip().removeprefix("¥")
        if not said and row is not None:
            return usual
        if said.isascii() and said.isdigit() and len(said) <= DIGITS_MAX and low <= int(said) <= high:
            return int(said)
        fields = {"field": field, "low": f"{low:,}", "high": f"{high:,}"}
        if row is None:
            self.wrong(name, wording.NUMBER_WRONG, **fields)
        else:
            self.wrong(name, wording.NUMBER_WRONG_IN_ROW, row=str(row + 1), **fields)
        return low

    def pays(self) -> dict[str, Any]:
        if self.form.get("pays") == "named":
            return {"by": "named", "bank_days_after": self.number("bank_days_after", wording.BANK_DAYS_AFTER, 0, 30)}
        closings = [
            {
                "day": self.number(f"closing{row}_day", wording.CLOSING_DAY, 1, MONTH_END, row=row),
                "months_later": self.number(
                    f"closing{row}_months_later", wording.MONTHS_LATER, 0, 12, row=row, usual=1
                ),
                "pays_on": self.number(
                    f"closing{row}_pays_on", wording.PAYS_ON, 1, MONTH_END, row=row, usual=MONTH_END
                ),
                "moved": "previous" if self.form.get(f"closing{row}_moved") == "previous" else "next",
            }
            for row in filled_rows(self.form, "closing")
        ]
        if not closings:
            self.wrong("closing0_day", wording.CLOSINGS_MISSING)
        return {"by": "periods", "closings": sorted(closings, key=lambda each: int(str(each["day"])))}

    def fees(self, methods: list[str]) -> dict[str, Any] | None:
        known_by = self.form.get("fees")
        if known_by not in {"lines", "terms"}:
            return None
        rows = filled_rows(self.form, "term")
        if not rows:
            self.wrong("term0_percent", wording.TERMS_MISSING)
        return {
            "known_by": known_by,
            "terms": [self.term(row, methods) for row in rows],
            "rounded": "payout" if self.form.get("rounded") == "payout" else "line",
            "refunds": "returned" if self.form.get("refunds") == "returned" else "kept",
            "tolerance": self.number("tolerance", wording.TOLERANCE, 0, 100),
        }

    def term(self, row: int, methods: list[str]) -> dict[str, Any]:
        method = self.form.get(f"term{row}_method", "")
        if method and method not in methods:
            self.wrong(f"term{row}_method", wording.TERM_METHOD, row=str(row + 1), method=method[:40])
        return {
            "method": method,
            "brand": self.text(f"term{row}_brand", 40),
            "basis_points": self.percent(row),
            "fixed": self.number(f"term{row}_fixed", wording.FIXED, 0, YEN_MAX, row=row),
            "rounding": self.rounding(f"term{row}_rounding"),
            "tax_percent": self.number(f"term{row}_tax_percent", wording.TAX_PERCENT, 0, 99, row=row),
            "tax_rounding": self.rounding(f"term{row}_tax_rounding"),
        }

    def rounding(self, name: str) -> str:
        said = self.form.get(name, "")
        return said if said in wording.ROUNDINGS else "half_up"

    def percent(self, row: int) -> int:
        name = f"term{row}_percent"
        said = unicodedata.normalize("NFKC", self.form.get(name, "")).strip().rstrip("%").rstrip() or "0"
        found = PERCENT.fullmatch(said)
        points = int(found.group(1)) * 100 + int((found.group(2) or "").ljust(2, "0")) if found else -1
        if not 0 <= points <= 10_000:  # noqa: PLR2004 - all of it, in basis points
            self.wrong(name, wording.PERCENT_WRONG, row=str(row + 1))
            return 0
        return points

    def transfer_fees(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for row in filled_rows(self.form, "transfer"):
            below = self.form.get(f"transfer{row}_below", "").strip()
            limit = self.number(f"transfer{row}_below", wording.BELOW, 1, YEN_MAX, row=row) if below else None
            if not self.form.get(f"transfer{row}_fee", "").strip():
                self.wrong(f"transfer{row}_fee", wording.TRANSFER_FEE_MISSING, row=str(row + 1))
            fee = self.number(f"transfer{row}_fee", wording.TRANSFER_FEE, 0, YEN_MAX, row=row)
            found.append({"below": limit, "fee": fee})
        return found

    def names(self) -> list[str]:
        found = list(dict.fromkeys(" ".join(each.split()) for each in self.form.get("names", "").splitlines()))
        found = [each for each in found if each]
        if len(found) > 20 or any(len(each) > 100 for each in found):  # noqa: PLR2004 - as the model has it
            self.wrong("names", wording.NAMES_WRONG)
        return found

    def together(self) -> str:
        said = self.form.get("together", "").strip()
        if said and not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", said):
            self.wrong("together", wording.TOGETHER_WRONG)
        return said
