"""A contract with a provider as accounting writes it, version by version: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from kernel.refusals import Conflict, NotFound

NAME: Final = r"^[a-z][a-z0-9_]{2,39}$"
MONTH_END: Final = 31  # as a day of a month: its last one, whatever it is
YEN_MAX: Final = 1_000_000_000

# What keeps a definition from being one, beyond each of its fields; the page says it in the reader's language.
PAID_AFTER_ITS_END: Final = "a period is paid after it ends: choose a later day, or months_later"
CLOSINGS_IN_ORDER: Final = "closings are written in the order of their days, each day once"
ONE_TERM_EACH: Final = "there is one term for each method and brand"
TERMS_BY_BRAND: Final = "lines do not tell the method: where they do not state fees, the terms are by brand only"
ROUNDED_OVER_A_PAYOUT: Final = (
    "a fee is rounded over a payout only where the terms say it, all round alike, and none has a fixed amount"
)
TRANSFER_FEES_RISE: Final = "transfer fees are written by rising `below`, and the last has none"

Method = Annotated[str, StringConstraints(pattern=NAME)]
FacilityCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
DayOfMonth = Annotated[int, Field(ge=1, le=MONTH_END)]
Rounding = Literal["down", "half_up", "up"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Named(_Part):
    """The provider's own lines name the payout that they are in, and mostly the day on which it arrives.

    `bank_days_after`: where they do not say it, so many bank days after the last of them.
    """

    by: Literal["named"] = "named"
    bank_days_after: Annotated[int, Field(ge=0, le=30)] = 4


class Closing(_Part):
    """A day of each month after which a period ends, and when it is paid: so many months later on a day.

    A day that a month lacks is its last one; 31 is every month's last. One on which banks rest is moved.
    """

    day: DayOfMonth
    months_later: Annotated[int, Field(ge=0, le=12)]
    pays_on: DayOfMonth
    moved: Literal["next", "previous"] = "next"

    @model_validator(mode="after")
    def _later(self) -> Self:
        if self.months_later == 0 and self.pays_on <= self.day:
            raise ValueError(PAID_AFTER_ITS_END)
        return self


class Periods(_Part):
    """The contract itself says which days are paid out together."""

    by: Literal["periods"] = "periods"
    closings: Annotated[tuple[Closing, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        days = [each.day for each in self.closings]
        if days != sorted(set(days)):
            raise ValueError(CLOSINGS_IN_ORDER)
        return self


class FeeTerm(_Part):
    """What is kept of one payment: a part in basis points (3.24 % is 324) and a fixed amount, and tax on both.

    Of one method and one brand, or of any ("").
    """

    method: Method | Literal[""] = ""
    brand: Annotated[str, StringConstraints(max_length=40)] = ""
    basis_points: Annotated[int, Field(ge=0, le=10_000)]
    fixed: Annotated[int, Field(ge=0, le=YEN_MAX)] = 0
    rounding: Rounding = "half_up"
    tax_percent: Annotated[int, Field(ge=0, le=99)] = 0
    tax_rounding: Rounding = "half_up"


class Fees(_Part):
    """What the provider keeps, and how it is known.

    `known_by`: its lines state the fee of each (then a fee that differs is found), or they do not and the terms say
    it. `rounded`: each line, or the sum of a payout (only where the terms say it). `refunds`: whether a refund gives
    the fee back. `tolerance`: so many yen of difference are rounding.
    """

    known_by: Literal["lines", "terms"]
    terms: Annotated[tuple[FeeTerm, ...], Field(min_length=1, max_length=50)]
    rounded: Literal["line", "payout"] = "line"
    refunds: Literal["kept", "returned"] = "kept"
    tolerance: Annotated[int, Field(ge=0, le=100)] = 0

    @model_validator(mode="after")
    def _clear(self) -> Self:
        named = [(each.method, each.brand) for each in self.terms]
        if len(named) != len(set(named)):
            raise ValueError(ONE_TERM_EACH)
        if self.known_by == "terms" and any(each.method for each in self.terms):
            raise ValueError(TERMS_BY_BRAND)
        if self.rounded == "payout":
            shapes = {(each.rounding, each.tax_percent, each.tax_rounding) for each in self.terms}
            if self.known_by == "lines" or len(shapes) > 1 or any(each.fixed for each in self.terms):
                raise ValueError(ROUNDED_OVER_A_PAYOUT)
        return self


class TransferFee(_Part):
    """What a transfer of less than `below` costs us; without `below`, any transfer."""

    below: Annotated[int, Field(ge=1, le=YEN_MAX)] | None = None
    fee: Annotated[int, Field(ge=0, le=YEN_MAX)]


class Definition(_Part):
    """What is agreed. One contract is of one provider as its lines name it, and carries some methods.

    `facilities`: whose payments it is about; none: all. `names`: as the bank writes who sent the transfers, in kana.
    `account`: where they arrive, such as 0169-001-1-0001234567; empty: in any of ours. `bank_days_late`: so many bank
    days after its day a transfer may arrive. `days_late`: so many days after our own booking a line may be dated.
    `together`: contracts of the same word may be paid in one transfer. `illustrative`: made up, to be replaced.
    """

    title: Word
    provider: Annotated[str, StringConstraints(pattern=NAME)]
    methods: Annotated[tuple[Method, ...], Field(min_length=1, max_length=20)]
    facilities: Annotated[tuple[FacilityCode, ...], Field(max_length=200)] = ()
    pays: Annotated[Named | Periods, Field(discriminator="by")]
    fees: Fees | None = None
    transfer_fees: Annotated[tuple[TransferFee, ...], Field(max_length=10)] = ()
    names: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    account: Annotated[str, StringConstraints(max_length=60)] = ""
    bank_days_late: Annotated[int, Field(ge=0, le=20)] = 2
    days_late: Annotated[int, Field(ge=0, le=60)] = 2
    together: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,39})?$")] = ""
    illustrative: bool = False
    note: Annotated[str, StringConstraints(max_length=500)] = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.fees is not None:
            strange = {each.method for each in self.fees.terms if each.method} - set(self.methods)
            if strange:
                raise ValueError(f"the contract has fees for methods that it does not carry: {', '.join(strange)}")
        limits = [each.below for each in self.transfer_fees]
        ends = [each for each in limits[:-1] if each is not None]
        if limits and (limits[-1] is not None or len(ends) != len(limits) - 1 or ends != sorted(set(ends))):
            raise ValueError(TRANSFER_FEES_RISE)
        return self

    def carries(self, method: str, facility: str) -> bool:
        """Tell whether payments of a method at a facility are of this contract."""
        return method in self.methods and (not self.facilities or facility in self.facilities)


# What is taken of a provider that has no contract, or of one whose lines should name their payout and do not: that it
# pays by months, so that none of its lines is left out of sight.
BY_MONTHS: Final = Periods(closings=(Closing(day=MONTH_END, months_later=1, pays_on=MONTH_END),))
STAND_IN: Final = Definition(
    title="–", provider="without_contract", methods=("without_contract",), pays=BY_MONTHS, bank_days_late=5
)


@dataclass(frozen=True, slots=True)
class Contract:
    """One version of a contract: what counts for payments from `since` on."""

    name: str
    version: int
    since: date
    definition: Definition
    made_by: str
    made_at: datetime

    @property
    def provider(self) -> str:
        """The provider, as settlement lines name it."""
        return self.definition.provider


@dataclass(frozen=True, slots=True)
class Terms:
    """All versions of one contract, of which one counts on each day."""

    versions: tuple[Contract, ...]

    def __post_init__(self) -> None:
        if not self.versions:
            raise ValueError("A contract has at least one version.")

    @property
    def name(self) -> str:
        """The contract's name."""
        return self.versions[0].name

    @property
    def provider(self) -> str:
        """The provider, which no version changes."""
        return self.versions[0].provider

    def on(self, day: date) -> Contract:
        """Return what counts for a payment of a day: of the versions that have begun, the one that began last.

        Of several that began on one day the newest counts; what was before all of them is read by the first.
        """
        begun = [each for each in self.versions if each.since <= day]
        if not begun:
            return min(self.versions, key=lambda each: (each.since, -each.version))
        return max(begun, key=lambda each: (each.since, each.version))

    @property
    def newest(self) -> Contract:
        """What counts for payments that are still to come."""
        return self.on(date.max)


def by_provider(contracts: Sequence[Contract]) -> dict[str, Terms]:
    """Return the terms of each provider."""
    found: dict[str, list[Contract]] = {}
    for each in contracts:
        found.setdefault(each.provider, []).append(each)
    return {provider: Terms(tuple(versions)) for provider, versions in found.items()}


def require_no_overlap(name: str, wanted: Definition, others: Sequence[Terms]) -> None:
    """Raise ProviderTaken or PaymentsTaken where another contract is about the same lines or payments."""
    for other in others:
        theirs = other.newest.definition
        if other.name == name:
            if other.provider != wanted.provider:
                raise ProviderFixed(name=name, provider=other.provider)
            continue
        if other.provider == wanted.provider:
            raise ProviderTaken(provider=wanted.provider, other=other.name)
        shared = sorted(set(wanted.methods) & set(theirs.methods))
        apart = wanted.facilities and theirs.facilities and not set(wanted.facilities) & set(theirs.facilities)
        if shared and not apart:
            raise PaymentsTaken(method=shared[0], other=other.name)


class UnknownContract(NotFound):
    """Nobody made it."""

    slug = "unknown-contract"
    advice = "There is no contract {name}. There are: {known}."


class ProviderFixed(Conflict):
    """A contract is with one provider for ever."""

    slug = "contract-provider-fixed"
    advice = "The contract {name} is with {provider}. Make another contract for another provider."


class ProviderTaken(Conflict):
    """The lines of a provider belong to one contract."""

    slug = "contract-provider-taken"
    advice = (
        "The lines of {provider} belong to the contract {other}. Let the other merchant's files come by a column "
        "mapping with a provider's name of its own, and name that here."
    )


class PaymentsTaken(Conflict):
    """A payment belongs to one contract."""

    slug = "contract-payments-taken"
    advice = "Payments by {method} belong to the contract {other}. Let each of the two name its own facilities."
