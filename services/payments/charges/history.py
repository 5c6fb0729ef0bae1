"""What a charge's history says, as sentences that a person reads; each line is a kind and its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel.money import Yen

# msgids: the pages translate them. {amount} is written by the reader's page, as money.
SENTENCES: Final[Mapping[str, str]] = {
    "opened": "Opened: {amount} by {method}.",
    "opened_for_choice": "Opened: {amount}; the payer chooses how to pay.",
    "chosen": "The payer chose {method}.",
    "tried_again": "The payer tries again by {method}.",
    "provider_away": "{method} was away; nothing was sent.",
    "open_unknown": "Sent to {method}; no answer came ({problem}). It is asked again.",
    "open_refused": "{method} refused to open it ({problem}).",
    "waiting": "Waiting for the payer at {method}.",
    "nobody_knows": "Nobody could say whether {method} was paid: a person must ask them.",
    "asked_again": "{actor} has {method} asked again.",
    "known_again": "{method} has answered at last.",
    "paid": "Paid: {amount} by {method}.",
    "unallocated": "Money without a place: {amount} by {method} ({cause}).",
    "taken_back": "The bank took {amount} by {method} back.",
    "refused": "{method} refused the payment ({reason}).",
    "attempt_over": "The time to pay by {method} ended.",
    "expired": "Expired: nobody paid in time.",
    "refund_requested": "A refund of {amount} was asked for ({reason}).",
    "refund_refused": "A refund of {amount} was refused ({reason}).",
    "refund_settled": "The refund of {amount} went back to the payer.",
    "refund_failed": "The refund of {amount} failed ({reason}).",
    "refund_limit": "The refund of {amount} failed: {method} takes no more refunds of this payment. Transfer the rest.",
    "refund_too_late": "The refund of {amount} failed: {method} takes this payment back no more. Transfer the money.",
    "refund_account_needed": "The refund of {amount} needs a bank account again.",
    "case_opened": "A case for a person: {case}, {amount}.",
    "case_closed": "The case is closed: {case} ({resolution}).",
    "case_closed_by_hand": "{actor} closed the case {case}: {words}",
    "case_given_back": "{actor} gives {amount} back ({case}).",
    "disputed": "The payer contests {amount} with their bank ({reason}).",
    "dispute_answered": "{actor} answered the payer's bank.",
    "dispute_won": "The bank decided for us: {amount} stays.",
    "dispute_lost": "The bank decided against us: {amount} is gone.",
}


def sentence(kind: str, fields: Mapping[str, object]) -> str:
    """Return a line in English, for logs of machines and for the JSON interface; pages translate SENTENCES."""
    if kind not in SENTENCES:  # written before kinds were kept
        return str(fields.get("words", kind))
    shown = {
        name: str(Yen(value)) if name == "amount" and isinstance(value, int) else value
        for name, value in fields.items()
    }
    return SENTENCES[kind].format(**shown)
