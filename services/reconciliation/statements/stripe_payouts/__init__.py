"""What Stripe's payouts consist of: its report payout_reconciliation.itemized.5 as CSV (docs.stripe.com/reports).

An automatic payout is a closed batch: what the bank receives is the sum of its lines' `net`. The report must have been
made with the column payment_metadata[attempt], our own reference. Amounts are in major units, which for yen are yen.
"""

from __future__ import annotations

from typing import Final

from reconciliation.statements.columns import Column, Columns
from reconciliation.statements.model import SettlementFormat

COLUMNS: Final = Columns(
    provider="stripe",
    columns={
        "line": Column(("balance_transaction_id",)),
        "kind": Column(("reporting_category",)),
        "attempt": Column(("payment_metadata[attempt]",)),
        "key": Column(("payment_intent_id",)),
        "brand": Column(("card_brand",), optional=True),
        "gross": Column(("gross",)),
        "fee": Column(("fee",)),
        "net": Column(("net",)),
        "payout": Column(("automatic_payout_id",)),
        "arrives_on": Column(("automatic_payout_effective_at",), parse="moment_japan", optional=True),
        "occurred_on": Column(("created_utc",), parse="moment_utc"),
    },
    kinds={
        "charge": "charge",
        "refund": "refund",
        "refund_failure": "refund_failure",
        "partial_capture_reversal": "reversal",
        "dispute": "dispute",
        "dispute_reversal": "dispute_won",
        "fee": "fee",
        "tax": "fee",
        "network_cost": "fee",
        "payout": "payout",
        "payout_reversal": "payout",
    },
    otherwise="adjustment",  # Stripe adds categories; money of an unknown one is shown to a person, not lost.
    currency=Column(("currency",)),
)

FORMAT: Final = SettlementFormat(
    name="stripe_payouts",
    title_ja="Stripe 入金明細(CSV)",
    title_en="Stripe payout reconciliation (CSV)",
    suffixes=("csv",),
    columns=COLUMNS,
)
