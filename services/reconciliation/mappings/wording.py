"""What the fields, kinds and ways of reading of a mapping are called by people: messages, said in their language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Each field's name, and what it is for.
FIELD_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "line": ("Number of the row", "The provider's own number, by which the row is known again in another file."),
    "occurred_on": ("Day of the payment", "When the payment or refund was made."),
    "kind": ("Kind", "The word that says what happened. Without such a column the sign of the amount says it."),
    "gross": ("Amount", "What the payer paid, before fees; refunds are negative."),
    "attempt": ("Our own number", "The number that Momiji gave the payment. Rows are matched by it."),
    "key": ("Provider's number of the payment", "Helps people to find the payment at the provider."),
    "fee": ("Fee", "Without tax. Positive where it is kept from us."),
    "tax": ("Tax on the fee", "Positive where it is kept from us."),
    "net": ("Net amount", "Each row is checked: amount − fee − tax = net amount."),
    "payout": ("Number of the payout", "The transfer to our bank account that the row is part of."),
    "arrives_on": ("Day of the payout", "When the transfer is due."),
    "brand": ("Card brand", "Fees may differ by it."),
}
KIND_NAMES: Final[Mapping[str, str]] = {
    "charge": "Payment",
    "refund": "Refund",
    "refund_failure": "Refund that came back",
    "reversal": "Payment taken back by a bank",
    "dispute": "Disputed payment",
    "dispute_won": "Dispute won",
    "fee": "Fee",
    "transfer_fee": "Transfer fee",
    "adjustment": "Other",
    "payout": "Transfer to our account",
}
PARSE_NAMES: Final[Mapping[str, str]] = {
    "day": "A day",
    "moment_japan": "Day and time in Japan",
    "moment_utc": "Day and time in UTC",
}
SIGN_NAMES: Final[Mapping[str, str]] = {"+": "The amount is positive", "-": "The amount is negative"}
DELIMITER_NAMES: Final[Mapping[str, str]] = {",": "Comma", ";": "Semicolon", "\t": "Tab"}

NAME_WRONG: Final = "The name has 3 to 40 small letters, digits and “_”, and begins with a letter."
NAME_TAKEN: Final = "A format of Momiji itself has this name. Choose another one."
TITLE_MISSING: Final = "Write how people call this file, in at most 100 characters."
PROVIDER_WRONG: Final = "Write the provider as its contract names it: 3 to 40 small letters, digits and “_”."
COLUMN_MISSING: Final = "Choose the column for “{field}”."
KINDS_MISSING: Final = "Say at least of one word what it means."
NOT_READ_YET: Final = "The example is not read without errors yet. Look at the preview."
CANNOT_BE: Final = "This mapping cannot be: {problem}"
PROBLEMS: Final = (
    *(NAME_WRONG, NAME_TAKEN, TITLE_MISSING, PROVIDER_WRONG, COLUMN_MISSING, KINDS_MISSING, NOT_READ_YET, CANNOT_BE),
)
SAVED: Final = "Saved as version {version}."
UNCHANGED: Final = "Nothing changed; version {version} stays."


def words() -> list[str]:
    """Return every message of this module."""
    pairs = [each for pair in FIELD_NAMES.values() for each in pair]
    tables = (KIND_NAMES, PARSE_NAMES, SIGN_NAMES, DELIMITER_NAMES)
    return [*pairs, *(word for table in tables for word in table.values()), *PROBLEMS, SAVED, UNCHANGED]
