"""What payments' own words are called on pages of staff; every value is a msgid. A test holds them complete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATUSES: Final[Mapping[str, str]] = {
    "pending": "waits for the payer",
    "captured": "paid",
    "failed": "not paid",
    "expired": "expired",
    "reversed": "taken back",
    "unknown": "outcome unknown",
    "unallocated": "money without a place",
}
ATTEMPT_STATES: Final[Mapping[str, str]] = {
    "prepared": "not sent yet",
    "open": "waits for the payer",
    "captured": "paid",
    "declined": "refused",
    "expired": "expired",
    "unknown": "outcome unknown",
    "reversed": "taken back",
}
REFUND_STATES: Final[Mapping[str, str]] = {
    "requested": "to be sent",
    "needs_bank_account": "by bank transfer, not done yet",
    "sent": "at the provider",
    "settled": "given back",
    "failed": "failed",
}
KINDS: Final[Mapping[str, str]] = {
    "paid_twice": "Paid twice",
    "overpaid": "Too much was paid",
    "underpaid": "Too little was paid",
    "paid_too_late": "Paid when it was over",
    "outcome_unknown": "Outcome unknown",
    "refund_failed": "A refund failed",
    "reversed": "Taken back by a bank",
    "disputed": "Contested by the payer",
}
ADVICE: Final[Mapping[str, str]] = {
    "paid_twice": "The charge was paid already. Give this money back.",
    "overpaid": "More came than was due. Give the rest back.",
    "underpaid": "Less came than was due. Give it back; the payer pays again.",
    "paid_too_late": "The order was over when the money came. Give it back.",
    "outcome_unknown": "Nobody could say whether it was paid. Ask the provider again, or look on its own site.",
    "refund_failed": "The money is still here. Give it back again, or transfer it and close the case.",
    "reversed": "The bank took the payment back. Look whether the ticket was used, and close the case.",
    "disputed": "The payer's bank asks. Answer it with evidence before its deadline.",
}
CASE_STATES: Final[Mapping[str, str]] = {"open": "open", "refunding": "being given back", "closed": "closed"}
RESOLUTIONS: Final[Mapping[str, str]] = {
    "given_back": "given back",
    "completed": "the rest was paid",
    "outcome_known": "the provider has answered",
    "taken_back": "taken back by a bank",
    "dispute_closed": "the dispute is over",
    "by_hand": "by hand",
}
REASONS: Final[Mapping[str, str]] = {
    "insufficient_funds": "not enough money",
    "card_expired": "the card has expired",
    "card_details_wrong": "the card's details are wrong",
    "authentication_failed": "the payer could not be identified",
    "card_not_accepted": "this card is not accepted",
    "limit_reached": "a limit was reached",
    "try_again": "a moment's trouble",
    "declined": "declined",
}
# Why money goes back, and why it did not; anything else is shown as it was written.
REFUND_REASONS: Final[Mapping[str, str]] = {
    "visitor_cancelled": "the visitor cancelled",
    "staff_cancelled": "cancelled by staff",
    "closure": "the facility was closed",
    "paid_too_late": "paid when it was over",
    "paid_twice": "paid twice",
    "case": "a case of ours",
    "refused": "refused by the provider",
    "rejected": "rejected by staff",
    "refund-exceeds-payment": "more than was paid",
    "nothing-to-refund": "nothing was paid",
    "payment-contested": "contested by the payer",
}
CAUSES: Final[Mapping[str, str]] = {
    "paid_twice": "paid twice",
    "amount_differs": "another amount than was due",
    "paid_too_late": "paid when it was over",
}
OUTCOMES: Final[Mapping[str, str]] = {  # of a provider's message
    "Captured": "the charge was paid",
    "Unallocated": "money without a place",
    "Lessened": "the payment was taken back",
    "Disputed": "a payment was contested",
    "TakenBack": "the payment was taken back",
    "Failed": "the payment was refused",
    "Expired": "the time to pay ended",
    "Unchanged": "nothing new",
    "refund asked about": "a refund was asked about",
    "names nothing of ours": "names nothing of ours",
    "no such attempt": "names nothing of ours",
}
OPERATIONS: Final[Mapping[str, str]] = {
    "open": "Beginning a payment",
    "query": "Asking about a payment",
    "expire": "Ending a payment",
    "refund": "Sending a refund",
    "query_refund": "Asking about a refund",
}
TROUBLES: Final[Mapping[str, str]] = {
    "maintenance": "The provider says that it is in maintenance.",
    "rate_limited": "The provider asked for fewer calls.",
    "unreachable": "The provider cannot be reached.",
    "failing": "The provider's answers are faulty.",
}
# Values of a history line that are words of ours, by the name of the field; `reason` may be of a refusal or a refund.
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "case": KINDS,
    "resolution": RESOLUTIONS,
    "cause": CAUSES,
    "reason": {**REFUND_REASONS, **REASONS},
}
