"""Accounts, vouchers and their chain: pure, and no voucher that does not balance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final, Literal, get_args
from uuid import UUID

from kernel.clock import fiscal_year
from kernel.money import ZERO, Yen, total
from kernel.refusals import Conflict, Invalid, NotFound

AccountCode = Literal[
    "visitor_receivable",
    "provider_receivable",
    "bank",
    "revenue",
    "refunds",
    "over_receipt",
    "fees",
    "fee_tax",
    "transfer_fees",
    "disputed",
    "suspense",
]
AccountKind = Literal["asset", "liability", "revenue", "contra_revenue", "expense"]
Side = Literal["debit", "credit"]
Kind = Literal[
    "assessment", "receipts", "refunds", "reversals", "disputes", "fees", "adjustments", "deposit", "reversal", "manual"
]
GENESIS: Final = bytes(32)  # what the first voucher follows
POSTINGS_MAX: Final = 5_000
SETTLEMENT_ENDS: Final = (5, 31)  # 出納閉鎖 (地方自治法235条の5)


@dataclass(frozen=True, slots=True)
class Account:
    """One account (勘定科目). `by_revenue`: its postings name whose revenue it is and by which account and tax rate."""

    code: AccountCode
    kind: AccountKind
    title_ja: str
    title_en: str
    by_revenue: bool = False

    @property
    def settles(self) -> bool:
        """Tell whether its balance is nothing once everything is settled."""
        return self.kind in {"asset", "liability"} and self.code != "bank"


ACCOUNTS: Final[dict[AccountCode, Account]] = {
    each.code: each
    for each in (
        Account("visitor_receivable", "asset", "収入未済(未収金)", "Due from visitors", by_revenue=True),
        Account("provider_receivable", "asset", "決済事業者未収金", "Due from providers"),
        Account("bank", "asset", "普通預金", "Bank"),
        Account("disputed", "asset", "係争中", "Contested payments"),
        Account("over_receipt", "liability", "過誤納金", "Over-receipts", by_revenue=True),
        Account("suspense", "liability", "仮受金", "Suspense"),
        Account("revenue", "revenue", "収入", "Revenue", by_revenue=True),
        Account("refunds", "contra_revenue", "還付(戻出)", "Refunds", by_revenue=True),
        Account("fees", "expense", "支払手数料", "Provider fees"),
        Account("fee_tax", "expense", "手数料に係る消費税", "Tax on provider fees"),
        Account("transfer_fees", "expense", "振込手数料", "Transfer fees"),
    )
}
assert set(ACCOUNTS) == set(get_args(AccountCode))  # noqa: S101 - the type and the table are one list


class UnbalancedError(ValueError):
    """Debits and credits of a voucher are not the same amount."""


@dataclass(frozen=True, slots=True, order=True)
class Posting:
    """One side of a voucher; its amount is positive."""

    side: Side
    account: AccountCode
    amount: Yen
    facility: str = ""
    revenue_owner: str = ""
    revenue_account: str = ""
    method: str = ""
    provider: str = ""
    tax_rate_percent: int = 0

    def __post_init__(self) -> None:
        if self.amount <= ZERO:
            raise ValueError(f"A posting of {self.amount} says nothing; one of a negative amount is on the other side.")
        if self.account not in ACCOUNTS or self.side not in {"debit", "credit"}:
            raise ValueError(f"{self.side} {self.account} is no side of an account.")

    @property
    def signed(self) -> Yen:
        """The amount as a debit: negative for a credit."""
        return self.amount if self.side == "debit" else -self.amount

    @property
    def mirrored(self) -> Posting:
        """The posting that undoes this one."""
        return replace(self, side="credit" if self.side == "debit" else "debit")


@dataclass(frozen=True, slots=True)
class Draft:
    """A voucher before it has its place in the chain. `belongs`: the fiscal year that its figures are of.

    Raises UnbalancedError, so that no code that holds a draft need ask.
    """

    kind: Kind
    origin: str
    business_date: date
    belongs: int
    postings: tuple[Posting, ...]
    words: str = ""
    reverses: int | None = None

    def __post_init__(self) -> None:
        debits, credits_ = (
            total(each.amount for each in self.postings if each.side == side) for side in get_args(Side)
        )
        if debits != credits_ or not self.postings:
            raise UnbalancedError(f"{self.origin}: debit {debits}, credit {credits_}.")
        if (self.kind == "reversal") != (self.reverses is not None):
            raise ValueError("A reversal, and nothing else, names the voucher that it reverses.")

    @property
    def amount(self) -> Yen:
        """What its debits come to."""
        return total(each.amount for each in self.postings if each.side == "debit")

    def same_as(self, other: Draft) -> bool:
        """Tell whether two say the same of the same origin; the order of postings says nothing."""
        mine, theirs = ((each.origin, each.business_date, each.belongs) for each in (self, other))
        return mine == theirs and sorted(self.postings) == sorted(other.postings)


@dataclass(frozen=True, slots=True)
class Year:
    """The fiscal year that a voucher is booked in. `old`: the year before, still open in 出納整理期間."""

    fiscal_year: int
    old: bool


def year_of(belongs: int, booked_on: date) -> Year:
    """Return the fiscal year in which something of a year is booked on a day.

    A fee without a notice is of the year of the day it was received (地方自治法施行令142条1項3号), which for a
    designated payment agent is the day the payment was entrusted to it. What is booked by 31 May for the year before
    is that year's still, refunds too (施行令165条の7); later it is the current year's (施行令165条の8).
    """
    current = fiscal_year(booked_on)
    ends = date(current, *SETTLEMENT_ENDS)
    if belongs == current - 1 and booked_on <= ends:
        return Year(belongs, old=True)
    return Year(current, old=False)


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher (伝票) in the chain. `hash` covers everything else, the hash of the voucher before it included."""

    number: int
    id: UUID
    draft: Draft
    booked_on: date
    year: Year
    posted_by: str
    posted_at: datetime
    previous_hash: bytes
    hash: bytes


def digest_of(voucher: Voucher) -> bytes:
    """Return the SHA-256 over a voucher's canonical encoding: JSON with sorted keys, without blanks, in UTF-8.

    Moments are in UTC with six decimals of a second; postings keep their places.
    """
    draft = voucher.draft
    said = {
        "number": voucher.number,
        "id": str(voucher.id),
        "kind": draft.kind,
        "origin": draft.origin,
        "booked_on": voucher.booked_on.isoformat(),
        "business_date": draft.business_date.isoformat(),
        "belongs": draft.belongs,
        "fiscal_year": voucher.year.fiscal_year,
        "old_year": voucher.year.old,
        "reverses": draft.reverses,
        "words": draft.words,
        "posted_by": voucher.posted_by,
        "posted_at": voucher.posted_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "previous_hash": voucher.previous_hash.hex(),
        "postings": [
            [
                each.side,
                each.account,
                each.amount.amount,
                each.facility,
                each.revenue_owner,
                each.revenue_account,
                each.method,
                each.provider,
                each.tax_rate_percent,
            ]
            for each in draft.postings
        ],
    }
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def seal(
    draft: Draft,
    *,
    number: int,
    id: UUID,  # noqa: A002 - the voucher's own word
    booked_on: date,
    by: str,
    at: datetime,
    previous_hash: bytes,
) -> Voucher:
    """Return a draft as the next voucher of the chain."""
    year = year_of(draft.belongs, booked_on)
    open_ = Voucher(number, id, draft, booked_on, year, by, at, previous_hash, b"")
    return replace(open_, hash=digest_of(open_))


def reversal_of(voucher: Voucher, *, words: str = "") -> Draft:
    """Return the draft that undoes a voucher, of the same day and year."""
    return Draft(
        kind="reversal",
        origin=voucher.draft.origin,
        business_date=voucher.draft.business_date,
        belongs=voucher.draft.belongs,
        postings=tuple(each.mirrored for each in voucher.draft.postings),
        words=words,
        reverses=voucher.number,
    )


def balances(postings: Iterable[Posting]) -> dict[AccountCode, Yen]:
    """Return the balance of every account that was posted to: debits less credits."""
    sums: dict[AccountCode, Yen] = {}
    for each in postings:
        sums[each.account] = sums.get(each.account, ZERO) + each.signed
    return sums


@dataclass(frozen=True, slots=True)
class Correction:
    """A voucher that is still to be booked: on a day, or on the first open day after it."""

    draft: Draft
    day: date


def corrections(said: Mapping[str, Draft], standing: Mapping[str, Voucher]) -> list[Correction]:
    """Return what must be booked so that the journal says what its sources say, by origin.

    What stands and is said no more is reversed; what is said otherwise is reversed and booked anew.
    """
    wanted = []
    for origin, voucher in sorted(standing.items()):
        now = said.get(origin)
        if now is None or not now.same_as(voucher.draft):
            wanted.append(Correction(reversal_of(voucher), voucher.booked_on))
    for origin, draft in sorted(said.items(), key=lambda each: (each[1].business_date, each[0])):
        before = standing.get(origin)
        if before is None or not draft.same_as(before.draft):
            wanted.append(Correction(draft, draft.business_date))
    return wanted


def manual(
    id: UUID,  # noqa: A002 - the voucher's own word
    postings: tuple[Posting, ...],
    *,
    day: date,
    old_year: bool,
    words: str,
) -> Draft:
    """Return a voucher that somebody enters by hand, for a reason.

    Raises VoucherUnbalanced, WordsMissing, or NoOldYear.
    """
    sums = {side: total(each.amount for each in postings if each.side == side) for side in get_args(Side)}
    if sums["debit"] != sums["credit"] or not postings:
        raise VoucherUnbalanced(debit=str(sums["debit"]), credit=str(sums["credit"]))
    if not words.strip():
        raise WordsMissing
    belongs = fiscal_year(day) - old_year
    if old_year and not year_of(belongs, day).old:
        raise NoOldYear(day=day.isoformat())
    return Draft("manual", f"manual:{id}", day, belongs, postings, words.strip())


class UnknownVoucher(NotFound):
    """There is no such voucher."""

    slug = "unknown-voucher"
    advice = "There is no voucher {number}. Look at the journal."


class VoucherUnbalanced(Invalid):
    """Debits and credits are not the same."""

    slug = "voucher-unbalanced"
    advice = "The debits come to {debit} and the credits to {credit}. Both must be the same amount."


class WordsMissing(Invalid):
    """A voucher by hand says why."""

    slug = "voucher-words-missing"
    advice = "Write down what this voucher is for; the next auditor will ask."


class NoOldYear(Invalid):
    """The books of the year before are closed."""

    slug = "no-old-year"
    advice = (
        "{day} is not in April or May: the books of the fiscal year before are closed. Book it in the current year."
    )


class BooksClosed(Conflict):
    """The day's books are closed."""

    slug = "books-closed"
    advice = "The books of {day} are closed. Book it on {open}, or have the day opened again."


class BooksNotBegun(Invalid):
    """Nothing is booked ahead of its day."""

    slug = "books-not-begun"
    advice = "{day} is still to come. Book it on {today} or before."


class VoucherReversed(Conflict):
    """Somebody was quicker, or it is itself a reversal."""

    slug = "voucher-reversed"
    advice = "Voucher {number} was reversed already, or reverses another one itself. Look at it again."


class VoucherFollowsFacts(Conflict):
    """What follows from facts would be booked again."""

    slug = "voucher-follows-facts"
    advice = (
        "Voucher {number} follows from facts and statements, and would be booked again within a minute. "
        "Correct what it was made from, or book the difference by hand."
    )
