"""What a payout is, and how it is closed: gross − fee − tax − transfer fee = net. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID, uuid5

from kernel.money import ZERO, Yen
from kernel.refusals import NotFound
from reconciliation.provider_contracts.fees import NOTHING, Kept, kept_of_payout, term_for, transfer_fee_of
from reconciliation.provider_contracts.model import BY_MONTHS, STAND_IN, Definition, FeeTerm, Named, Periods, Terms
from reconciliation.provider_contracts.schedule import (
    Period,
    arrival_of_named,
    last_day_of,
    period_of,
    period_paid_around,
)

FAMILY: Final = UUID("0e2f6f0a-8c1d-5d0b-9f3e-6b8f5f1c7a41")  # ids of payouts are made of what names them


@dataclass(frozen=True, slots=True)
class LineTerms:
    """How the lines of one provider, day and brand become payouts.

    `period`: the key of the payout that a line is in which names none; `paid`: of the one that the provider's own line
    of a transfer on that day is about. `term` is None where the contract says nothing about its fee, or where that
    depends on the method, which a line does not tell: then `by_method` has the term of each.
    """

    provider: str
    day: date
    brand: str
    contract: str
    period: str
    paid: str
    known_by: str
    rounded: str
    refunds: str
    tolerance: int
    term: FeeTerm | None
    by_method: Mapping[str, FeeTerm]


@dataclass(frozen=True, slots=True)
class Sums:
    """What lines add up to, of one payout. `exact_fee`: gross times basis points; `stated_net`: the provider's word.

    `lines_transfer_fee`: what lines say that the transfer cost; None: none of them says it.
    """

    provider: str
    contract: str
    key: str
    named: bool
    first_day: date
    last_day: date
    told_on: date | None
    lines: int
    gross: Yen
    lines_fee: Yen
    lines_tax: Yen
    exact_fee: int
    stated_net: Yen | None
    lines_transfer_fee: Yen | None = None

    def plus(self, more: Sums) -> Sums:
        """Return both together."""
        told = [each for each in (self.told_on, more.told_on) if each is not None]
        stated = [each.amount for each in (self.stated_net, more.stated_net) if each is not None]
        transfer = [each.amount for each in (self.lines_transfer_fee, more.lines_transfer_fee) if each is not None]
        return replace(
            self,
            named=self.named or more.named,
            first_day=min(self.first_day, more.first_day),
            last_day=max(self.last_day, more.last_day),
            told_on=max(told, default=None),
            lines=self.lines + more.lines,
            gross=self.gross + more.gross,
            lines_fee=self.lines_fee + more.lines_fee,
            lines_tax=self.lines_tax + more.lines_tax,
            exact_fee=self.exact_fee + more.exact_fee,
            stated_net=Yen(sum(stated)) if stated else None,
            lines_transfer_fee=Yen(sum(transfer)) if transfer else None,
        )


@dataclass(frozen=True, slots=True)
class Payout:
    """What a provider transfers at once: `net` is what its bank sends, `stated_net` what it says itself.

    `arrives_on` is the day on which it is due; once our bank's statements reach beyond `missed_after`, it is missed.
    """

    sums: Sums
    arrives_on: date
    missed_after: date
    account: str
    fee: Yen
    tax: Yen
    transfer_fee: Yen

    @property
    def id(self) -> UUID:
        """The id: the same for the same provider, contract and key, for ever."""
        return uuid5(FAMILY, f"{self.sums.provider}\x1f{self.sums.contract}\x1f{self.sums.key}")

    @property
    def net(self) -> Yen:
        """What arrives."""
        return self.sums.gross - self.fee - self.tax - self.transfer_fee


def line_terms(terms: Terms | None, provider: str, day: date, brand: str) -> LineTerms:
    """Return how the lines of a provider, day and brand become payouts."""
    contract, said = _agreed(terms, day)
    periods = _periods(said)
    fees = said.fees
    by_method = {} if fees is None else {each: term_for(fees, each, brand) for each in said.methods}
    several = len(set(by_method.values())) > 1
    return LineTerms(
        provider=provider,
        day=day,
        brand=brand,
        contract=contract,
        period=period_of(periods, day).key,
        paid=period_paid_around(periods, day).key,
        known_by="" if fees is None else fees.known_by,
        rounded="line" if fees is None else fees.rounded,
        refunds="kept" if fees is None else fees.refunds,
        tolerance=0 if fees is None else fees.tolerance,
        term=None if fees is None or several else next(iter(by_method.values())),
        by_method={method: term for method, term in by_method.items() if term is not None} if several else {},
    )


def close(sums: Sums, terms: Terms | None) -> Payout:
    """Return the payout of all its lines, closed by what the contract of its last day says."""
    period = None if sums.named else _period_named(sums.key)
    last = sums.last_day if period is None else period
    _, said = _agreed(terms, last)
    kept = _kept_of_whole(said, sums.exact_fee)
    fee, tax = sums.lines_fee + kept.fee, sums.lines_tax + kept.tax
    transfer = sums.lines_transfer_fee  # What lines say of it is what was taken; else the contract says it.
    arrives_on = sums.told_on or _arrival(said, last, named=sums.named)
    return Payout(
        sums=sums,
        arrives_on=arrives_on,
        missed_after=last_day_of(said, arrives_on),
        account=said.account,
        fee=fee,
        tax=tax,
        transfer_fee=transfer_fee_of(said, sums.gross - fee - tax) if transfer is None else transfer,
    )


def days_of(sums: Sums, terms: Terms | None) -> tuple[date, date]:
    """Return the first and the last day of a payout: of its period, or of the lines that name it."""
    if sums.named:
        return sums.first_day, sums.last_day
    last = _period_named(sums.key)
    found: Period = period_of(_periods(_agreed(terms, last)[1]), last)
    return min(found.first, sums.first_day), found.last


def together(sums: Iterable[Sums]) -> dict[tuple[str, str, str], Sums]:
    """Return sums by provider, contract and key, those of the same payout added up."""
    found: dict[tuple[str, str, str], Sums] = {}
    for each in sums:
        named = (each.provider, each.contract, each.key)
        found[named] = found[named].plus(each) if named in found else each
    return found


def _agreed(terms: Terms | None, day: date) -> tuple[str, Definition]:
    return ("", STAND_IN) if terms is None else (terms.name, terms.on(day).definition)


def _periods(said: Definition) -> Periods:
    return said.pays if isinstance(said.pays, Periods) else BY_MONTHS


def _period_named(key: str) -> date:
    return date.fromisoformat(key)


def _arrival(said: Definition, last: date, *, named: bool) -> date:
    if named and isinstance(said.pays, Named):
        return arrival_of_named(said.pays, last)
    return period_of(_periods(said), last).arrives_on


def _kept_of_whole(said: Definition, exact: int) -> Kept:
    if said.fees is None or said.fees.rounded == "line" or not exact:
        return NOTHING
    return kept_of_payout(said.fees.terms[0], exact)  # All of its terms round alike.


@dataclass(frozen=True, slots=True)
class PayoutKept:
    """A payout as it is kept, and whether a deposit explains it. `stated_net`: what the provider says, if it does."""

    id: UUID
    contract: str
    provider: str
    key: str
    arrives_on: date
    first_day: date
    last_day: date
    lines: int
    gross: Yen
    fee: Yen
    tax: Yen
    transfer_fee: Yen
    net: Yen
    stated_net: Yen | None
    account: str
    missed_after: date
    named: bool
    match_id: UUID | None

    @property
    def equal(self) -> bool:
        """Tell whether the provider's own word, if there is one, is what its lines make."""
        return self.stated_net is None or self.stated_net == self.net

    @property
    def awaited(self) -> bool:
        """Tell whether something is to come that has not."""
        return self.match_id is None and self.net != ZERO


@dataclass(frozen=True, slots=True)
class LineOfPayout:
    """One line of a payout, as its provider wrote it."""

    id: UUID
    kind: str
    reference: str
    key: str
    occurred_on: date
    gross: Yen
    fee: Yen
    tax: Yen
    net: Yen
    brand: str


class UnknownPayout(NotFound):
    """There is no such payout."""

    slug = "unknown-payout"
    advice = "There is no payout {id}. It may have been made anew by another contract; reload the list."
