"""Writes our bank's statements of the made-up world: 全銀 files of kind 03, each going on from the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

from console.bench.reconciling.papers import Paper, periods
from console.bench.reconciling.plan import Plan
from console.bench.reconciling.settling import Transfer
from kernel.money import Yen
from reconciliation.statements.zengin_statement import CREDIT, DEBIT, Booklet, Entry, Header, write

OPENING: Final = 1_000_000
ACCOUNT: Final = "0169-001-1-0001234567"
_EMPTY: Final = Entry(
    reference="",
    booked=date.min,
    value=None,
    direction=CREDIT,
    transaction="11",
    amount=Yen(0),
    paper=None,
    clearing=None,
    dishonour=None,
    bill_kind="",
    bill_number="",
    teller="",
    payer_code="",
    payer="",
    sending_bank="",
    sending_branch="",
    summary="",
    edi="",
)


def write_statements(
    world: duckdb.DuckDBPyConnection, plan: Plan, transfers: Sequence[Transfer], folder: Path, *, months: int
) -> list[Paper]:
    """Write the bank's files, of so many months each; `bank_places` keeps which record is which transfer."""
    world.execute("CREATE OR REPLACE TABLE bank_places (file VARCHAR, record INTEGER, transfer INTEGER)")
    found, opening = [], Yen(OPENING)
    for first, last in periods(plan, months):
        booked = [(number, each) for number, each in enumerate(transfers) if first <= each.booked_on <= last]
        booklet = Booklet(_header(first, last, opening), tuple(_entry(*each) for each in booked))
        path = folder / f"bank-{first:%Y%m%d}-{last:%Y%m%d}.dat"
        path.write_bytes(write([booklet]))
        places = [(path.name, record, number) for record, (number, _) in enumerate(booked, start=2)]
        if places:
            world.executemany("INSERT INTO bank_places VALUES (?, ?, ?)", places)
        found.append(Paper(path, "zengin_statement"))
        opening = booklet.closing
    return found


def _header(first: date, last: date, opening: Yen) -> Header:
    bank, branch, deposit, number = ACCOUNT.split("-")
    return Header(
        created=last,
        first=first,
        last=last,
        bank=bank,
        bank_name="ﾋﾛｼﾏ",
        branch=branch,
        branch_name="ﾎﾝﾃﾝ",
        deposit=deposit,
        number=number,
        holder="ﾋﾛｼﾏｹﾝｶｲｹｲｶﾝﾘｼﾔ",
        passbook="1",
        opening=opening,
    )


def _entry(number: int, each: Transfer) -> Entry:
    return replace(
        _EMPTY,
        reference=f"{number + 1:08}",
        booked=each.booked_on,
        direction=CREDIT if each.amount > 0 else DEBIT,
        transaction=each.kind,
        amount=Yen(abs(each.amount)),
        payer=each.payer,
        sending_bank="ﾐﾂﾋﾞｼ" if each.payer else "",
        sending_branch="ﾎﾝﾃﾝ" if each.payer else "",
        summary="ｹﾂｻﾝﾘｿｸ" if each.kind == "18" else "",
    )
