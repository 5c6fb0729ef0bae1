"""Which fact books what: from figures of a day to vouchers, pure (docs/journal.md has the same table in words)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

from kernel.clock import fiscal_year
from kernel.money import ZERO, Yen
from reconciliation.journal.model import ACCOUNTS, AccountCode, Draft, Kind, Posting

Rule = Literal[
    "sold",
    "unsold",
    "captured",
    "unallocated",
    "set_aside",
    "refunded",
    "refunded_by_us",
    "surplus_refunded",
    "surplus_refunded_by_us",
    "reversed",
    "surplus_reversed",
    "disputed",
    "dispute_won",
    "dispute_lost",
    "fee",
    "fee_tax",
    "line_transfer_fee",
    "adjustment",
    "deposited",
    "transfer_fee",
    "payout_fee",
    "payout_fee_tax",
    "deposit_differs",
    "unknown_deposit",
]


class Books(NamedTuple):
    """What a rule books: into which kind of voucher, on which accounts. A negative figure changes the sides."""

    kind: Kind
    debit: AccountCode
    credit: AccountCode


RULES: Final[dict[Rule, Books]] = {
    # 調定: what is due is assessed gross, whatever a provider keeps of it.
    "sold": Books("assessment", "visitor_receivable", "revenue"),
    # A bank took the payment back and nobody owes it any more: the order is cancelled, or another system's.
    "unsold": Books("assessment", "revenue", "visitor_receivable"),
    # 収納: with a designated payment agent the visitor has paid when the payment is entrusted to it.
    "captured": Books("receipts", "provider_receivable", "visitor_receivable"),
    "unallocated": Books("receipts", "provider_receivable", "over_receipt"),
    # Captured for an order that was over.
    "set_aside": Books("receipts", "visitor_receivable", "over_receipt"),
    "refunded": Books("refunds", "refunds", "provider_receivable"),
    "refunded_by_us": Books("refunds", "refunds", "bank"),
    "surplus_refunded": Books("refunds", "over_receipt", "provider_receivable"),
    "surplus_refunded_by_us": Books("refunds", "over_receipt", "bank"),
    "reversed": Books("reversals", "visitor_receivable", "provider_receivable"),
    "surplus_reversed": Books("reversals", "over_receipt", "provider_receivable"),
    # A provider takes contested money back at once.
    "disputed": Books("disputes", "disputed", "provider_receivable"),
    "dispute_won": Books("disputes", "provider_receivable", "disputed"),
    "dispute_lost": Books("disputes", "refunds", "disputed"),
    "fee": Books("fees", "fees", "provider_receivable"),
    "fee_tax": Books("fees", "fee_tax", "provider_receivable"),
    # What a line says that the transfer cost, on the line's day; what only the contract says comes with the deposit.
    "line_transfer_fee": Books("fees", "transfer_fees", "provider_receivable"),
    # What a provider adds or takes for a reason that only it knows.
    "adjustment": Books("adjustments", "provider_receivable", "suspense"),
    "deposited": Books("deposit", "bank", "provider_receivable"),
    "transfer_fee": Books("deposit", "transfer_fees", "provider_receivable"),
    # What is kept of a payout as a whole, beside what is known line by line.
    "payout_fee": Books("deposit", "fees", "provider_receivable"),
    "payout_fee_tax": Books("deposit", "fee_tax", "provider_receivable"),
    # Of what came over what was due.
    "deposit_differs": Books("deposit", "bank", "suspense"),
    "unknown_deposit": Books("deposit", "bank", "suspense"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A sum out of the ledger, a statement or a bank, of one day and one place, that one rule books.

    `place`: the facility, for fees the provider, for a deposit its id. `belongs`: the fiscal year that it is of.
    """

    rule: Rule
    day: date
    place: str
    belongs: int
    amount: Yen
    facility: str = ""
    revenue_owner: str = ""
    revenue_account: str = ""
    method: str = ""
    provider: str = ""
    tax_rate_percent: int = 0
    words: str = ""

    @property
    def origin(self) -> str:
        """What the voucher of this figure is made from; the same for ever."""
        kind = RULES[self.rule].kind
        if kind == "deposit":
            return f"{kind}:{self.place}"
        year = "" if self.belongs == fiscal_year(self.day) else f":{self.belongs}"
        return f"{kind}:{self.day.isoformat()}:{self.place}{year}"


def drafts_of(figures: Iterable[Figure]) -> dict[str, Draft]:
    """Return the voucher of every origin; figures that come to nothing make none."""
    by_origin: dict[str, list[Figure]] = {}
    for each in figures:
        by_origin.setdefault(each.origin, []).append(each)
    drafts = {}
    for origin, theirs in by_origin.items():
        postings = _postings(theirs)
        if postings:
            one = theirs[0]
            drafts[origin] = Draft(RULES[one.rule].kind, origin, one.day, one.belongs, postings, one.words)
    return drafts


def _postings(figures: Iterable[Figure]) -> tuple[Posting, ...]:
    """Return the postings of one voucher: one for each side of an account and what is said with it.

    The sides of one rule are netted before they are put together with another's, so that 調定 and its reduction, both
    of one day, are both to be seen.
    """
    by_rule: dict[tuple[Rule, Posting], Yen] = {}
    for each in figures:
        books = RULES[each.rule]
        for place in (_place("debit", books.debit, each), _place("credit", books.credit, each)):
            by_rule[each.rule, place] = by_rule.get((each.rule, place), ZERO) + each.amount
    sums: dict[Posting, Yen] = {}
    for (_rule, place), amount in by_rule.items():
        if amount:
            where = place if amount > ZERO else place.mirrored
            sums[where] = sums.get(where, ZERO) + (amount if amount > ZERO else -amount)
    made = [_of_amount(place, amount) for place, amount in sums.items()]
    return tuple(sorted(made, key=lambda each: (each.side == "credit", _PLACES[each.account], each)))


_PLACES: Final = {code: place for place, code in enumerate(ACCOUNTS)}
_ONE: Final = Yen(1)


def _place(side: Literal["debit", "credit"], account: AccountCode, figure: Figure) -> Posting:
    """Return a posting of one yen: what a figure says of one side, as far as the account keeps it."""
    revenue = ACCOUNTS[account].by_revenue
    return Posting(
        side,
        account,
        _ONE,
        facility=figure.facility,
        revenue_owner=figure.revenue_owner if revenue or account in BY_OWNER else "",
        revenue_account=figure.revenue_account if revenue else "",
        method=figure.method,
        provider=figure.provider,
        tax_rate_percent=figure.tax_rate_percent if revenue else 0,
    )


# A designated manager bears the fees of its own takings.
BY_OWNER: Final = frozenset({"fees", "fee_tax"})


def _of_amount(place: Posting, amount: Yen) -> Posting:
    return Posting(
        place.side,
        place.account,
        amount,
        place.facility,
        place.revenue_owner,
        place.revenue_account,
        place.method,
        place.provider,
        place.tax_rate_percent,
    )
