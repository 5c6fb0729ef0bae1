"""What a contract means for a payment, said by the same code that makes payouts and finds fees: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from kernel.money import ZERO, Yen
from reconciliation.payouts.model import Sums, close, days_of, line_terms
from reconciliation.provider_contracts.fees import BASIS, NOTHING, Kept, kept_of, term_for
from reconciliation.provider_contracts.model import Contract, FeeTerm, Periods, Terms
from reconciliation.provider_contracts.schedule import last_day_of, period_of

PERIODS_SHOWN: Final = 4
EXAMPLE_KEY: Final = "example"  # of a payout that the provider's lines name


@dataclass(frozen=True, slots=True)
class Example:
    """One payment of a method and brand, alone in its payout. `kept` None: no fee is agreed for it."""

    method: str
    brand: str
    kept: Kept | None
    returned: Kept


@dataclass(frozen=True, slots=True)
class Due:
    """A payout to come: of which days, when it arrives, and after which day it is late. `first` None: they say it."""

    first: date | None
    last: date
    arrives_on: date
    late_after: date


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a payment of a day means. `transfer_fee`, `arrives`: of a payout that is this one payment by `method`."""

    contract: Contract
    day: date
    amount: Yen
    examples: tuple[Example, ...]
    dues: tuple[Due, ...]
    alone: Example
    transfer_fee: Yen
    arrives: Yen


def outlook(terms: Terms, day: date, amount: Yen) -> Outlook:
    """Return what a payment of a day and an amount means by the version that counts then."""
    counting = terms.on(day)
    examples = _examples(counting, amount)
    alone = examples[0]
    sums = _alone(terms, day, amount, alone)
    payout = close(sums, terms)
    first, _ = days_of(sums, terms)
    due = Due(None if sums.named else first, _last(sums), payout.arrives_on, payout.missed_after)
    return Outlook(
        contract=counting,
        day=day,
        amount=amount,
        examples=examples,
        dues=(due, *_later(terms, due)),
        alone=alone,
        transfer_fee=payout.transfer_fee,
        arrives=payout.net,
    )


def _last(sums: Sums) -> date:
    return sums.last_day if sums.named else date.fromisoformat(sums.key)


def _examples(contract: Contract, amount: Yen) -> tuple[Example, ...]:
    """Return a payment of each method, and of each brand that has a fee of its own."""
    said = contract.definition
    brands = ("",) if said.fees is None else tuple(dict.fromkeys(("", *(each.brand for each in said.fees.terms))))
    found = []
    for method in said.methods:
        for brand in brands:
            term = term_for(said.fees, method, brand) if said.fees else None
            if brand and (term is None or term.brand != brand):
                continue  # The brand has no fee of its own with this method.
            kept = kept_of(said.fees, term, "charge", amount) if said.fees and term else None
            back = kept_of(said.fees, term, "refund", -amount) if said.fees and term else NOTHING
            found.append(Example(method, brand, kept, back))
    return tuple(found)


def _alone(terms: Terms, day: date, amount: Yen, example: Example) -> Sums:
    """Return the sums of a payout of this payment alone, as payouts are summed."""
    said = terms.on(day).definition
    named = not isinstance(said.pays, Periods)
    kept = example.kept or NOTHING
    over_all = said.fees is not None and said.fees.rounded == "payout"
    term = term_for(said.fees, example.method, example.brand) if said.fees else None
    sums = Sums(
        provider=terms.provider,
        contract=terms.name,
        key=EXAMPLE_KEY if named else line_terms(terms, terms.provider, day, example.brand).period,
        named=named,
        first_day=day,
        last_day=day,
        told_on=None,
        lines=1,
        gross=amount,
        lines_fee=kept.fee,
        lines_tax=kept.tax,
        exact_fee=0,
        stated_net=None,
    )
    if not over_all or term is None:
        return sums
    return replace(sums, lines_fee=ZERO, lines_tax=ZERO, exact_fee=amount.amount * term.basis_points)


def _later(terms: Terms, due: Due) -> list[Due]:
    """Return the periods after one, each by the version that counts then; none where lines name their payout."""
    found: list[Due] = []
    day = due.last + timedelta(days=1)
    while due.first is not None and len(found) < PERIODS_SHOWN - 1:
        said = terms.on(day).definition
        if not isinstance(said.pays, Periods):
            break
        period = period_of(said.pays, day)
        found.append(Due(max(period.first, day), period.last, period.arrives_on, last_day_of(said, period.arrives_on)))
        day = period.last + timedelta(days=1)
    return found


def percent_of(term: FeeTerm) -> str:
    """Return the rate of a term in percent, as people write it: 3.24, 2.5, 3."""
    whole, rest = divmod(term.basis_points, BASIS // 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
