"""Read a file of notices: every row that is right, or every error with its row and column; nothing here does I/O.

CSV (RFC 4180, a header row, UTF-8 or CP932) or JSON lines (UTF-8, an object in each line). The columns are those of
COLUMNS, in any order, in English or Japanese.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from kernel.cards import holds_card_number
from kernel.clock import JAPAN
from kernel.money import Yen
from kernel.refusals import Invalid, NotFound
from payments.charges.model import Part
from payments.collecting.model import PRODUCT, Account, System, origin_of, said

ROWS_MAX = 10_000
BYTES_MAX = 8 * 1024 * 1024
ERRORS_MAX = 1_000  # that are told; how many there are is told too
AMOUNT_MAX = 100_000_000
AHEAD_MAX = timedelta(days=400)
LINE_CHARS_MAX = 20_000

Kind = Literal["csv", "json"]
COLUMNS: Final[Mapping[str, str]] = {
    "reference": "整理番号",
    "amount": "金額",
    "description": "件名",
    "expires_at": "納期限",
    "revenue_owner": "収入の帰属先",
    "revenue_account": "歳入科目",
    "tax_rate_percent": "税率",
    "facility": "施設",
    "product": "品目",
    "return_url": "戻り先",
    "locale": "言語",
}
NEEDED = ("reference", "amount", "description", "expires_at")
_BY_NAME = {name: name for name in COLUMNS} | {japanese: name for name, japanese in COLUMNS.items()}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DATE = re.compile(r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})$")
_WHOLE = re.compile(r"^[0-9]{1,12}$")


@dataclass(frozen=True, slots=True)
class Notice:
    """One row: a charge that is to be made. `row` is as a spreadsheet or an editor counts lines."""

    row: int
    reference: str
    amount: Yen
    description: str
    expires_at: datetime
    part: Part
    return_url: str
    locale: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a row and column, and what to do. Row 0 is the whole file."""

    row: int
    column: str
    problem: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Notices that were sent together, and how far they are."""

    id: UUID
    system: str
    total: int
    created_at: datetime
    done_at: datetime | None
    made: int = 0
    failed: int = 0


class UnknownBatch(NotFound):
    """There is no such batch of this system."""

    slug = "unknown-notice-batch"
    advice = "There is no such batch of notices. Look at the list of batches."


class NoticesNotValid(Invalid):
    """Rows are wrong; nothing was made."""

    slug = "notices-not-valid"
    advice = (
        "{count} errors were found, and no notice was made. Correct what 'errors' names and send the whole file again."
    )


class NotInThisEncoding(Invalid):
    """CP932 lacks a character of the result."""

    slug = "not-in-cp932"
    advice = "Row {row}, {column}: CP932 has no character {character}. Ask for the file with encoding=utf-8."


class _WrongError(Exception):
    """A cell is wrong; the message says what to do."""


def read(
    content: bytes, kind: Kind, charset: str, system: System, *, carried: Callable[[Yen], bool], at: datetime
) -> tuple[list[Notice], list[Problem]]:
    """Return the notices of a file, or everything that is wrong with it: one of the two is empty.

    `charset` is empty where nobody said it; `carried`: whether one of the system's ways to pay takes an amount.
    """
    notices: list[Notice] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    try:
        for count, (row, cells) in enumerate(_rows(_text(content, charset), kind), start=1):
            if count > ROWS_MAX:
                problems.append(Problem(row, "", f"the file has more than {ROWS_MAX} rows. Send it in parts"))
                break
            if isinstance(cells, _RowError):
                problems.append(cells.told)
                continue
            reference = str(cells.get("reference", "")).strip()
            if reference and (known := seen.setdefault(reference, row)) != row:
                problems.append(Problem(row, "reference", f"row {known} has the same. Give each notice its own"))
            notice = _notice(row, cells, system, problems, carried=carried, at=at)
            if notice is not None:
                notices.append(notice)
    except _RowError as wrong:
        problems.append(wrong.told)
    if not notices and not problems:
        problems.append(Problem(0, "", "the file has no rows. Send at least one notice"))
    return ([], problems) if problems else (notices, [])


class _RowError(Exception):
    """A row, or the whole file where it is row 0, cannot be read at all."""

    def __init__(self, row: int, column: str, problem: str) -> None:
        self.told = Problem(row, column, problem)
        super().__init__(problem)


_Cells = Mapping[str, Any] | _RowError


def _text(content: bytes, charset: str) -> str:
    """Return the text of a file: as it is said to be encoded, else UTF-8, else CP932."""
    known = {"": ("utf-8-sig", "cp932"), "utf-8": ("utf-8-sig",), "utf8": ("utf-8-sig",)}
    japanese = {"cp932", "ms932", "windows-31j", "shift_jis", "shift-jis", "sjis", "x-sjis"}
    tried = ("cp932",) if charset.lower() in japanese else known.get(charset.lower())
    if tried is None:
        raise _RowError(0, "", "the charset is not known here. Send UTF-8 or CP932 (Shift_JIS) and say so")
    for name in tried:
        try:
            return content.decode(name)
        except UnicodeDecodeError:
            continue
    raise _RowError(0, "", "the text cannot be read in its charset. Save the file as UTF-8 and send it again")


def _rows(text: str, kind: Kind) -> Iterator[tuple[int, _Cells]]:
    return _csv_rows(text) if kind == "csv" else _json_rows(text)


def _csv_rows(text: str) -> Iterator[tuple[int, _Cells]]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        header = next(lines, None)
        if header is None:
            raise _RowError(1, "", "the file is empty. Begin with a row that names the columns")
        names = _header(header)
        line = lines.line_num + 1
        for cells in lines:
            here, line = line, lines.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                wrong = f"there are {len(cells)} cells, but {len(names)} columns. Check the commas"
                yield here, _RowError(here, "", wrong)
                continue
            yield here, dict(zip(names, cells, strict=True))
    except csv.Error:
        raise _RowError(line, "", "this is no CSV: check the quotation marks") from None


def _header(cells: Sequence[str]) -> list[str]:
    names = []
    for cell in cells:
        name = _BY_NAME.get(cell.strip())
        if name is None:
            raise _RowError(1, cell.strip()[:40], f"this column is not known. Use: {', '.join(COLUMNS)}")
        if name in names:
            raise _RowError(1, name, "this column is there twice. Keep one")
        names.append(name)
    for needed in NEEDED:
        if needed not in names:
            raise _RowError(1, needed, "this column is missing. Add it")
    return names


def _json_rows(text: str) -> Iterator[tuple[int, _Cells]]:
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if not line.strip():
            continue
        try:
            yield number, _json_cells(number, line)
        except _RowError as wrong:
            yield number, wrong


def _json_cells(number: int, line: str) -> Mapping[str, Any]:
    if len(line) > LINE_CHARS_MAX:
        raise _RowError(number, "", f"this line is longer than {LINE_CHARS_MAX} characters. Shorten it")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise _RowError(number, "", "this line is no JSON. Write one object in each line") from None
    if not isinstance(found, dict):
        raise _RowError(number, "", "this line is no JSON object. Write one object in each line")
    unknown = next((name for name in found if name not in _BY_NAME), None)
    if unknown is not None:
        raise _RowError(number, unknown[:40], f"this name is not known. Use: {', '.join(COLUMNS)}")
    return {_BY_NAME[name]: value for name, value in found.items() if value is not None}


def _notice(
    row: int,
    cells: Mapping[str, Any],
    system: System,
    problems: list[Problem],
    *,
    carried: Callable[[Yen], bool],
    at: datetime,
) -> Notice | None:
    """Parse one row; add every error of it to the problems and return None if there is one."""
    before = len(problems)

    def of(column: str, parse: Callable[[str], object]) -> Any:
        value = cells.get(column, "")
        if isinstance(value, bool) or not isinstance(value, str | int):
            problems.append(Problem(row, column, "this is neither text nor a whole number. Correct it"))
            return None
        try:
            return parse(str(value).strip())
        except _WrongError as wrong:
            problems.append(Problem(row, column, str(wrong)))
            return None

    reference = of("reference", lambda said_: _words(said_, 64))
    amount = of("amount", lambda said_: _amount(said_, carried))
    description = of("description", _description)
    expires_at = of("expires_at", lambda said_: _moment(said_, at))
    account = _account(of, system)
    tax = of("tax_rate_percent", _tax)
    facility = of("facility", lambda said_: _words(said_ or system.facility, 64))
    product = of("product", lambda said_: _words(said_ or PRODUCT, 64))
    return_url = of("return_url", lambda said_: _return_url(said_, system))
    locale = of("locale", _locale)
    if len(problems) > before:
        return None
    part = Part(facility, product, account.owner, account.account, tax, amount)
    return Notice(row, reference, amount, description, expires_at, part, return_url, locale)


def _words(value: str, length_max: int) -> str:
    if not value:
        raise _WrongError("this is empty. Fill it in")
    if len(value) > length_max:
        raise _WrongError(f"this is longer than {length_max} characters. Shorten it")
    if _CONTROL.search(value):
        raise _WrongError("this holds a line break or another character that cannot be shown. Remove it")
    return value


def _description(value: str) -> str:
    if holds_card_number(value):
        raise _WrongError("this looks like a card number. Remove it")
    return _words(value, 200)


def _amount(value: str, carried: Callable[[Yen], bool]) -> Yen:
    if not _WHOLE.match(value) or not 1 <= int(value) <= AMOUNT_MAX:
        raise _WrongError(f"this is no amount. Write whole yen in digits, from 1 to {AMOUNT_MAX}, without commas")
    if not carried(Yen(int(value))):
        raise _WrongError("none of this system's ways to pay takes this amount. Split it")
    return Yen(int(value))


def _tax(value: str) -> int:
    if value and not (_WHOLE.match(value) and int(value) < 100):  # noqa: PLR2004 - percent
        raise _WrongError("this is no tax rate. Write 0, 8 or 10")
    return int(value or 0)


def _moment(value: str, at: datetime) -> datetime:
    """Return a deadline: a date means the end of that day in Japan."""
    advice = "Write a date as 2026-12-25, or a moment as 2026-12-25T17:00:00+09:00"
    try:
        if found := _DATE.match(value):
            day = datetime(*(int(part) for part in found.groups()))  # type: ignore[arg-type] # noqa: DTZ001
            moment = datetime.combine(day, time(23, 59, 59), JAPAN).astimezone(UTC)
        else:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise _WrongError(f"the offset from UTC is missing. {advice}")
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _WrongError(f"this is no date. {advice}") from None
    if not at < moment <= at + AHEAD_MAX:
        raise _WrongError(f"this is past, or more than {AHEAD_MAX.days} days ahead. Give a later or an earlier date")
    return moment


def _account(of: Callable[[str, Callable[[str], str]], Any], system: System) -> Account:
    only = system.accounts[0] if len(system.accounts) == 1 else None
    allowed = said(system.accounts)

    def owner_of(value: str) -> str:
        value = value or (only.owner if only else "")
        if value not in {each.owner for each in system.accounts}:
            raise _WrongError(f"this system may not collect for it. Use one of: {allowed}")
        return value

    owner = of("revenue_owner", owner_of)

    def account_of(value: str) -> str:
        value = value or (only.account if only else "")
        if owner is not None and Account(owner, value) not in system.accounts:
            raise _WrongError(f"this system may not collect for it. Use one of: {allowed}")
        return value

    return Account(owner or "", of("revenue_account", account_of) or "")


def _return_url(value: str, system: System) -> str:
    if value and (len(value) > 500 or origin_of(value) not in system.return_origins):  # noqa: PLR2004 - as charges'
        raise _WrongError(f"this is no address of this system. Begin with one of: {', '.join(system.return_origins)}")
    return value


def _locale(value: str) -> str:
    if value not in {"", "ja", "en"}:
        raise _WrongError("this language is not there. Write ja or en")
    return value or "ja"
