"""What a revenue account is: 会計, 款, 項, 目, 節, from a day on. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kernel.refusals import Conflict, NotFound

CODE_LENGTH_MAX: Final = 200
Regime = Literal["fee", "use_charge"]
"""Whose income it is: a fee of the authority (使用料), or a charge that the designated manager keeps (利用料金)."""

Level = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Meaning(BaseModel):
    """What a code means: fund (会計), part (款), chapter (項), item (目), section (節), and the regime."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fund: Level
    part: Level
    chapter: Level
    item: Level
    section: Level
    regime: Regime = "fee"
    illustrative: bool = Field(default=False, description="made up, to be replaced")

    @property
    def levels(self) -> tuple[str, str, str, str, str]:
        """The five levels, the widest first."""
        return self.fund, self.part, self.chapter, self.item, self.section


@dataclass(frozen=True, slots=True)
class RevenueAccount:
    """What a code means from a day on, until the next version of it begins."""

    code: str
    valid_from: date
    meaning: Meaning
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """All versions of all codes."""

    versions: tuple[RevenueAccount, ...]

    def on(self, code: str, day: date) -> RevenueAccount | None:
        """Return what a code means on a day; None where nobody has said it: then it is shown as it is."""
        begun = [each for each in self.versions if each.code == code and each.valid_from <= day]
        return max(begun, key=lambda each: each.valid_from, default=None)


def chart_of(versions: Iterable[RevenueAccount]) -> Chart:
    """Return versions as a chart."""
    return Chart(tuple(versions))


FindingKind = Literal["unknown", "too_late", "without_account"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A code that is booked on days on which nobody has said what it means; "" is revenue without an account."""

    kind: FindingKind
    code: str
    first_day: date
    vouchers: int


class UnknownRevenueAccount(NotFound):
    """Nobody has said what it means."""

    slug = "unknown-revenue-account"
    advice = "There is no revenue account {code}. Look at the list of revenue accounts."


class VersionTaken(Conflict):
    """One day, one meaning."""

    slug = "revenue-account-version-taken"
    advice = "{code} has another meaning from {day} on already. What was said stays; choose a later day."
