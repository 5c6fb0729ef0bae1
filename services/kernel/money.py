"""Yen: the only money there is, an exact integer that mixes with nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

RATE_PERCENT_END = 100
YEN_MAX = 10**15  # Far above any public budget; a larger figure is a mistake, not money.


@dataclass(frozen=True, slots=True, order=True)
class Yen:
    """An exact amount of Japanese yen; may be negative, as in a refund.

    Raises TypeError for anything but an int (bool and float included), ValueError beyond ±10^15.
    """

    amount: int

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError(f"Yen takes a whole int, not {type(self.amount).__name__}.")
        if not -YEN_MAX <= self.amount <= YEN_MAX:
            raise ValueError(f"{self.amount} is beyond ±{YEN_MAX} yen; check where it came from.")

    def __add__(self, other: Self) -> Yen:
        return Yen(self.amount + other.amount) if isinstance(other, Yen) else NotImplemented

    def __sub__(self, other: Self) -> Yen:
        return Yen(self.amount - other.amount) if isinstance(other, Yen) else NotImplemented

    def __neg__(self) -> Yen:
        return Yen(-self.amount)

    def __mul__(self, times: int) -> Yen:
        return Yen(self.amount * times) if type(times) is int else NotImplemented

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return f"¥{self.amount:,}" if self.amount >= 0 else f"-¥{-self.amount:,}"


ZERO = Yen(0)


def total(amounts: Iterable[Yen]) -> Yen:
    """Add up amounts; no amounts make zero yen."""
    return Yen(sum(each.amount for each in amounts))


def tax_within(gross: Yen, rate_percent: int) -> Yen:
    """Return the consumption tax contained in a tax-inclusive amount, rounded down once.

    Call it once per rate per document, never per line: a qualified invoice (適格簡易請求書)
    allows one rounding per rate per document (消費税法施行令 70条の10).
    """
    if not 0 <= rate_percent < RATE_PERCENT_END:
        raise ValueError(f"{rate_percent} is not a tax rate in percent; 0, 8 and 10 are.")
    sign = -1 if gross.amount < 0 else 1
    return Yen(sign * (abs(gross.amount) * rate_percent // (100 + rate_percent)))
