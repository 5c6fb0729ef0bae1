"""The 総合振込 file of 全銀協 (kind 21): records of 120 bytes, JIS X 0201, each followed by CRLF.

| record | columns (N: digits, zero-filled on the left; C: text, space-filled on the right) |
|---|---|
| header 1 | kind `21` N2, code `0` N1, consignor N10 C40, day MMDD N4, bank N4 C15, branch N3 C15, account N1 N7, C17 |
| data 2 | bank N4 C15, branch N3 C15, house C4, account N1 N7, holder C30, yen N10, new N1, customer N10 N10, |
|        | how N1, mark C1, C7 |
| trailer 8 | count N6, total N12, C101 |
| end 9 | C119 |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from kernel.money import Yen, total
from payments.transfers.account import ALLOWED

RECORD_BYTES = 120
ROWS_MAX = 100_000
AMOUNT_MAX = 9_999_999_999  # ten digits
CRLF = b"\r\n"
KIND_CODES: Final[dict[str, str]] = {"normal": "1", "checking": "2", "savings": "4"}
KINDS: Final[dict[str, Literal["normal", "checking", "savings"]]] = {
    "1": "normal",
    "2": "checking",
    "4": "savings",
}

HEADER = (1, 2, 1, 10, 40, 4, 4, 15, 3, 15, 1, 7, 17)
DATA = (1, 4, 15, 3, 15, 4, 1, 7, 30, 10, 1, 10, 10, 1, 1, 7)
TRAILER = (1, 6, 12, 101)
END = (1, 119)


class ZenginError(ValueError):
    """A value does not fit, or a file is not one: the record's number (from 1) and what was expected."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Our own account, as our bank knows it. Names are in Zengin's characters; the code has ten digits."""

    consignor_code: str
    consignor_name: str
    bank_code: str
    bank_name: str
    branch_code: str
    branch_name: str
    kind: Literal["normal", "checking"]
    number: str


@dataclass(frozen=True, slots=True)
class Row:
    """One transfer. `customer_1` and `customer_2` (ten digits each) are ours: the bank's lists repeat them."""

    bank_code: str
    bank_name: str
    branch_code: str
    branch_name: str
    kind: Literal["normal", "checking", "savings"]
    number: str
    holder: str
    amount: Yen
    customer_1: str
    customer_2: str


@dataclass(frozen=True, slots=True)
class TransferFile:
    """What a file says. The day has no year in it."""

    payer: Payer
    month: int
    day: int
    rows: tuple[Row, ...]

    @property
    def amount(self) -> Yen:
        """The sum of all rows."""
        return total(each.amount for each in self.rows)


def write(payer: Payer, rows: Sequence[Row], *, on: date) -> bytes:
    """Return the file. Raises ZenginError for a value that does not fit, or for no rows or too many."""
    if not 1 <= len(rows) <= ROWS_MAX:
        raise ZenginError(f"A file holds 1 to {ROWS_MAX} transfers, not {len(rows)}.")
    records = [_header(payer, on)]
    records += [_data(row, number) for number, row in enumerate(rows, start=2)]
    last = len(records) + 1
    records.append("8" + _n(str(len(rows)), 6, last) + _n(str(total(row.amount for row in rows).amount), 12, last))
    records.append("9")
    return b"".join(each.ljust(RECORD_BYTES).encode("shift_jis") + CRLF for each in records)


def _header(payer: Payer, on: date) -> str:
    return "".join(
        (
            "1210",
            _n(payer.consignor_code, 10, 1),
            _c(payer.consignor_name, 40, 1),
            f"{on:%m%d}",
            _n(payer.bank_code, 4, 1, exact=True),
            _c(payer.bank_name, 15, 1),
            _n(payer.branch_code, 3, 1, exact=True),
            _c(payer.branch_name, 15, 1),
            KIND_CODES[payer.kind],
            _n(payer.number, 7, 1),
        )
    )


def _data(row: Row, record: int) -> str:
    if not 1 <= row.amount.amount <= AMOUNT_MAX:
        raise ZenginError(f"Record {record}: {row.amount} cannot be transferred; 1 to {AMOUNT_MAX} yen can.")
    if not row.holder.strip():
        raise ZenginError(f"Record {record}: the holder's name is missing.")
    return "".join(
        (
            "2",
            _n(row.bank_code, 4, record, exact=True),
            _c(row.bank_name, 15, record),
            _n(row.branch_code, 3, record, exact=True),
            _c(row.branch_name, 15, record),
            " " * 4,  # 手形交換所番号: not used any more
            KIND_CODES[row.kind],
            _n(row.number, 7, record),
            _c(row.holder, 30, record),
            _n(str(row.amount.amount), 10, record),
            "0",  # 新規コード: other than new or changed
            _n(row.customer_1, 10, record),
            _n(row.customer_2, 10, record),
            "7",  # 振込指定区分: by wire
            " ",  # 識別表示: the 20 places before are customer codes, not EDI
        )
    )


def _n(value: str, width: int, record: int, *, exact: bool = False) -> str:
    if re.fullmatch(r"[0-9]+", value, re.ASCII) is None or len(value) > width or (exact and len(value) != width):
        raise ZenginError(f"Record {record}: {width} digits are expected.")
    return value.zfill(width)


def _c(value: str, width: int, record: int) -> str:
    if len(value) > width or any(each not in ALLOWED for each in value) or value != value.rstrip(" "):
        raise ZenginError(f"Record {record}: up to {width} characters are expected, of those that bank files hold.")
    return value.ljust(width)


def read(body: bytes) -> TransferFile:
    """Read a file strictly: every record, filler, count and sum. Raises ZenginError.

    Records may be followed by CRLF, by LF or by nothing, all alike; the last one may lack it.
    """
    records = _records(body)
    kinds = "".join(each[0] for each in records)
    shaped = re.fullmatch("12+89", kinds)
    if shaped is None:
        first = next((n for n, kind in enumerate(kinds, start=1) if kind not in "1289"), len(kinds))
        raise ZenginError(f"Record {first}: one header (1), data (2), one trailer (8) and the end (9) are expected.")
    payer, month, day = _read_header(records[0])
    rows = tuple(_read_data(each, number) for number, each in enumerate(records[1:-2], start=2))
    if len(rows) > ROWS_MAX:
        raise ZenginError(f"A file holds at most {ROWS_MAX} transfers.")
    _, count, amount, filler = _cut(records[-2], TRAILER)
    last = len(records) - 1
    if (_digits(count, last), _digits(amount, last)) != (
        str(len(rows)).zfill(6),
        str(total(row.amount for row in rows).amount).zfill(12),
    ):
        said = f"{len(rows)} transfers of {total(row.amount for row in rows).amount} yen"
        raise ZenginError(f"Record {last}: the data records hold {said}; the trailer says something else.")
    _blank(filler, last)
    _blank(records[-1][1:], last + 1)
    return TransferFile(payer, month, day, rows)


def _records(body: bytes) -> list[str]:
    limit = (ROWS_MAX + 3) * (RECORD_BYTES + len(CRLF))
    if len(body) > limit:
        raise ZenginError(f"The file has more than {limit} bytes.")
    step = next((len(end) for end in (CRLF, b"\n") if body[RECORD_BYTES:].startswith(end)), 0)
    ending = {2: CRLF, 1: b"\n", 0: b""}[step]
    whole = body if body.endswith(ending) else body + ending
    width = RECORD_BYTES + step
    if not whole or len(whole) % width:
        raise ZenginError(f"Records of {RECORD_BYTES} bytes are expected, all with the same line ending.")
    records = []
    for number, start in enumerate(range(0, len(whole), width), start=1):
        record = whole[start : start + RECORD_BYTES]
        if whole[start + RECORD_BYTES : start + width] != ending:
            raise ZenginError(f"Record {number}: {RECORD_BYTES} bytes and a line ending are expected.")
        text = record.decode("shift_jis", errors="replace")
        if len(text) != RECORD_BYTES or any(each not in ALLOWED for each in text):
            raise ZenginError(f"Record {number}: it holds a character that bank files do not.")
        records.append(text)
    return records


def _cut(record: str, widths: Sequence[int]) -> list[str]:
    parts, start = [], 0
    for width in widths:
        parts.append(record[start : start + width])
        start += width
    return parts


def _read_header(record: str) -> tuple[Payer, int, int]:
    _, kind, code, consignor, name, day, bank, bank_name, branch, branch_name, account, number, filler = _cut(
        record, HEADER
    )
    if (kind, code) != ("21", "0"):
        raise ZenginError("Record 1: kind 21 (総合振込) with code 0 (JIS) is expected.")
    held = KINDS.get(account)
    if held is None or held == "savings":
        raise ZenginError("Record 1: an ordinary (1) or current (2) account is expected.")
    try:
        date(2000, int(_digits(day, 1)[:2]), int(day[2:]))  # a leap year, so that 29 February passes
    except ValueError:
        raise ZenginError("Record 1: a day as MMDD is expected.") from None
    _blank(filler, 1)
    payer = Payer(
        _digits(consignor, 1),
        _text(name),
        _digits(bank, 1),
        _text(bank_name),
        _digits(branch, 1),
        _text(branch_name),
        held,
        _digits(number, 1),
    )
    return payer, int(day[:2]), int(day[2:])


def _read_data(record: str, at: int) -> Row:
    (
        _,
        bank,
        bank_name,
        branch,
        branch_name,
        house,
        account,
        number,
        holder,
        yen,
        new,
        customer_1,
        customer_2,
        how,
        mark,
        filler,
    ) = _cut(record, DATA)
    kind = KINDS.get(account)
    if kind is None:
        raise ZenginError(f"Record {at}: an account of kind 1, 2 or 4 is expected.")
    if (house, new, how, mark) != (" " * 4, "0", "7", " "):
        raise ZenginError(f"Record {at}: no clearing house, new code 0, by wire (7) and no mark are expected.")
    if not holder.strip():
        raise ZenginError(f"Record {at}: the holder's name is missing.")
    if int(_digits(yen, at)) < 1:
        raise ZenginError(f"Record {at}: an amount of at least 1 yen is expected.")
    _blank(filler, at)
    return Row(
        _digits(bank, at),
        _text(bank_name),
        _digits(branch, at),
        _text(branch_name),
        kind,
        _digits(number, at),
        _text(holder),
        Yen(int(yen)),
        _digits(customer_1, at),
        _digits(customer_2, at),
    )


def _digits(value: str, record: int) -> str:
    if re.fullmatch(r"[0-9]+", value, re.ASCII) is None:
        raise ZenginError(f"Record {record}: digits are expected where it holds something else.")
    return value


def _text(value: str) -> str:
    return value.rstrip(" ")


def _blank(value: str, record: int) -> None:
    if value.strip(" "):
        raise ZenginError(f"Record {record}: its end must be blank.")


def next_business_day(after: date, holidays: frozenset[date], *, days: int = 1) -> date:
    """Return the n-th day after one on which banks work. `holidays` holds those of its year and the next."""
    found = after
    for _ in range(days):
        found = date.fromordinal(found.toordinal() + 1)
        while not is_business_day(found, holidays):
            found = date.fromordinal(found.toordinal() + 1)
    return found


def is_business_day(day: date, holidays: frozenset[date]) -> bool:
    """Tell whether banks work (銀行法施行令5条: not on weekends, holidays and 31 December to 3 January)."""
    return day.weekday() < 5 and day not in holidays  # noqa: PLR2004 - Monday to Friday
