"""Stripe's report of a payout as CSV, made from what the sandbox says, as accounting would download it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import stripe

HEADINGS = (
    *("automatic_payout_id", "automatic_payout_effective_at_utc", "automatic_payout_effective_at"),
    *("balance_transaction_id", "created_utc", "created", "currency", "gross", "fee", "net", "reporting_category"),
    *("source_id", "payment_intent_id", "card_brand", "payment_metadata[attempt]"),
)


def report_of(sandbox_url, payout):
    """Return the report of a payout, an API object, newest line first and amounts with two decimals."""
    client = stripe.StripeClient("sk_test_momiji_sandbox", base_addresses={"api": f"{sandbox_url}/stripe"})
    entries = client.v1.balance_transactions.list(
        params={"payout": payout["id"], "limit": 100, "expand": ["data.source"]}
    )
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, HEADINGS, restval="")
    writer.writeheader()
    for each in entries.data:
        if each.type == "payout":
            continue
        intent = client.v1.payment_intents.retrieve(each.source.payment_intent)
        writer.writerow(
            {
                "automatic_payout_id": payout["id"],
                "automatic_payout_effective_at": f"{datetime.fromtimestamp(payout['arrival_date'], UTC):%F} 00:00:00",
                "balance_transaction_id": each.id,
                "created_utc": f"{datetime.fromtimestamp(each.created, UTC):%F %T}",
                "currency": "jpy",
                "gross": f"{each.amount}.00",
                "fee": f"{each.fee}.00",
                "net": f"{each.net}.00",
                "reporting_category": each.reporting_category,
                "source_id": each.source.id,
                "payment_intent_id": intent.id,
                "card_brand": "visa",
                "payment_metadata[attempt]": intent.metadata["attempt"],
            }
        )
    return out.getvalue().encode()
