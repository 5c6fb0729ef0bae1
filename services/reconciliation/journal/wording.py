"""The words of the journal's pages; gettext messages."""

RULE_WORDS = {
    "sold": "Sold",
    "unsold": "Sale ended",
    "captured": "Received",
    "unallocated": "Over-receipt",
    "set_aside": "Set aside: paid when it was over",
    "refunded": "Given back",
    "refunded_by_us": "Given back from our account",
    "surplus_refunded": "Surplus given back",
    "surplus_refunded_by_us": "Surplus given back from our account",
    "reversed": "Taken back",
    "surplus_reversed": "Surplus taken back",
    "disputed": "Contested",
    "dispute_won": "Contest won",
    "dispute_lost": "Contest lost",
    "fee": "Fee",
    "fee_tax": "Tax on a fee",
    "line_transfer_fee": "Transfer fee",
    "adjustment": "Adjustment",
}
