"""The journal for freee's mapped import: one entry for each date and 伝票番号."""

from __future__ import annotations

from typing import Final

from reconciliation.exports.csv_text import csv_of, said
from reconciliation.exports.model import Format
from reconciliation.journal.canonical import Journal, Row, pairs, read
from reconciliation.reports.model import Text

SIDES: Final = ("勘定科目", "金額", "税額", "摘要")
COLUMNS: Final = (
    *("日付", "伝票番号", "決算整理仕訳"),
    *(f"借方{each}" for each in SIDES),
    *(f"貸方{each}" for each in SIDES),
)


def _side(row: Row | None) -> tuple[str, ...]:
    if row is None:
        return ("",) * len(SIDES)
    detail = " ".join(dict.fromkeys(each for each in (*row.words.split(" "), row.facility, row.party) if each))
    return said(row.account), str(row.posting.amount.amount), str(row.tax.amount), said(detail)


def write(journal: Journal) -> bytes:
    """Return the file, in UTF-8 with a byte order mark."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    for voucher in journal.vouchers:
        one = voucher[0].voucher
        begins = (one.booked_on.isoformat(), str(one.number), "1" if one.year.old else "")
        rows += [(*begins, *_side(debit), *_side(credit)) for debit, credit in pairs(voucher)]
    return csv_of(rows).encode("utf-8-sig")


FORMAT: Final = Format(
    "journal_freee",
    Text("仕訳データ(freee)", "Journal for freee"),
    "CSV (UTF-8)",
    "text/csv; charset=utf-8",
    "csv",
    read,
    write,
    everywhere=True,
)
