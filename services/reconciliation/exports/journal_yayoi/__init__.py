"""The journal for 弥生: 25 columns in CP932 without a heading; a voucher of several rows is a split entry."""

from __future__ import annotations

from typing import Final

from reconciliation.exports.csv_text import csv_of, in_cp932, said
from reconciliation.exports.model import Format
from reconciliation.journal.canonical import Journal, Row, pairs, read
from reconciliation.reports.model import Text

SIDES: Final = ("勘定科目", "補助科目", "部門", "税区分", "金額", "税金額")
COLUMNS: Final = (
    *("識別フラグ", "伝票No", "決算", "取引日付"),
    *(f"借方{each}" for each in SIDES),
    *(f"貸方{each}" for each in SIDES),
    *("摘要", "番号", "期日", "タイプ", "生成元", "仕訳メモ", "付箋1", "付箋2", "調整"),
)
NUMBERS: Final = 1_000_000  # a 伝票No has six digits
OUTSIDE: Final = "対象外"


def tax_class(row: Row) -> str:
    """Return the 税区分 of a row: revenue and what is given back of it are taxed within the amount."""
    rate = row.posting.tax_rate_percent
    if row.posting.account not in {"revenue", "refunds"} or not rate:
        return OUTSIDE
    kind = "課税売上込" if row.posting.account == "revenue" else "課税売返込"
    return f"{kind}{'軽減' if rate == 8 else ''}{rate}%"  # noqa: PLR2004 - the reduced rate


def _side(row: Row | None) -> tuple[str, ...]:
    if row is None:
        return "", "", "", OUTSIDE, "0", "0"
    return (
        said(row.account),
        said(row.party),
        said(row.facility),
        tax_class(row),
        str(row.posting.amount.amount),
        str(row.tax.amount),
    )


def _flag(place: int, count: int) -> str:
    if count == 1:
        return "2000"
    return "2110" if place == 0 else "2101" if place == count - 1 else "2100"


def write(journal: Journal) -> bytes:
    """Return the file; raise Unmappable for a character that CP932 lacks."""
    rows = []
    for voucher in journal.vouchers:
        found = pairs(voucher)
        one = voucher[0]
        for place, (debit, credit) in enumerate(found):
            rows.append(
                [
                    _flag(place, len(found)),
                    str(one.voucher.number % NUMBERS),
                    "本決" if one.voucher.year.old else "",
                    one.day.strftime("%Y/%m/%d"),
                    *_side(debit),
                    *_side(credit),
                    said(one.words),
                    "",
                    "",
                    "0" if len(found) == 1 else "3",
                    "",
                    said(one.voucher.draft.origin),
                    "0",
                    "0",
                    "no",
                ]
            )
    return csv_of(in_cp932(rows, COLUMNS)).encode("cp932")


FORMAT: Final = Format(
    "journal_yayoi",
    Text("仕訳データ(弥生)", "Journal for 弥生"),
    "CSV (Shift_JIS)",
    "text/csv; charset=Shift_JIS",
    "csv",
    read,
    write,
    everywhere=True,
)
