"""Words for kinds, states, steps and reasons: what each means and what to do. English gettext messages."""

from __future__ import annotations

from typing import Final, Literal

from reconciliation.discrepancies.evidence import LABELS, LINKS, TITLES
from reconciliation.discrepancies.handling import Cause, State, StepKind
from reconciliation.discrepancies.listing import AGE_DAYS, Sort
from reconciliation.discrepancies.model import Kind

Severity = Literal["urgent", "normal", "slight"]

KINDS: Final[dict[Kind, str]] = {
    "not_captured": "Sold, not paid",
    "not_sold": "Paid, not sold",
    "amounts_differ": "Amounts differ",
    "refund_outstanding": "Refund outstanding",
    "refund_failed": "Refund failed",
    "refunded_too_much": "Too much refunded",
    "unallocated": "Over-receipt",
    "admitted_though_void": "Entered with a void ticket",
    "admitted_without_order": "Entered, sale unknown",
    "changed_after_closing": "Changed after closing",
    "missing_here": "At the provider, not here",
    "paid_again_at_provider": "Twice at the provider",
    "missing_at_provider": "Here, not at the provider",
    "provider_amount_differs": "Provider has another amount",
    "booked_late": "Booked late by the provider",
    "fee_differs": "Fee is not as agreed",
    "payout_unequal": "Payout does not add up",
    "deposit_missing": "Transfer has not come",
    "deposit_differs": "Transfer of another amount",
    "unknown_deposit": "Deposit of unknown origin",
}

# What is wrong and what to do; {amount} is filled in.
EXPLANATIONS: Final[dict[Kind, tuple[str, str]]] = {
    "not_captured": (
        "Tickets for {amount} were sold, but no payment has come.",
        "Look the order up at the payment provider. If it was never paid, cancel the order in the office.",
    ),
    "not_sold": (
        "{amount} was paid, but there is no sale for it.",
        "Open the order in the office: confirm it, or give the money back.",
    ),
    "amounts_differ": (
        "The payment and the sale differ by {amount}.",
        "Compare the order with the provider's receipt, and give back or collect the difference.",
    ),
    "refund_outstanding": (
        "A refund of {amount} has been asked for and has not been made.",
        "Check the refund at the payment provider. If it is not there, start it again.",
    ),
    "refund_failed": (
        "The provider refused a refund of {amount}.",
        "Ask the visitor for another way, such as a bank transfer, and note it here.",
    ),
    "refunded_too_much": (
        "{amount} more was given back than had been paid.",
        "Check whether a refund was made twice, and claim the difference back.",
    ),
    "unallocated": (
        "{amount} came in that belongs to no order (over-receipt).",
        "Give it back to the payer, or allocate it to the right order.",
    ),
    "admitted_though_void": (
        "Somebody entered with a ticket that was cancelled or refunded.",
        "Check the times at the gate. If the entry was right, note the reason; if not, tell the facility.",
    ),
    "admitted_without_order": (
        "Somebody entered with a ticket whose sale is not known here.",
        "Wait for the events of the order; if they do not come, ask whoever runs the system.",
    ),
    "changed_after_closing": (
        "The day's figures have changed by {amount} since it was closed.",
        (
            "See what was written down since, and note why it came late. The journal books it on the first open day; "
            "if the day itself has to be put right, have its closing opened again."
        ),
    ),
    "missing_here": (
        "The provider's statement has {amount} that our books do not have.",
        (
            "Look the provider's reference up in the operations of payments. If the payment is ours, tell "
            "whoever runs the system that its event is missing; if it is not, ask the provider whose it is."
        ),
    ),
    "paid_again_at_provider": (
        "The provider's statement has {amount} once more than our books do.",
        (
            "Ask the provider whether the payer was charged twice. If so, have it given back; if only the line "
            "is there twice, have the statement corrected."
        ),
    ),
    "missing_at_provider": (
        "Our books have {amount} that the provider's statement lacks, though it covers the day.",
        "See whether a later statement has it. If not, show the provider our reference and ask for the money.",
    ),
    "provider_amount_differs": (
        "The provider's amount for the same payment differs from ours by {amount}.",
        (
            "Compare the line with the payment. If a part was captured or given back, have it booked; if the "
            "provider is wrong, have its statement corrected."
        ),
    ),
    "booked_late": (
        "The provider booked {amount} later than its contract allows.",
        "No money is missing. See in which payout it is, and take it up with the provider if it happens again.",
    ),
    "fee_differs": (
        "The provider's fee differs by {amount} from what its contract says.",
        (
            "Compare the line with the rates of the contract. If they have changed, enter the contract's new "
            "version; if not, claim the difference."
        ),
    ),
    "payout_unequal": (
        "The lines of a payout and the amount that the provider states for it differ by {amount}.",
        (
            "Look for a line that is missing or belongs to another payout, and send the provider's file of the "
            "period again."
        ),
    ),
    "deposit_missing": (
        "A payout of {amount} was due, and the bank's statement, which covers the day, does not have it.",
        (
            "See the bank's statements of the next days. If it is not there either, ask the provider for the "
            "day and the account of the transfer."
        ),
    ),
    "deposit_differs": (
        "What the bank received differs by {amount} from the payout.",
        (
            "Look for a transfer fee or a deduction that the contract does not name. If it is right, enter it "
            "in the contract; if not, claim it."
        ),
    ),
    "unknown_deposit": (
        "{amount} came to the bank, and no payout explains it.",
        (
            "See at the matching desk which payouts it may be. If it is none, find out who sent it; until then "
            "it is held in suspense."
        ),
    ),
}

# The same where the amount is below nothing: money that went out is not to be asked for.
GOING_OUT: Final[dict[Kind, tuple[str, str]]] = {
    "missing_here": (
        "The provider's statement has {amount} given or taken back that our books do not have.",
        (
            "Look the provider's reference up in the operations of payments, and find out who gave the money back: "
            "it may have been done by hand at the provider."
        ),
    ),
    "missing_at_provider": (
        "Our books have {amount} given or taken back that the provider's statement lacks, though it covers the day.",
        (
            "See whether a later statement has it. If not, look the refund up at the provider: it may not have been "
            "made, and the payer still waits for it."
        ),
    ),
}

# What is settled by matching, and so at the matching desk.
AT_THE_DESK: Final[frozenset[Kind]] = frozenset({"deposit_missing", "deposit_differs", "unknown_deposit"})

SEVERITIES: Final[dict[Kind, Severity]] = {
    "not_captured": "urgent",
    "not_sold": "urgent",
    "amounts_differ": "normal",
    "refund_outstanding": "normal",
    "refund_failed": "urgent",
    "refunded_too_much": "urgent",
    "unallocated": "normal",
    "admitted_though_void": "slight",
    "admitted_without_order": "slight",
    "changed_after_closing": "normal",
    "missing_here": "urgent",
    "paid_again_at_provider": "urgent",
    "missing_at_provider": "urgent",
    "provider_amount_differs": "normal",
    "booked_late": "slight",
    "fee_differs": "normal",
    "payout_unequal": "normal",
    "deposit_missing": "urgent",
    "deposit_differs": "normal",
    "unknown_deposit": "normal",
}
SEVERITY_WORDS: Final[dict[Severity, str]] = {"urgent": "Urgent", "normal": "Soon", "slight": "When there is time"}

STATES: Final[dict[State, str]] = {
    "open": "Open",
    "proposed": "Waits for approval",
    "resolved": "Resolved",
    "vanished": "Agrees by itself",
}

STEPS: Final[dict[StepKind, str]] = {
    "raised": "It was found",
    "changed": "Its amount changed",
    "assigned": "It was given to somebody",
    "commented": "A comment",
    "proposed": "A resolution was proposed",
    "approved": "The proposal was approved",
    "declined": "The proposal was declined",
    "resolved": "It was resolved",
    "reopened": "It is open again",
    "vanished": "It agrees by itself",
}

CAUSES: Final[dict[Cause, str]] = {
    "late": "It came later, or on another day",
    "outside": "Settled outside of this system",
    "given_back": "Given back to the payer",
    "collected": "Collected from the payer",
    "provider": "The provider's mistake, corrected there",
    "bank": "The bank's mistake, corrected there",
    "ours": "Our mistake, corrected",
    "in_order": "Looked at, and in order",
    "written_off": "The difference is accepted",
    "other": "Another reason",
}

SORTS: Final[dict[Sort, str]] = {
    "age": "The oldest first",
    "newest": "The newest first",
    "amount": "The largest amount first",
}
AGES: Final = ("Under a week", "1 to 4 weeks", "1 to 3 months", "Over 3 months")  # the groups of listing.AGE_DAYS
assert len(AGES) == len(AGE_DAYS) + 1  # noqa: S101 - each group has its name

TABLES: Final = (KINDS, STATES, STEPS, CAUSES, SEVERITY_WORDS, SORTS, LABELS, TITLES, LINKS, dict(enumerate(AGES)))
