"""What the page of contracts calls their parts, and what it says of a form that is wrong. English gettext messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciliation.provider_contracts import model

# What fields are called in problems; the form calls them the same.
BANK_DAYS_LATE: Final = "Bank days late that are tolerated"
DAYS_LATE: Final = "Days that a line may be dated later"
BANK_DAYS_AFTER: Final = "Bank days after the last line"
CLOSING_DAY: Final = "Closing day"
MONTHS_LATER: Final = "Months later"
PAYS_ON: Final = "Day of payment"
TOLERANCE: Final = "Yen that may differ"
FIXED: Final = "Fixed amount"
TAX_PERCENT: Final = "Tax in percent"
BELOW: Final = "Transfers below"
TRANSFER_FEE: Final = "Transfer fee"
FIELDS: Final = (
    *(BANK_DAYS_LATE, DAYS_LATE, BANK_DAYS_AFTER, CLOSING_DAY, MONTHS_LATER, PAYS_ON, TOLERANCE, FIXED, TAX_PERCENT),
    *(BELOW, TRANSFER_FEE),
)

ROUNDINGS: Final[Mapping[str, str]] = {
    "half_up": "rounded half up",
    "down": "rounded down",
    "up": "rounded up",
}
# The parts of a definition, as a version says which of them it changed.
PARTS: Final[Mapping[str, str]] = {
    "title": "Title",
    "provider": "Provider",
    "methods": "Ways to pay",
    "facilities": "Facilities",
    "pays": "How it pays out",
    "fees": "Fees",
    "transfer_fees": TRANSFER_FEE,
    "names": "Names of the sender",
    "account": "Account",
    "bank_days_late": BANK_DAYS_LATE,
    "days_late": DAYS_LATE,
    "together": "Word for shared transfers",
    "illustrative": "Example values",
    "note": "Note",
}

NAME_WRONG: Final = "The name has 3 to 40 small letters, digits and “_”, and begins with a letter."
NAME_TAKEN: Final = "There is a contract of this name. Open it and write a new version of it, or choose another name."
PROVIDER_WRONG: Final = "Write the provider as its lines name it: 3 to 40 small letters, digits and “_”."
TITLE_MISSING: Final = "Write what people call the contract, in at most 100 characters."
SINCE_WRONG: Final = "Choose the first day of payments that this version counts for."
METHODS_MISSING: Final = "Choose at least one way to pay."
METHOD_WRONG: Final = "“{method}” is no code of a way to pay: 3 to 40 small letters, digits and “_”."
NUMBER_WRONG: Final = "{field}: write a whole number from {low} to {high}."
NUMBER_WRONG_IN_ROW: Final = "{field}, row {row}: write a whole number from {low} to {high}."
PERCENT_WRONG: Final = "Fee, row {row}: write a percentage from 0 to 100 with at most two decimals, such as 3.24."
CLOSINGS_MISSING: Final = "Write at least one closing day, such as 31 for the end of the month."
TERMS_MISSING: Final = "Write at least one fee, or choose that none is agreed."
TERM_METHOD: Final = (
    "Fee, row {row}: the contract does not carry {method}. Tick it above, or choose another way to pay."
)
TRANSFER_FEE_MISSING: Final = "Transfer fee, row {row}: write what the transfer costs, 0 if nothing."
NAMES_WRONG: Final = "Write at most 20 names of the sender, one on each line, each of at most 100 characters."
TOGETHER_WRONG: Final = "The word for shared transfers has up to 40 small letters, digits and “_”."
TOO_LONG: Final = "“{found}…” is too long: write at most {most} characters."
CANNOT_BE: Final = "This contract cannot be: {problem}"
AMOUNT_WRONG: Final = "The preview's payment: choose a day, and a whole amount from 1 to 1,000,000,000 yen."
OVERTAKEN: Final = "Meanwhile somebody wrote version {version}. Compare it with yours, then save again."
# What the model says to programs, as the page says it.
RULES_BROKEN: Final[Mapping[str, str]] = {
    model.PAID_AFTER_ITS_END: "A period is paid after it ends: choose a later day of payment, or a later month.",
    model.CLOSINGS_IN_ORDER: "Each closing day is written once.",
    model.ONE_TERM_EACH: "Two fees are for the same way to pay and brand. Remove one of them.",
    model.TERMS_BY_BRAND: (
        "Lines do not tell the way to pay: where they do not state fees, fees are by brand only. "
        "Choose “any” as the way to pay in each row."
    ),
    model.ROUNDED_OVER_A_PAYOUT: (
        "A fee is rounded once for a payout only where the lines do not state it, all fees round alike, and none has a "
        "fixed amount."
    ),
    model.TRANSFER_FEES_RISE: (
        "Write transfer fees by rising amounts. The last row has no amount: it is of all larger transfers."
    ),
}
PROBLEMS: Final = (
    *(NAME_WRONG, NAME_TAKEN, PROVIDER_WRONG, TITLE_MISSING, SINCE_WRONG, METHODS_MISSING, METHOD_WRONG, NUMBER_WRONG),
    *(NUMBER_WRONG_IN_ROW, PERCENT_WRONG, CLOSINGS_MISSING, TERMS_MISSING, TERM_METHOD, TRANSFER_FEE_MISSING),
    *(NAMES_WRONG, TOGETHER_WRONG, TOO_LONG, CANNOT_BE, AMOUNT_WRONG, OVERTAKEN),
)


def words() -> list[str]:
    """Return every message of this module."""
    return [*FIELDS, *ROUNDINGS.values(), *PARTS.values(), *PROBLEMS, *RULES_BROKEN.values()]
