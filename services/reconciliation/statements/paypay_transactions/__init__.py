"""PayPay's transaction list as its merchants download it (取引一覧, CSV): one row per payment or refund, no fees.

Refunds are negative. Numbers have 17 to 20 digits and stay text. 加盟店決済ID is our own reference. What PayPay pays
out, and its fee, comes by month and in a file whose columns are not public, for which a mapping is made.
"""

from __future__ import annotations

from typing import Final

from reconciliation.statements.columns import Column, Columns, Skip
from reconciliation.statements.model import SettlementFormat

COLUMNS: Final = Columns(
    provider="paypay",
    columns={
        "line": Column(("取引番号",)),
        "attempt": Column(("加盟店決済ID",)),
        "gross": Column(("取引金額",)),
        "occurred_on": Column(("取引日時",), parse="moment_japan"),
    },
    kinds={"+": "charge", "-": "refund"},
    skips=(Skip(Column(("取引ステータス",)), frozenset({"取引失敗", "取引受付完了", "取引キャンセル"})),),
)

FORMAT: Final = SettlementFormat(
    name="paypay_transactions",
    title_ja="PayPay 取引一覧(CSV)",
    title_en="PayPay transactions (CSV)",
    suffixes=("csv",),
    columns=COLUMNS,
)
