"""Money due and money that came; what no line has told yet is estimated by its contract. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Literal
from uuid import UUID

from kernel.money import ZERO, Yen, total
from reconciliation.provider_contracts.fees import BASIS, PERCENT, rounded, term_for, transfer_fee_of
from reconciliation.provider_contracts.model import Contract, Definition, Named, Terms
from reconciliation.provider_contracts.schedule import Period, arrival_of_named, last_day_of, period_of

State = Literal["came", "differs", "expected", "late"]
CHARGE, REFUND = "charge", "refund"
WEEK_DAYS: Final = 7
RANGE_DAYS_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class OpenClaims:
    """What we claim of one day, method and facility that no line of a provider has told yet."""

    day: date
    method: str
    facility: str
    kind: str
    count: int
    amount: Yen


@dataclass(frozen=True, slots=True)
class Arrived:
    """How a payout came: the match, when, how much over what was due, and with how many payouts together."""

    match_id: UUID
    day: date
    amount: Yen
    difference: Yen
    payouts: int


@dataclass(frozen=True, slots=True)
class Item:
    """One transfer that is due: a payout that lines tell of, or (`estimated`) one that claims will become.

    `kept`: fees, tax and the transfer fee; net = gross − kept. Late from the day after `missed_after`.
    """

    provider: str
    contract: str
    arrives_on: date
    missed_after: date
    first_day: date
    last_day: date
    count: int
    gross: Yen
    kept: Yen
    payout_id: UUID | None = None
    arrived: Arrived | None = None

    @property
    def net(self) -> Yen:
        """What the bank is to receive."""
        return self.gross - self.kept

    @property
    def estimated(self) -> bool:
        """Tell whether no line has told of it yet."""
        return self.payout_id is None

    def state(self, today: date) -> State:
        """How it stands; what is not due at all has come."""
        if self.arrived is not None:
            return "differs" if self.arrived.difference else "came"
        if self.net == ZERO:
            return "came"
        return "late" if not self.estimated and self.missed_after < today else "expected"


@dataclass(frozen=True, slots=True)
class Deposit:
    """A transfer that came. `provider`: of the payouts that it is, '' where nothing explains it."""

    id: UUID
    day: date
    amount: Yen
    payer: str
    account: str
    provider: str
    match_id: UUID | None


@dataclass(frozen=True, slots=True)
class Sums:
    """What was due of payouts, what is due by estimate, and what came."""

    told: Yen = ZERO
    estimated: Yen = ZERO
    came: Yen = ZERO

    @property
    def due(self) -> Yen:
        """Both together."""
        return self.told + self.estimated


@dataclass(frozen=True, slots=True)
class Flow:
    """A range of days. `without_contract`: what is claimed by methods of which nobody knows when they are paid.

    `illustrative`: whose contract is only an example, so that the estimates are no better.
    """

    first: date
    last: date
    items: tuple[Item, ...]
    deposits: tuple[Deposit, ...]
    without_contract: tuple[tuple[str, Yen], ...]
    illustrative: tuple[str, ...] = ()

    @property
    def explained(self) -> tuple[Deposit, ...]:
        """The deposits that are payouts."""
        return tuple(each for each in self.deposits if each.match_id is not None)

    @property
    def unknown(self) -> tuple[Deposit, ...]:
        """The deposits that nothing explains."""
        return tuple(each for each in self.deposits if each.match_id is None)

    def sums(self, first: date, last: date, provider: str | None = None) -> Sums:
        """Add up days, of a provider or of all."""
        items = [
            each
            for each in self.items
            if first <= each.arrives_on <= last and (provider is None or each.provider == provider)
        ]
        return Sums(
            told=total(each.net for each in items if not each.estimated),
            estimated=total(each.net for each in items if each.estimated),
            came=total(
                each.amount
                for each in self.explained
                if first <= each.day <= last and (provider is None or each.provider == provider)
            ),
        )

    @property
    def providers(self) -> list[str]:
        """Everybody who owes or paid."""
        return sorted({each.provider for each in self.items} | {each.provider for each in self.explained})

    def late(self, today: date) -> tuple[Item, ...]:
        """Return what should have come and has not."""
        return tuple(each for each in self.items if each.state(today) == "late")


def weeks_of(first: date, last: date) -> list[tuple[date, date]]:
    """Return the weeks from Sunday to Saturday that hold a range, cut off at its ends."""
    found, begin = [], first
    while begin <= last:
        end = min(last, begin + timedelta(days=(WEEK_DAYS - 2 - begin.weekday()) % WEEK_DAYS))
        found.append((begin, end))
        begin = end + timedelta(days=1)
    return found


def expected_of(
    claims: Iterable[OpenClaims], terms: Mapping[str, Terms], reach: Mapping[str, date]
) -> tuple[list[Item], list[tuple[str, Yen]]]:
    """Return which transfers claims will become by their contracts, and what is claimed without one, by method.

    A claim that its provider's statements should have told of by now is a discrepancy, and no money due.
    """
    found: dict[tuple[str, date, date], Item] = {}
    without: dict[str, Yen] = {}
    definitions: dict[tuple[str, date, date], Definition] = {}
    for each in claims:
        contract = _contract_of(each, terms)
        if contract is None:
            without[each.method] = without.get(each.method, ZERO) + each.amount
            continue
        said = contract.definition
        until = reach.get(contract.provider)
        if until is not None and each.day + timedelta(days=said.days_late) < until:
            continue
        period = _period(said, each.day)
        key = (contract.provider, period.arrives_on, period.last)
        before = found.get(key) or Item(
            contract.provider,
            contract.name,
            period.arrives_on,
            last_day_of(said, period.arrives_on),
            period.first,
            period.last,
            0,
            ZERO,
            ZERO,
        )
        found[key] = replace(
            before,
            count=before.count + each.count,
            gross=before.gross + each.amount,
            kept=before.kept + estimate(said, each),
        )
        definitions[key] = said
    items = [replace(each, kept=each.kept + transfer_fee_of(definitions[key], each.net)) for key, each in found.items()]
    return items, sorted((method, amount) for method, amount in without.items() if amount)


def _contract_of(claimed: OpenClaims, terms: Mapping[str, Terms]) -> Contract | None:
    for each in terms.values():
        contract = each.on(claimed.day)
        if contract.definition.carries(claimed.method, claimed.facility):
            return contract
    return None


def _period(said: Definition, day: date) -> Period:
    if isinstance(said.pays, Named):
        return Period(day, day, arrival_of_named(said.pays, day))
    return period_of(said.pays, day)


def estimate(said: Definition, claimed: OpenClaims) -> Yen:
    """Return about what will be kept of claims: of their sum, as if it were rounded once; cards of no known brand."""
    if said.fees is None or claimed.kind not in {CHARGE, REFUND}:
        return ZERO
    term = term_for(said.fees, claimed.method, "")
    if term is None or (claimed.kind == REFUND and said.fees.refunds == "kept"):
        return ZERO
    fee = rounded(abs(claimed.amount.amount) * term.basis_points, BASIS, term.rounding) + term.fixed * claimed.count
    kept = fee + rounded(fee * term.tax_percent, PERCENT, term.tax_rounding)
    return Yen(kept if claimed.amount >= ZERO else -kept)


def in_order(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return items by day, those that are told before those that are estimated."""
    return tuple(sorted(items, key=lambda each: (each.arrives_on, each.estimated, each.provider, str(each.payout_id))))
