"""振込入金通知: the transfer credit notice of 全銀協 (kind 01) in both of its layouts, records of 200 bytes.

Layout B has a second amount of 12 digits, for what ten digits cannot hold. Which layout a record has is told by its own
columns 129 to 152: all digits are layout B. A cancelled credit is a line that moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final, Literal

from kernel.money import ZERO, Yen
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

KIND: Final = "01"
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
    Field("deposit", 60, 60, "digits", "deposit kind"),
    Field("number", 61, 67, "digits", "account number"),
    Field("holder", 68, 107, "text", "account holder"),
    Field("rest", 108, 200, "blank", "unused"),
)
_COMMON: Final = (
    Field("record", 1, 1, "digits", "record kind"),
    Field("reference", 2, 7, "text", "reference number"),
    Field("booked", 8, 13, "date", "booking date"),
    Field("value", 14, 19, "date?", "value date"),
    Field("amount", 20, 29, "number", "amount"),
    Field("paper", 30, 39, "number?", "of which other banks' paper"),
    Field("payer_code", 40, 49, "text", "remitter code"),
    Field("payer", 50, 97, "text", "remitter"),
    Field("sending_bank", 98, 112, "text", "sending bank"),
    Field("sending_branch", 113, 127, "text", "sending branch"),
    Field("cancelled", 128, 128, "text", "cancellation"),
)
LAYOUT_A: Final = (
    *_COMMON,
    Field("edi", 129, 148, "text", "EDI"),
    Field("rest", 149, 200, "blank", "unused"),
)
LAYOUT_B: Final = (
    *_COMMON,
    Field("amount_2", 129, 140, "number", "second amount"),
    Field("paper_2", 141, 152, "number?", "of which other banks' paper"),
    Field("edi", 153, 172, "text", "EDI"),
    Field("rest", 173, 200, "blank", "unused"),
)
TRAILER: Final = (
    Field("record", 1, 1, "digits", "record kind"),
    Field("count", 2, 7, "number", "count of credits"),
    Field("total", 8, 19, "number", "sum of credits"),
    Field("cancelled_count", 20, 25, "number", "count of cancelled credits"),
    Field("cancelled_total", 26, 37, "number", "sum of cancelled credits"),
    Field("rest", 38, 200, "blank", "unused"),
)
END: Final = (
    Field("record", 1, 1, "digits", "record kind"),
    Field("rest", 2, 200, "blank", "unused"),
)
LAYOUTS: Final = (HEADER, LAYOUT_A, LAYOUT_B, TRAILER, END)
CANCELLED: Final = "1"
AMOUNT_1_MAX: Final = 9_999_999_999
Layout = Literal["a", "b"]


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


@dataclass(frozen=True, slots=True)
class Credit:
    """One transfer that came in, or (cancelled) one that came by mistake and is taken back."""

    reference: str
    booked: date
    value: date | None
    amount: Yen
    paper: Yen | None
    payer_code: str
    payer: str
    sending_bank: str
    sending_branch: str
    cancelled: bool
    edi: str
    layout: Layout = "a"


@dataclass(frozen=True, slots=True)
class Notice:
    """One account's records."""

    header: Header
    credits: tuple[Credit, ...]


def notices(body: bytes, *, received: date) -> list[Notice]:
    """Return the accounts of a file. `received` is the day in Japan: no file was made after it.

    Raises BrokenField, BrokenLetter, BrokenSum and BrokenOrder.
    """
    found: list[Notice] = []
    lines = enumerate(zengin.records(body), start=1)
    number, record = next(lines)
    while record[0] == "1":
        header = _header(record, number, received)
        era = Era(zengin.soon_after(max(header.last, header.created)))
        came: list[Credit] = []
        for number, record in lines:
            if record[0] != "2":
                break
            came.append(_credit(record, number, header, era))
        else:
            raise BrokenOrder(record=number + 1, found=Words("the end of the file"), expected=Words("a trailer (8)"))
        if record[0] != "8":
            raise BrokenOrder(record=number, found=record[0], expected=Words("a trailer (8)"))
        _check_trailer(record, number, came, era)
        found.append(Notice(header, tuple(came)))
        number, record = next(lines, (number + 1, " "))
    if record[0] != "9":
        said = Words("the end of the file") if record == " " else record[0]
        raise BrokenOrder(record=number, found=said, expected=Words("another account (1) or the end (9)"))
    for after, _ in lines:
        raise BrokenOrder(record=after, found=Words("another record"), expected=Words("the end of the file"))
    return found


def _header(record: str, number: int, received: date) -> Header:
    if record[1:3] != KIND:
        raise broken_field(number, "kind of file", record[1:3], "01, a transfer credit notice")
    said = zengin.parse(record, HEADER, number, Era(received))
    if not said["first"] <= said["last"]:
        raise broken_field(number, "last day", record[16:22], "a day that is not before the first day")
    return Header(**{name: said[name] for name in Header.__slots__})


def _credit(record: str, number: int, header: Header, era: Era) -> Credit:
    second = record[128:152]
    wide = second.isascii() and second.isdigit()
    said = zengin.parse(record, LAYOUT_B if wide else LAYOUT_A, number, era)
    if said["cancelled"] not in {"", "0", CANCELLED}:
        raise broken_field(number, "cancellation", said["cancelled"], "1 or blank")
    if not header.first <= said["booked"] <= header.last:
        raise broken_field(number, "booking date", record[7:13], "a day of the statement's period")
    kept = {name: said[name] for name in Credit.__slots__ if name in said}
    first, second_amount = said["amount"], said.get("amount_2", 0)
    if first and second_amount and first != second_amount:
        raise broken_field(number, "second amount", f"{second_amount:,}", "the same as the amount, or zeros")
    paper = said.get("paper_2") or said["paper"]
    kept |= {
        "amount": Yen(first or second_amount),
        "paper": None if paper is None else Yen(paper),
        "cancelled": said["cancelled"] == CANCELLED,
        "layout": "b" if wide else "a",
    }
    return Credit(**kept)


def _sums(came: Sequence[Credit]) -> dict[str, int]:
    taken = [each.amount.amount for each in came if not each.cancelled]
    cancelled = [each.amount.amount for each in came if each.cancelled]
    return {
        "count": len(taken),
        "total": sum(taken),
        "cancelled_count": len(cancelled),
        "cancelled_total": sum(cancelled),
    }


def _check_trailer(record: str, number: int, came: Sequence[Credit], era: Era) -> None:
    said = zengin.parse(record, TRAILER, number, era)
    for name, expected in _sums(came).items():
        if said[name] != expected:
            field = next(each.said for each in TRAILER if each.name == name)
            raise broken_sum(number, field, found=said[name], expected=expected)


def write(
    accounts: Sequence[Notice], *, encoding: Encoding = "jis", line_end: LineEnd = "crlf", last_end: bool = True
) -> bytes:
    """Return the file of some accounts, as a bank would write it.

    Raises BrokenField or BrokenLetter for a value that does not fit its field.
    """
    code = "0" if encoding == "jis" else "1"
    lines = list(chain.from_iterable(_records(each, code) for each in accounts))
    lines.append(zengin.build({"record": "9"}, END, len(lines) + 1))
    return zengin.encode(lines, encoding, line_end, last_end=last_end)


def _records(account: Notice, code: str) -> Iterator[str]:
    header = {name: getattr(account.header, name) for name in Header.__slots__}
    yield zengin.build(header | {"record": "1", "kind": KIND, "code": code}, HEADER, 1)
    for number, credit in enumerate(account.credits, start=2):
        amount, paper = credit.amount.amount, 0 if credit.paper is None else credit.paper.amount
        large = amount > AMOUNT_1_MAX
        values = {name: getattr(credit, name) for name in Credit.__slots__}
        values |= {
            "record": "2",
            "amount": 0 if large else amount,
            "paper": 0 if large else paper,
            "amount_2": amount if large else 0,
            "paper_2": paper if large else 0,
            "cancelled": CANCELLED if credit.cancelled else "",
        }
        yield zengin.build(values, LAYOUT_B if large or credit.layout == "b" else LAYOUT_A, number)
    yield zengin.build({"record": "8"} | _sums(account.credits), TRAILER, len(account.credits) + 2)


def statements_of(found: Iterable[Notice]) -> Iterator[BankStatement]:
    """Yield what every format yields; a notice has no balances."""
    record = 0
    for each in found:
        header = each.header
        yield BankStatement(
            account=Account(header.bank, header.branch, header.deposit, header.number, header.holder),
            first=header.first,
            last=header.last,
            opening=None,
            closing=None,
            lines=tuple(
                BankLine(
                    record=number,
                    booked_on=credit.booked,
                    value_on=credit.value or credit.booked,
                    amount=ZERO if credit.cancelled else credit.amount,
                    reference=credit.reference,
                    kind="11",  # a transfer, in the words of kind 03
                    payer=credit.payer,
                    payer_code=credit.payer_code,
                    bank=credit.sending_bank,
                    branch=credit.sending_branch,
                    edi=credit.edi,
                    cancelled=credit.cancelled,
                )
                for number, credit in enumerate(each.credits, start=record + 2)
            ),
            basis="notice",
        )
        record += len(each.credits) + 2


def read(body: bytes, *, received: date) -> Iterator[BankStatement]:
    """Return the statements of a file."""
    return statements_of(notices(body, received=received))


FORMAT = BankFormat(
    name="zengin_notice",
    title_ja="全銀 振込入金通知(種別01)",
    title_en="Zengin transfer credit notice (kind 01)",
    suffixes=("txt", "dat"),
    begins=(b"101", "101".encode("cp290")),
    read=read,
)
