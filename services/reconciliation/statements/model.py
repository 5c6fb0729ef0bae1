"""What every statement says, in one shape: bank lines, settlement lines, and how a broken file is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, Protocol
from uuid import UUID

from kernel.money import Yen, total
from kernel.refusals import Conflict, Invalid, NotFound, Words
from reconciliation.statements.columns import Columns

Way = Literal["page", "api", "folder", "fetch"]
Basis = Literal["statement", "notice"]
FILE_BYTES_MAX: Final = 1_500_000_000
TEXT_SHOWN_MAX: Final = 40  # of what was found, in an error


@dataclass(frozen=True, slots=True)
class Account:
    """One bank account as its bank names it. Codes are text of digits; the holder is in the bank's own letters."""

    bank: str
    branch: str
    kind: str
    number: str
    holder: str = ""

    @property
    def key(self) -> str:
        """What tells this account from all others."""
        return f"{self.bank}-{self.branch}-{self.kind}-{self.number.zfill(10)}"


@dataclass(frozen=True, slots=True)
class BankLine:
    """One booking of a bank. The amount is positive where money came in, negative where it went out.

    `reference` is the bank's own number for it; `payer` and `payer_code` are of the other side.
    """

    record: int
    booked_on: date
    value_on: date
    amount: Yen
    reference: str
    kind: str
    payer: str
    payer_code: str = ""
    bank: str = ""
    branch: str = ""
    summary: str = ""
    edi: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class BankStatement:
    """What one bank says of one account over a period; balances are None where the format has none.

    `basis`: a notice tells of bookings that the account's statement has too.
    """

    account: Account
    first: date
    last: date
    opening: Yen | None
    closing: Yen | None
    lines: tuple[BankLine, ...]
    basis: Basis = "statement"

    @property
    def moved(self) -> Yen:
        """By how much the lines change the balance."""
        return total(each.amount for each in self.lines)


class Reader(Protocol):
    """Reads a whole file. `received` is the day in Japan on which it came: no file was made later."""

    def __call__(self, body: bytes, *, received: date) -> Iterator[BankStatement]:
        """Yield the statements; raise BrokenField, BrokenLetter, BrokenSum or BrokenOrder."""
        ...


@dataclass(frozen=True, slots=True)
class BankFormat:
    """A format of banks, found in a folder of its own; its files begin with one of `begins`."""

    name: str
    title_ja: str
    title_en: str
    suffixes: tuple[str, ...]
    begins: tuple[bytes, ...]
    read: Reader


@dataclass(frozen=True, slots=True)
class SettlementFormat:
    """A format of a provider: a table whose columns a mapping explains."""

    name: str
    title_ja: str
    title_en: str
    suffixes: tuple[str, ...]
    columns: Columns


Format = BankFormat | SettlementFormat


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A file that was taken. Counts are of lines; `new`: those that no earlier file had; `amount` is theirs.

    `provider`: whose lines they are; '' of a bank's file.
    """

    id: UUID
    sha256: str
    format: str
    file_name: str
    bytes_count: int
    way: Way
    received_at: datetime
    received_by: str
    days: tuple[date, date] | None
    line_count: int
    new_count: int
    amount: Yen
    provider: str = ""


class BrokenField(Invalid):
    """One field of a file is not what its format says; nothing of the file is taken."""

    slug = "statement-field"
    advice = (
        "Nothing of this file was taken. Record {record}, {field}: found “{found}”, expected {expected}. "
        "Ask the sender for the file again."
    )


class BrokenLetter(Invalid):
    """A byte that the format's character set does not have; nothing of the file is taken."""

    slug = "statement-letter"
    advice = (
        "Nothing of this file was taken. Record {record}, column {column}: {found} is no character of bank files. "
        "The file may have been converted on its way; ask the sender for it again."
    )


class BrokenSum(Invalid):
    """Counts, sums or balances of a file do not hold; nothing of the file is taken."""

    slug = "statement-sum"
    advice = (
        "Nothing of this file was taken. Record {record}, {field}: the file says {found}, its records make {expected}. "
        "A part of the file may be missing; ask the sender for it again."
    )


class BrokenOrder(Invalid):
    """Records do not follow each other as the format says; nothing of the file is taken."""

    slug = "statement-order"
    advice = (
        "Nothing of this file was taken. Record {record}: found {found}, expected {expected}. "
        "A part of the file may be missing; ask the sender for it again."
    )


class Undecodable(Invalid):
    """The text of a table is neither UTF-8 nor CP932; nothing of the file is taken."""

    slug = "statement-encoding"
    advice = (
        "Nothing of this file was taken. Row {row}, column {column}: this is no character of {encodings}. "
        "Save the file again in one of them."
    )


class HeadingMissing(Invalid):
    """A column that a table needs is not there; nothing of the file is taken."""

    slug = "statement-heading"
    advice = (
        "Nothing of this file was taken. It has no column “{heading}”; its columns are: {found}. "
        "Choose the right format, or download the file again with that column."
    )


class BrokenRow(Invalid):
    """A row of a table has not as many cells as there are headings; nothing of the file is taken."""

    slug = "statement-row"
    advice = (
        "Nothing of this file was taken. Row {row} has {found} cells, but there are {expected} headings. "
        "Ask the sender for the file again."
    )


class BrokenCell(Invalid):
    """A cell of a table is not what its column says; nothing of the file is taken."""

    slug = "statement-cell"
    advice = (
        "Nothing of this file was taken. Row {row}, column “{column}”: found “{found}”, expected {expected}. "
        "Ask the sender for the file again, or choose another format."
    )


class BrokenSheetCell(Invalid):
    """A cell of a workbook's sheet is not what its column says; nothing of the file is taken."""

    slug = "statement-sheet-cell"
    advice = (
        "Nothing of this file was taken. Sheet “{sheet}”, row {row}, column “{column}”: found “{found}”, "
        "expected {expected}. Correct the cell, or ask the sender for the file again."
    )


class BrokenWorkbook(Invalid):
    """An Excel file that cannot be opened; nothing of it is taken."""

    slug = "statement-workbook"
    advice = (
        "Nothing of this file was taken. It cannot be opened: {problem}. "
        "Save it as an Excel workbook (.xlsx) without a password, or as CSV."
    )


class SheetMissing(Invalid):
    """A workbook has not the sheet that a mapping names; nothing of it is taken."""

    slug = "statement-sheet"
    advice = (
        "Nothing of this file was taken. It has no sheet “{sheet}”; its sheets are: {found}. "
        "Choose the right format, or change the mapping."
    )


class BrokenRowSum(Invalid):
    """A row's net is not its gross without its fee and tax; nothing of the file is taken."""

    slug = "statement-row-sum"
    advice = (
        "Nothing of this file was taken. Row {row}: the net is {found}, but gross, fee and tax make {expected}. "
        "Ask the sender for the file again, or choose another format."
    )


class StatementUnrecognised(Invalid):
    """No format, or more than one, could read a file."""

    slug = "statement-unrecognised"
    advice = "It cannot be told which format this file is of. Choose the format, or check that it is the right file."


class NoFileChosen(Invalid):
    """The form came without a file."""

    slug = "no-file"
    advice = "Choose a file first."


class BalanceBroken(Invalid):
    """An account's balance does not go on where the file before or after it ends; nothing of the file is taken."""

    slug = "statement-balance"
    advice = (
        "Nothing of this file was taken. Account {account}: the balance is {found} at the beginning of {day}, "
        "but {expected} at the end of the bank day before it. A file may be missing or of another account."
    )


class LineChanged(Conflict):
    """A line came before with other amounts; nothing of the file is taken."""

    slug = "statement-line-changed"
    advice = (
        "Nothing of this file was taken. Row {row}: the line {line} came in an earlier file with other amounts. "
        "Ask the provider which of the two is right."
    )


class UnknownStatement(NotFound):
    """No such file was taken."""

    slug = "unknown-statement"
    advice = "There is no statement {id}. Look at the list of statements."


class UnknownStatementFormat(NotFound):
    """No folder reads this format."""

    slug = "unknown-statement-format"
    advice = "There is no statement format {format}. There are: {known}."


def broken_field(record: int, field: str, found: str, expected: str) -> BrokenField:
    """Return the refusal of one field; `field` and `expected` are messages, `found` is shown shortened."""
    shown = found if len(found) <= TEXT_SHOWN_MAX else f"{found[:TEXT_SHOWN_MAX]}…"
    return BrokenField(record=record, field=Words(field), found=shown, expected=Words(expected))


def broken_sum(record: int, field: str, *, found: int, expected: int) -> BrokenSum:
    """Return the refusal of a count or a sum; `field` is a message."""
    return BrokenSum(record=record, field=Words(field), found=f"{found:,}", expected=f"{expected:,}")


def broken_cell(
    row: int, column: str, found: str, expected: str, *, sheet: str | None = None
) -> BrokenCell | BrokenSheetCell:
    """Return the refusal of one cell, of a workbook's sheet if it has one.

    `expected` is a message, `found` is shown shortened.
    """
    shown = found if len(found) <= TEXT_SHOWN_MAX else f"{found[:TEXT_SHOWN_MAX]}…"
    if sheet is None:
        return BrokenCell(row=row, column=column, found=shown, expected=Words(expected))
    return BrokenSheetCell(sheet=sheet, row=row, column=column, found=shown, expected=Words(expected))
