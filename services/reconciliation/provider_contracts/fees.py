"""What a provider keeps by the terms of its contract: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from kernel.money import ZERO, Yen
from reconciliation.provider_contracts.model import Definition, Fees, FeeTerm, Rounding

BASIS: Final = 10_000
PERCENT: Final = 100
# Of other bookings (disputes, reversals by a bank, fees, adjustments) the terms say nothing.
KINDS_WITH_FEES: Final = ("charge", "refund")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of something: a fee, and the tax on it. Negative where it is given back."""

    fee: Yen
    tax: Yen

    @property
    def total(self) -> Yen:
        """Both together."""
        return self.fee + self.tax


NOTHING: Final = Kept(ZERO, ZERO)


def term_for(fees: Fees, method: str, brand: str) -> FeeTerm | None:
    """Return the term of a payment: of its method and brand, else of its method, else of its brand, else of any."""
    known = {(each.method, each.brand): each for each in fees.terms}
    for named in ((method, brand), (method, ""), ("", brand), ("", "")):
        if named in known:
            return known[named]
    return None


def kept_of(fees: Fees, term: FeeTerm, kind: str, gross: Yen) -> Kept:
    """Return what is kept of one line that is a charge or a refund; its gross is negative for a refund."""
    if kind not in KINDS_WITH_FEES or (kind == "refund" and fees.refunds == "kept"):
        return NOTHING
    sign = -1 if gross < ZERO else 1
    fee = rounded(abs(gross.amount) * term.basis_points, BASIS, term.rounding) + term.fixed
    tax = rounded(fee * term.tax_percent, PERCENT, term.tax_rounding)
    return Kept(Yen(sign * fee), Yen(sign * tax))


def kept_of_payout(term: FeeTerm, exact: int) -> Kept:
    """Return what is kept of a whole payout. `exact`: the sum of its lines' gross times basis points."""
    sign = -1 if exact < 0 else 1
    fee = rounded(abs(exact), BASIS, term.rounding)
    return Kept(Yen(sign * fee), Yen(sign * rounded(fee * term.tax_percent, PERCENT, term.tax_rounding)))


def rounded(number: int, parts: int, rounding: Rounding) -> int:
    """Return number / parts as a whole number; number is not negative."""
    match rounding:
        case "down":
            return number // parts
        case "half_up":
            return (2 * number + parts) // (2 * parts)
        case "up":
            return -(-number // parts)
        case _:
            assert_never(rounding)


def transfer_fee_of(definition: Definition, amount: Yen) -> Yen:
    """Return what it costs to have an amount transferred; what is nothing or less is not transferred."""
    if amount <= ZERO:
        return ZERO
    for each in definition.transfer_fees:
        if each.below is None or amount < Yen(each.below):
            return Yen(each.fee)
    return ZERO
