"""camt.052, camt.053 and camt.054 of ISO 20022, in every version from 001.01 to 001.12, read by pyiso20022's classes.

ZEDI's counterparts of 全銀協's kinds 03 and 01 are camt.052.001.02 and camt.054.001.02. A report (052) and a statement
(053) book; a notification (054) is a notice of what a statement has too. Only booked entries count; what is pending or
for information is passed over. One entry is one line, also where it is a batch of transactions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any, Final

from kernel.clock import JAPAN
from kernel.money import YEN_MAX, Yen
from kernel.refusals import Words
from reconciliation.statements.model import (
    Account,
    BankFormat,
    BankLine,
    BankStatement,
    Basis,
    BrokenOrder,
    broken_field,
    broken_sum,
)

NAMESPACE: Final = re.compile(rb"urn:iso:std:iso:20022:tech:xsd:camt\.(05[234])\.001\.(\d\d)[\"']")
START_BYTES: Final = 4096
KINDS: Final[dict[str, tuple[str, str, Basis]]] = {
    "052": ("bk_to_cstmr_acct_rpt", "rpt", "statement"),
    "053": ("bk_to_cstmr_stmt", "stmt", "statement"),
    "054": ("bk_to_cstmr_dbt_cdt_ntfctn", "ntfctn", "notice"),
}
OPENING: Final = ("OPBD", "PRCD")
CLOSING: Final = ("CLBD",)
BOOKED: Final = "BOOK"
CREDIT: Final = "CRDT"
YEN_ONLY: Final = "JPY"
WHOLE_YEN: Final = "a whole amount of yen"
A_DAY: Final = "a day such as 2026-11-23"
FIELDS: Final = ("currency", "amount", "booking date", "count of credits", "sum of credits", "closing balance")


@cache
def _document_class(kind: str, version: str) -> Any:
    name = f"camt_{kind}_001_{version}"
    return import_module(f"pyiso20022.camt.{name}.{name}").Document


def _parsed(body: bytes) -> tuple[str, Any]:
    from xsdata.exceptions import ConverterWarning, ParserError
    from xsdata.formats.dataclass.parsers import XmlParser
    from xsdata.formats.dataclass.parsers.config import ParserConfig

    start = body[:START_BYTES]
    named = NAMESPACE.search(start)
    if named is None or b"<!DOCTYPE" in start:
        raise BrokenOrder(record=1, found=Words("another kind of file"), expected="camt.052, camt.053, camt.054")
    kind, version = (each.decode("ascii") for each in named.groups())
    try:
        document = _document_class(kind, version)
    except ModuleNotFoundError:
        found = f"camt.{kind}.001.{version}"
        raise BrokenOrder(record=1, found=found, expected="camt.05x.001.01 – camt.05x.001.12") from None
    config = ParserConfig(fail_on_unknown_properties=True, fail_on_converter_warnings=True)
    try:
        return kind, XmlParser(config=config).from_bytes(body, document)
    except (ParserError, ConverterWarning, SyntaxError, LookupError, TypeError, ValueError) as problem:
        raise _against_schema(1, problem) from problem


def read(body: bytes, *, received: date) -> Iterator[BankStatement]:
    """Return the statements, reports or notifications of a message, each of one account."""
    kind, document = _parsed(body)
    inner, name, basis = KINDS[kind]
    found, record = [], 0
    try:
        for each in getattr(getattr(document, inner), name):
            found.append(_statement(each, basis, received, record))
            record += len(each.ntry)
    except (
        AttributeError,
        ArithmeticError,
        TypeError,
        ValueError,
    ) as problem:  # A value that could not be read stays text.
        raise _against_schema(record + 1, problem) from problem
    return iter(found)


def _against_schema(record: int, problem: Exception) -> BrokenOrder:
    said = re.sub(r"\s+", " ", str(problem))[:120]
    return BrokenOrder(record=record, found=said, expected=Words("a message as its schema says"))


def _statement(said: Any, basis: Basis, received: date, before: int) -> BankStatement:
    lines = tuple(
        _line(entry, number) for number, entry in enumerate(said.ntry, start=before + 1) if _code(entry.sts) == BOOKED
    )
    balances = {_code(each.tp.cd_or_prtry): each for each in getattr(said, "bal", [])}
    opening, closing = _balance(balances, OPENING), _balance(balances, CLOSING)
    last = before + len(said.ntry)
    _check_summary(said, lines, max(last, 1))
    if opening is not None and closing is not None:
        expected = opening.amount + sum(each.amount.amount for each in lines)
        if closing.amount != expected:
            raise broken_sum(max(last, 1), "closing balance", found=closing.amount, expected=expected)
    first_day, last_day = _period(said, balances, lines, received)
    return BankStatement(
        account=_account(said.acct),
        first=first_day,
        last=last_day,
        opening=opening,
        closing=closing,
        lines=lines,
        basis=basis,
    )


def _line(entry: Any, number: int) -> BankLine:
    booked = _day(entry.bookg_dt)
    if booked is None:
        raise broken_field(number, "booking date", "", A_DAY)
    amount = _yen(entry.amt, number)
    details = [each for group in entry.ntry_dtls for each in group.tx_dtls]
    one = details[0] if len(details) == 1 else None
    payer = "dbtr" if _code(entry.cdt_dbt_ind) == CREDIT else "cdtr"
    agent = _at(one, f"rltd_agts.{payer}_agt.fin_instn_id")
    return BankLine(
        record=number,
        booked_on=booked,
        value_on=_day(entry.val_dt) or booked,
        amount=amount if _code(entry.cdt_dbt_ind) == CREDIT else -amount,
        reference=entry.acct_svcr_ref or _at(one, "refs.acct_svcr_ref") or entry.ntry_ref or "",
        kind=_at(entry, "bk_tx_cd.prtry.cd") or _at(entry, "bk_tx_cd.domn.fmly.sub_fmly_cd") or "",
        payer=_at(one, f"rltd_pties.{payer}.nm") or _at(one, f"rltd_pties.{payer}.pty.nm") or "",
        payer_code=_at(one, f"rltd_pties.{payer}.id.org_id.othr.id") or "",
        bank=_at(agent, "nm") or _at(agent, "clr_sys_mmb_id.mmb_id") or "",
        branch=_at(one, f"rltd_agts.{payer}_agt.brnch_id.nm") or "",
        summary=entry.addtl_ntry_inf or "",
        edi=" ".join(_at(one, "rmt_inf.ustrd") or []) or _at(one, "refs.end_to_end_id") or "",
    )


def _at(node: Any, path: str) -> Any:
    """Return what lies at a path of names; None where any part is missing, the first of a list."""
    for name in path.split("."):
        node = node[0] if isinstance(node, list) and node else node
        node = getattr(node, name, None)
    return node


def _code(node: Any) -> str:
    """Return a code, which is a choice of two fields in some versions and an enumeration in others."""
    inner = getattr(node, "cd", None) or getattr(node, "prtry", None) or node
    return str(getattr(inner, "value", inner))


def _yen(amount: Any, number: int) -> Yen:
    if amount.ccy != YEN_ONLY:
        raise broken_field(number, "currency", str(amount.ccy), YEN_ONLY)
    value: Decimal = amount.value
    if not value.is_finite() or value != value.to_integral_value() or abs(value) > YEN_MAX:
        raise broken_field(number, "amount", str(value), WHOLE_YEN)
    return Yen(int(value))


def _day(choice: Any) -> date | None:
    """Return the day in Japan of a choice between a day and a moment."""
    if choice is None:
        return None
    if getattr(choice, "dt", None) is not None:
        return date(choice.dt.year, choice.dt.month, choice.dt.day)
    moment: datetime | None = choice.dt_tm.to_datetime() if getattr(choice, "dt_tm", None) is not None else None
    return None if moment is None else _in_japan(moment)


def _in_japan(moment: datetime) -> date:
    return moment.date() if moment.tzinfo is None else moment.astimezone(JAPAN).date()


def _balance(balances: dict[str, Any], codes: tuple[str, ...]) -> Yen | None:
    found = next((balances[code] for code in codes if code in balances), None)
    if found is None:
        return None
    amount = _yen(found.amt, 1)
    return amount if _code(found.cdt_dbt_ind) == CREDIT else -amount


def _period(said: Any, balances: dict[str, Any], lines: tuple[BankLine, ...], received: date) -> tuple[date, date]:
    asked = getattr(said, "fr_to_dt", None)
    if asked is not None:
        return _in_japan(asked.fr_dt_tm.to_datetime()), _in_japan(asked.to_dt_tm.to_datetime())
    days = [each.booked_on for each in lines]
    days += [day for code in (*OPENING, *CLOSING) if code in balances and (day := _day(balances[code].dt))]
    return (min(days), max(days)) if days else (received, received)


def _account(said: Any) -> Account:
    bank = _at(said, "svcr.fin_instn_id")
    return Account(
        bank=_at(bank, "clr_sys_mmb_id.mmb_id") or _at(bank, "bicfi") or _at(bank, "bic") or "",
        branch=_at(said, "svcr.brnch_id.id") or "",
        kind=_code(said.tp) if said.tp is not None else "",
        number=said.id.iban or _at(said, "id.othr.id") or "",
        holder=_at(said, "ownr.nm") or said.nm or "",
    )


def _check_summary(said: Any, lines: tuple[BankLine, ...], record: int) -> None:
    """Raise BrokenSum where the message's own summary is not what its entries make."""
    if len(lines) != len(said.ntry):
        return  # The summary also counts what is not booked.
    for name, words, sign in (("ttl_cdt_ntries", "credits", 1), ("ttl_dbt_ntries", "debits", -1)):
        summary = _at(said, f"txs_summry.{name}")
        amounts = [abs(each.amount.amount) for each in lines if each.amount.amount * sign > 0]
        for found, field, expected in (
            (_at(summary, "nb_of_ntries"), f"count of {words}", len(amounts)),
            (_at(summary, "sum"), f"sum of {words}", sum(amounts)),
        ):
            if found is not None and Decimal(found) != expected:
                raise broken_sum(record, field, found=int(Decimal(found)), expected=expected)


FORMAT: Final = BankFormat(
    name="camt",
    title_ja="ISO 20022 camt.052/053/054(XML)",
    title_en="ISO 20022 camt.052/053/054 (XML)",
    suffixes=("xml",),
    begins=(b"<?xml", b"\xef\xbb\xbf<?xml", b"<Document"),
    read=read,
)
