"""入出金取引明細: the account statement of 全銀協 (kind 03), one account after another, records of 200 bytes.

Read strictly and whole: every record, count, sum and balance. A file that breaks one is refused with the record, the
field, what was found and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final, Literal

from kernel.money import Yen
from kernel.refusals import Words
from reconciliation.statements import zengin_records as zengin
from reconciliation.statements.model import (
    Account,
    BankFormat,
    BankLine,
    BankStatement,
    BrokenOrder,
    broken_field,
    broken_sum,
)
from reconciliation.statements.zengin_records import Encoding, Era, Field, LineEnd

KIND: Final = "03"
HEADER: Final = (
    Field("record", 1, 1, "digits", "record kind"),
    Field("kind", 2, 3, "digits", "kind of file"),
    Field("code", 4, 4, "digits", "character code"),
    Field("created", 5, 10, "date", "day of making"),
    Field("first", 11, 16, "date", "first day"),
    Field("last", 17, 22, "date", "last day"),
    Field("bank", 23, 26, "digits", "bank code"),
    Field("bank_name", 27, 41, "text", "bank"),
    Field("branch", 42, 44, "digits", "branch code"),
    Field("branch_name", 45, 59, "text", "branch"),
    Field("zeros", 60, 62, "text", "unused"),
    Field("deposit", 63, 63, "digits", "deposit kind"),
    Field("number", 64, 73, "digits", "account number"),
    Field("holder", 74, 113, "text", "account holder"),
    Field("sign", 114, 114, "digits", "sign of the balance"),
    Field("passbook", 115, 115, "text", "passbook or certificate"),
    Field("opening", 116, 129, "number", "opening balance"),
    Field("rest", 130, 200, "blank", "unused"),
)
DATA: Final = (
    Field("record", 1, 1, "digits", "record kind"),
    Field("reference", 2, 9, "text", "reference number"),
    Field("booked", 10, 15, "date", "booking date"),
    Field("value", 16, 21, "date?", "value date"),
    Field("direction", 22, 22, "digits", "direction"),
    Field("transaction", 23, 24, "text", "transaction kind"),
    Field("amount", 25, 36, "number", "amount"),
    Field("paper", 37, 48, "number?", "of which other banks' paper"),
    Field("clearing", 49, 54, "date?", "clearing date"),
    Field("dishonour", 55, 60, "date?", "dishonour date"),
    Field("bill_kind", 61, 61, "text", "bill or cheque"),
    Field("bill_number", 62, 68, "text", "number of the bill or cheque"),
    Field("teller", 69, 71, "text", "teller's branch"),
    Field("payer_code", 72, 81, "text", "remitter code"),
    Field("payer", 82, 129, "text", "remitter"),
    Field("sending_bank", 130, 144, "text", "sending bank"),
    Field("sending_branch", 145, 159, "text", "sending branch"),
    Field("summary", 160, 179, "text", "summary"),
    Field("edi", 180, 199, "text", "EDI"),
    Field("rest", 200, 200, "blank", "unused"),
)
TRAILER: Final = (
    Field("record", 1, 1, "digits", "record kind"),
    Field("credit_count", 2, 7, "number", "count of credits"),
    Field("credit_total", 8, 20, "number", "sum of credits"),
    Field("debit_count", 21, 26, "number", "count of debits"),
    Field("debit_total", 27, 39, "number", "sum of debits"),
    Field("sign", 40, 40, "digits", "sign of the balance"),
    Field("closing", 41, 54, "number", "closing balance"),
    Field("count", 55, 61, "number", "count of data records"),
    Field("rest", 62, 200, "blank", "unused"),
)
END: Final = (
    Field("record", 1, 1, "digits", "record kind"),
    Field("count", 2, 11, "number", "count of records"),
    Field("accounts", 12, 16, "number", "count of accounts"),
    Field("rest", 17, 200, "blank", "unused"),
)
LAYOUTS: Final = (HEADER, DATA, TRAILER, END)
CREDIT, DEBIT = "1", "2"
PLUS, MINUS = "1", "2"
ONE_OR_TWO: Final = "1 or 2"
Direction = Literal["1", "2"]


@dataclass(frozen=True, slots=True)
class Header:
    """The first record of an account."""

    created: date
    first: date
    last: date
    bank: str
    bank_name: str
    branch: str
    branch_name: str
    deposit: str
    number: str
    holder: str
    passbook: str
    opening: Yen


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking. `direction`: 1 into the account, 2 out of it; amounts are never negative."""

    reference: str
    booked: date
    value: date | None
    direction: str
    transaction: str
    amount: Yen
    paper: Yen | None
    clearing: date | None
    dishonour: date | None
    bill_kind: str
    bill_number: str
    teller: str
    payer_code: str
    payer: str
    sending_bank: str
    sending_branch: str
    summary: str
    edi: str

    @property
    def moved(self) -> Yen:
        """By how much it changes the balance."""
        return self.amount if self.direction == CREDIT else -self.amount


@dataclass(frozen=True, slots=True)
class Booklet:
    """One account's records: its header and its bookings, which make the closing balance."""

    header: Header
    entries: tuple[Entry, ...]

    @property
    def closing(self) -> Yen:
        """The balance after the last booking."""
        return Yen(self.header.opening.amount + sum(each.moved.amount for each in self.entries))


def booklets(body: bytes, *, received: date) -> list[Booklet]:
    """Return the accounts of a file. `received` is the day in Japan: no file was made after it.

    Raises BrokenField, BrokenLetter, BrokenSum and BrokenOrder.
    """
    found: list[Booklet] = []
    lines = enumerate(zengin.records(body), start=1)
    number, record = next(lines)
    while record[0] == "1":
        header = _header(record, number, received)
        era = Era(zengin.soon_after(max(header.last, header.created)))
        entries: list[Entry] = []
        for number, record in lines:
            if record[0] != "2":
                break
            entries.append(_entry(record, number, header, era))
        else:
            raise BrokenOrder(record=number + 1, found=Words("the end of the file"), expected=Words("a trailer (8)"))
        _expect(record, number, "8")
        found.append(Booklet(header, tuple(entries)))
        _check_trailer(record, number, found[-1], era)
        number, record = next(lines, (number + 1, " "))
    _expect(record, number, "9")
    said = zengin.parse(record, END, number, Era(received))
    if said["count"] not in {number, number - 1}:  # Banks count the end record itself, or do not.
        raise broken_sum(number, "count of records", found=said["count"], expected=number)
    if said["accounts"] != len(found):
        raise broken_sum(number, "count of accounts", found=said["accounts"], expected=len(found))
    for after, _ in lines:
        raise BrokenOrder(record=after, found=Words("another record"), expected=Words("the end of the file"))
    return found


def _expect(record: str, number: int, kind: str) -> None:
    if record[0] != kind:
        raise BrokenOrder(
            record=number,
            found=Words("the end of the file") if record == " " else record[0],
            expected=Words("a trailer (8)") if kind == "8" else Words("another account (1) or the end (9)"),
        )


def _header(record: str, number: int, received: date) -> Header:
    if record[1:3] != KIND:
        raise broken_field(number, "kind of file", record[1:3], "03, an account statement")
    said = zengin.parse(record, HEADER, number, Era(received))
    sign = _one_of(said["sign"], (PLUS, MINUS), number, "sign of the balance")
    if not said["first"] <= said["last"]:
        raise broken_field(number, "last day", record[16:22], "a day that is not before the first day")
    kept = {name: said[name] for name in Header.__slots__ if name != "opening"}
    return Header(**kept, opening=_signed(said["opening"], sign))


def _entry(record: str, number: int, header: Header, era: Era) -> Entry:
    said = zengin.parse(record, DATA, number, era)
    _one_of(said["direction"], (CREDIT, DEBIT), number, "direction")
    if not header.first <= said["booked"] <= header.last:
        raise broken_field(number, "booking date", record[9:15], "a day of the statement's period")
    kept = {name: said[name] for name in Entry.__slots__ if name not in {"amount", "paper"}}
    paper = said["paper"]
    return Entry(**kept, amount=Yen(said["amount"]), paper=None if paper is None else Yen(paper))


def _check_trailer(record: str, number: int, seen: Booklet, era: Era) -> None:
    said = zengin.parse(record, TRAILER, number, era)
    sign = _one_of(said["sign"], (PLUS, MINUS), number, "sign of the balance")
    came = [each.amount.amount for each in seen.entries if each.direction == CREDIT]
    went = [each.amount.amount for each in seen.entries if each.direction == DEBIT]
    for name, expected in (
        ("credit_count", len(came)),
        ("credit_total", sum(came)),
        ("debit_count", len(went)),
        ("debit_total", sum(went)),
        ("count", len(seen.entries)),
    ):
        if said[name] != expected:
            raise broken_sum(number, _NAMES[name], found=said[name], expected=expected)
    closing = _signed(said["closing"], sign)
    if closing != seen.closing:
        raise broken_sum(number, "closing balance", found=closing.amount, expected=seen.closing.amount)


_NAMES: Final = {each.name: each.said for each in TRAILER}


def _one_of(value: str, known: tuple[str, ...], number: int, field: str) -> str:
    if value not in known:
        raise broken_field(number, field, value, ONE_OR_TWO)
    return value


def _signed(amount: int, sign: str) -> Yen:
    return Yen(amount if sign == PLUS else -amount)


def write(
    accounts: Sequence[Booklet], *, encoding: Encoding = "jis", line_end: LineEnd = "crlf", last_end: bool = True
) -> bytes:
    """Return the file of some accounts, as a bank would write it.

    Raises BrokenField or BrokenLetter for a value that does not fit its field.
    """
    code = "0" if encoding == "jis" else "1"
    lines = list(chain.from_iterable(_records(each, code) for each in accounts))
    end = {"record": "9", "count": len(lines) + 1, "accounts": len(accounts)}
    lines.append(zengin.build(end, END, len(lines) + 1))
    return zengin.encode(lines, encoding, line_end, last_end=last_end)


def _records(account: Booklet, code: str) -> Iterator[str]:
    header = account.header
    said = {name: getattr(header, name) for name in Header.__slots__}
    opening = header.opening.amount
    said |= {"record": "1", "kind": KIND, "code": code, "zeros": "000", "sign": _sign(opening), "opening": abs(opening)}
    yield zengin.build(said, HEADER, 1)
    for number, entry in enumerate(account.entries, start=2):
        values = {name: getattr(entry, name) for name in Entry.__slots__}
        values |= {"record": "2", "amount": entry.amount.amount, "paper": entry.paper.amount if entry.paper else None}
        yield zengin.build(values, DATA, number)
    came = [each.amount.amount for each in account.entries if each.direction == CREDIT]
    went = [each.amount.amount for each in account.entries if each.direction == DEBIT]
    closing = account.closing.amount
    trailer = {
        "record": "8",
        "credit_count": len(came),
        "credit_total": sum(came),
        "debit_count": len(went),
        "debit_total": sum(went),
        "sign": _sign(closing),
        "closing": abs(closing),
        "count": len(account.entries),
    }
    yield zengin.build(trailer, TRAILER, len(account.entries) + 2)


def _sign(amount: int) -> str:
    return PLUS if amount >= 0 else MINUS


def statements_of(found: Iterable[Booklet]) -> Iterator[BankStatement]:
    """Yield what every format yields."""
    record = 0
    for each in found:
        header = each.header
        yield BankStatement(
            account=Account(header.bank, header.branch, header.deposit, header.number, header.holder),
            first=header.first,
            last=header.last,
            opening=header.opening,
            closing=each.closing,
            lines=tuple(
                BankLine(
                    record=number,
                    booked_on=entry.booked,
                    value_on=entry.value or entry.booked,
                    amount=entry.moved,
                    reference=entry.reference,
                    kind=entry.transaction,
                    payer=entry.payer,
                    payer_code=entry.payer_code,
                    bank=entry.sending_bank,
                    branch=entry.sending_branch,
                    summary=entry.summary,
                    edi=entry.edi,
                )
                for number, entry in enumerate(each.entries, start=record + 2)
            ),
        )
        record += len(each.entries) + 2


def read(body: bytes, *, received: date) -> Iterator[BankStatement]:
    """Return the statements of a file."""
    return statements_of(booklets(body, received=received))


FORMAT = BankFormat(
    name="zengin_statement",
    title_ja="全銀 入出金取引明細(種別03)",
    title_en="Zengin account statement (kind 03)",
    suffixes=("txt", "dat"),
    begins=(b"103", "103".encode("cp290")),
    read=read,
)
