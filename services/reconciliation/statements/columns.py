"""Which column of a table says what: the mapping by which any provider's CSV becomes settlement lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

LineKind = Literal[
    "charge",
    "refund",
    "refund_failure",
    "reversal",
    "dispute",
    "dispute_won",
    "fee",
    "transfer_fee",
    "adjustment",
    "payout",
]
"""What a provider says happened: money of a payer came (charge), went back (refund, reversal by a bank, dispute), or
came again (refund_failure, dispute_won); a fee of its own; what the bank took for a transfer (transfer_fee); anything
else (adjustment); the transfer to our bank.
"""

Parse = Literal["text", "yen", "day", "moment_utc", "moment_japan"]
FIELDS: Final[Mapping[str, Parse]] = {
    "line": "text",  # the provider's own id of the line: what makes it the same line in another file
    "kind": "text",
    "attempt": "text",  # our reference at the provider
    "key": "text",  # the provider's id of the payment
    "gross": "yen",
    "fee": "yen",
    "tax": "yen",
    "net": "yen",
    "payout": "text",
    "arrives_on": "day",
    "occurred_on": "day",
    "brand": "text",  # of a card, as the provider writes it: fees may differ by it
}
REQUIRED: Final = ("line", "gross", "occurred_on")
DAY_FORMATS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日")
MOMENT_FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y%m%d%H%M%S",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, or several that the same column has had, the newest first.

    `parse` None: as its field is; `negated`: the file writes what left us without a minus sign.
    """

    headings: tuple[str, ...]
    parse: Parse | None = None
    negated: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """Rows that say nothing about money: those with one of some words in a column."""

    column: Column
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Columns:
    """How one kind of file becomes settlement lines.

    `kinds` maps the file's own words to ours, and without a column for the kind `+` and `-`, the sign of the amount.
    A word that it lacks is `otherwise`; if that is None, the file is refused: a booking of a kind that nobody thought
    of is no detail. `currency` names the column that must say jpy. `sheet` is of a workbook; None: its first.
    """

    provider: str
    columns: Mapping[str, Column]
    kinds: Mapping[str, LineKind]
    otherwise: LineKind | None = None
    skips: tuple[Skip, ...] = ()
    currency: Column | None = None
    delimiter: str = ","
    sheet: str | None = None

    def __post_init__(self) -> None:
        unknown, missing = set(self.columns) - set(FIELDS), set(REQUIRED) - set(self.columns)
        if unknown or missing:
            raise ValueError(f"A mapping has columns for {', '.join(FIELDS)}; unknown {unknown}, missing {missing}.")
