"""Words for what records call by code. English gettext messages."""

ENTRY_KINDS = {
    "sold": "Sold",
    "captured": "Received",
    "unallocated": "Over-receipt",
    "set_aside": "Set aside: paid when it was over",
    "reversed": "Payment taken back",
    "refund_requested": "Refund asked for",
    "refunded": "Given back",
    "refund_failed": "Refund failed",
    "cancelled": "Order cancelled",
    "admitted": "Entered",
    "admission_reversed": "Entry undone",
    "voided": "Ticket voided",
    "disputed": "Contested",
    "dispute_lost": "Contest lost",
    "dispute_won": "Contest won",
}
RECORD_KINDS = {
    "entry": "Ledger entry",
    "voucher": "Voucher",
    "settlement_line": "Provider's line",
    "bank_line": "Bank line",
    "export": "Fetched file",
}
LINE_KINDS = {
    "charge": "Payment",
    "refund": "Refund",
    "refund_failure": "Refund that failed",
    "reversal": "Payment taken back",
    "dispute": "Contested payment",
    "dispute_won": "Contest won",
    "fee": "Fee",
    "transfer_fee": "Transfer fee",
    "adjustment": "Adjustment",
    "payout": "Payout",
}
VOUCHER_KINDS = {
    "assessment": "Assessment",
    "receipts": "Receipts",
    "refunds": "Refunds",
    "reversals": "Payments taken back",
    "disputes": "Contested payments",
    "fees": "Fees",
    "adjustments": "Adjustments",
    "deposit": "Deposit",
    "reversal": "Reversal",
    "manual": "Voucher by hand",
}
BASES = {"statement": "Account statement", "notice": "Credit notice"}
