"""The journal for Money Forward クラウド会計: rows of one 取引No are one entry."""

from __future__ import annotations

from typing import Final

from reconciliation.exports.csv_text import csv_of, said
from reconciliation.exports.journal_yayoi import OUTSIDE, tax_class
from reconciliation.exports.model import Format
from reconciliation.journal.canonical import Journal, Row, pairs, read
from reconciliation.reports.model import Text

SIDES: Final = ("勘定科目", "補助科目", "部門", "取引先", "税区分", "インボイス", "金額(円)", "税額")
COLUMNS: Final = (
    *("取引No", "取引日"),
    *(f"借方{each}" for each in SIDES),
    *(f"貸方{each}" for each in SIDES),
    *("摘要", "仕訳メモ", "タグ", "MF仕訳タイプ", "決算整理仕訳"),
)
_TAX: Final = {
    "課税売上込10%": "課税売上 10%",
    "課税売上込軽減8%": "課税売上 (軽)8%",
    "課税売返込10%": "課税売上返還 10%",
    "課税売返込軽減8%": "課税売上返還 (軽)8%",
    OUTSIDE: "対象外",
}


def _side(row: Row | None) -> tuple[str, ...]:
    if row is None:
        return ("",) * len(SIDES)
    tax = tax_class(row)
    return (
        said(row.account),
        said(row.revenue[-1]),
        said(row.facility),
        said(row.party),
        _TAX.get(tax, tax),
        "",
        str(row.posting.amount.amount),
        str(row.tax.amount),
    )


def write(journal: Journal) -> bytes:
    """Return the file, in UTF-8 with a byte order mark."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    for voucher in journal.vouchers:
        one = voucher[0]
        rows += [
            (
                str(one.voucher.number),
                one.day.strftime("%Y/%m/%d"),
                *_side(debit),
                *_side(credit),
                said(one.words),
                said(one.voucher.draft.origin),
                "",
                "",
                "1" if one.voucher.year.old else "",
            )
            for debit, credit in pairs(voucher)
        ]
    return csv_of(rows).encode("utf-8-sig")


FORMAT: Final = Format(
    "journal_money_forward",
    Text("仕訳データ(マネーフォワード)", "Journal for Money Forward"),
    "CSV (UTF-8)",
    "text/csv; charset=utf-8",
    "csv",
    read,
    write,
    everywhere=True,
)
