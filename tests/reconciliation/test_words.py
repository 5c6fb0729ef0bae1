"""Every message of the accounting pages has its Japanese."""

import re
from pathlib import Path

from babel.messages.pofile import read_po

from reconciliation.board import cash_file as counted_cash
from reconciliation.board import pages as board_pages
from reconciliation.closing.display import STATES as CLOSING_STATES
from reconciliation.closing.missing import EXPLANATIONS as MISSING
from reconciliation.days.wording import FACTS, METHODS
from reconciliation.deposits import pages as desk
from reconciliation.discrepancies import wording
from reconciliation.drops import actions as drops
from reconciliation.journal.verifying import FAULTS
from reconciliation.journal.wording import RULE_WORDS
from reconciliation.lines import pages as line_pages
from reconciliation.mappings import wording as mapping_words
from reconciliation.provider_contracts import wording as contract_words
from reconciliation.records import wording as record_words
from reconciliation.reports import periods
from reconciliation.staff.places import PLACES
from reconciliation.statements import camt, tables, tabular, workbook, zengin_notice, zengin_records, zengin_statement
from reconciliation.statements import pages as statement_pages

RECORD_TABLES = (
    record_words.ENTRY_KINDS,
    record_words.RECORD_KINDS,
    record_words.LINE_KINDS,
    record_words.BASES,
    record_words.VOUCHER_KINDS,
)
SERVICES = Path(__file__).parents[2] / "services"
SERVICE = SERVICES / "reconciliation"
NAMED = wording.TABLES


def said_in_templates():
    for file in SERVICE.rglob("templates/*.html"):
        for match in re.finditer(r"""(?:\b_|\bngettext)\((?:"([^"]+)"|'([^']+)')""", file.read_text(encoding="utf-8")):
            yield match.group(1) or match.group(2)


def said_in_python():
    yield from (word for table in RECORD_TABLES for word in table.values())
    yield from periods.TITLES
    yield from (*RULE_WORDS.values(), *(sentence for pair in FAULTS.values() for sentence in pair))
    yield from (place.title for place in PLACES)
    yield from CLOSING_STATES.values()
    yield from (word for table in (METHODS, FACTS, *NAMED) for word in table.values())
    yield from (
        sentence
        for pair in (*wording.EXPLANATIONS.values(), *wording.GOING_OUT.values(), *MISSING.values())
        for sentence in pair
    )
    yield from (*board_pages.NUMBERS.values(), board_pages.PLAN)
    yield from (counted_cash.MONTH_WORDS, counted_cash.FACILITY_WORDS, counted_cash.NUMBER_WORDS)
    yield from (field.said for kind in (zengin_statement, zengin_notice) for each in kind.LAYOUTS for field in each)
    yield from (*mapping_words.words(), *contract_words.words())
    yield from (
        word for table in (desk.REASON_WORDS, desk.RULE_WORDS, desk.DONE, line_pages.RULES) for word in table.values()
    )
    yield from (*drops.NOTES, *statement_pages.SENDERS.values())
    yield from (*statement_pages.STAGES.values(), statement_pages.MATCHED)
    yield from (statement_pages.TAKEN, statement_pages.KNOWN, *camt.FIELDS, camt.YEN_ONLY, camt.A_DAY)
    yield from (*zengin_records.EXPECTATIONS, *tabular.EXPECTATIONS, *workbook.PROBLEMS, tables.AN_EMPTY_FILE)
    for file in SERVICE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        yield from re.findall(r'\b(?:Words|words)\("([^"]+)"', text)
        yield from re.findall(r'broken_field\([^()]*(?:\[[^]]*\][^()]*)*"([^"]+)"\)', text)
        for match in re.finditer(r'advice = (\(\s*(?:"[^"]*"\s*)+\)|"[^"]*")', file.read_text(encoding="utf-8")):
            yield "".join(re.findall(r'"([^"]*)"', match.group(1)))


def test_every_message_has_its_japanese():
    known = set()
    for file in (*SERVICE.rglob("words/ja.po"), SERVICES / "kernel" / "web" / "words" / "ja.po"):
        with file.open("rb") as opened:
            catalogue = read_po(opened, locale="ja")
        known |= {each.id if isinstance(each.id, str) else each.id[0] for each in catalogue if each.string}
    assert {*said_in_templates(), *said_in_python()} - known == set()
