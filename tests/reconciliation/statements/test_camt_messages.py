"""ISO 20022 statements: every version's shapes, booked entries only, and sums that must hold."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import Yen
from kernel.refusals import Refusal
from reconciliation import statements
from reconciliation.statements import camt

FOLDER = Path(statements.__path__[0]) / "camt" / "example"
STATEMENT = (FOLDER / "statement.xml").read_text(encoding="utf-8")
NOTIFICATION = (FOLDER / "notification.xml").read_text(encoding="utf-8")
RECEIVED = date(2026, 11, 24)


def read(text):
    return list(camt.read(text.encode(), received=RECEIVED))


def test_a_statement_has_its_account_its_balances_and_its_signs():
    [found] = read(STATEMENT)
    assert found.account.key == "0169-001-CACC-0001234567"
    assert (found.opening, found.closing, found.moved) == (Yen(1_000_000), Yen(1_095_960), Yen(95_960))
    came, went = found.lines
    assert (came.payer, came.bank, came.edi) == ("ストライプジヤパン(カ", "ミツイスミトモ", "12345")
    assert (went.amount, went.value_on, went.summary) == (Yen(-440), date(2026, 11, 24), "テスウリヨウ")


def test_a_notification_of_a_newer_version_is_a_notice_of_what_is_booked_on_japan_s_day():
    [found] = read(NOTIFICATION)
    assert (found.basis, found.opening, found.closing) == ("notice", None, None)
    [line] = found.lines
    assert (line.booked_on, line.amount, line.payer) == (date(2026, 11, 23), Yen(50_000), "PAYPAY CORPORATION")
    assert (line.kind, line.edi) == ("XBCT", "E2E-9")


@pytest.mark.parametrize("version", ["03", "04"])
def test_other_versions_say_the_same(version):
    newer = STATEMENT.replace("053.001.02", f"053.001.{version}")
    # From version 03 on each transaction of an entry has an amount of its own.
    newer = newer.replace("</Refs>", '</Refs><Amt Ccy="JPY">96400</Amt><CdtDbtInd>CRDT</CdtDbtInd>')
    assert read(newer) == read(STATEMENT)


def test_a_report_is_a_statement_too():
    report = STATEMENT.replace("camt.053", "camt.052").replace("BkToCstmrStmt", "BkToCstmrAcctRpt")
    report = report.replace("<Stmt>", "<Rpt>").replace("</Stmt>", "</Rpt>")
    assert read(report) == read(STATEMENT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STATEMENT.replace(">1095960<", ">1095961<"), "closing balance: the file says 1,095,961, its records make"),
        (STATEMENT.replace("<Sum>96400<", "<Sum>96401<"), "sum of credits: the file says 96,401"),
        (STATEMENT.replace("<NbOfNtries>1<", "<NbOfNtries>2<", 1), "count of credits: the file says 2"),
        (STATEMENT.replace('Ccy="JPY">440<', 'Ccy="EUR">440<'), "Record 2, currency: found “EUR”, expected JPY"),
        (STATEMENT.replace(">440<", ">440.50<"), "Record 2, amount: found “440.50”, expected a whole amount of yen"),
        (STATEMENT.replace("<BookgDt><Dt>2026-11-23</Dt></BookgDt>", ""), "Record 2, booking date: found “”"),
        (STATEMENT.replace("<Sts>BOOK</Sts>", "<Sts>OPEN</Sts>", 1), "expected a message as its schema says"),
        (STATEMENT.replace("<Ntry>", "<Entry>").replace("</Ntry>", "</Entry>"), "a message as its schema says"),
        (STATEMENT.replace("</Stmt>", ""), "a message as its schema says"),
        (STATEMENT.replace("camt.053.001.02", "camt.053.001.99"), "found camt.053.001.99"),
        (STATEMENT.replace("camt.053.001.02", "pain.001.001.03"), "another kind of file"),
        (STATEMENT.replace("<Document", '<!DOCTYPE x [<!ENTITY a "b">]><Document'), "another kind of file"),
        ("", "another kind of file"),
    ],
)
def test_a_broken_message_is_refused_whole(text, said):
    with pytest.raises(Refusal) as refused:
        read(text)
    assert said in refused.value.detail
    assert refused.value.detail.startswith("Nothing of this file was taken.")


ODD = ["", "-1", "abc", "9" * 40, "1e5", "漢", "2026-13-40", "NaN", "Infinity", "0x10", " "]


@given(text=st.sampled_from([STATEMENT, NOTIFICATION]), data=st.data())
def test_a_damaged_message_is_refused_or_read_and_nothing_else_happens(text, data):
    for _ in range(data.draw(st.integers(1, 3))):
        values = list(re.finditer(">([^<>]*)<", text))
        elements = list(re.finditer(r"<(\w+)[^>]*>[^<]*</\1>", text))
        match data.draw(st.sampled_from(["value", "element", "cut"])):
            case "value" if values:
                one = data.draw(st.sampled_from(values))
                text = text[: one.start(1)] + data.draw(st.sampled_from(ODD)) + text[one.end(1) :]
            case "element" if elements:
                one = data.draw(st.sampled_from(elements))
                text = text[: one.start()] + text[one.end() :]
            case _:
                at = data.draw(st.integers(0, len(text)))
                text = text[:at] + text[at + data.draw(st.integers(1, 40)) :]
    try:
        said = read(text)
    except Refusal as refused:
        said = refused.detail
    assert said is not None


def test_an_account_in_debt_has_a_negative_balance():
    debt = STATEMENT.replace(
        '<Amt Ccy="JPY">1000000</Amt><CdtDbtInd>CRDT', '<Amt Ccy="JPY">1000000</Amt><CdtDbtInd>DBIT'
    )
    debt = debt.replace('<Amt Ccy="JPY">1095960</Amt><CdtDbtInd>CRDT', '<Amt Ccy="JPY">904040</Amt><CdtDbtInd>DBIT')
    [found] = read(debt)
    assert (found.opening, found.closing) == (Yen(-1_000_000), Yen(-904_040))
