"""What a new version of a contract makes of a provider's payouts: before and after, side by side. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from kernel.money import Yen


@dataclass(frozen=True, slots=True)
class PayoutSeen:
    """A payout as it is at one moment."""

    id: UUID
    key: str
    arrives_on: date
    late_after: date
    kept: Yen
    net: Yen
    matched: bool


@dataclass(frozen=True, slots=True)
class Remade:
    """Payouts that are another by a change, that came by it, and that are no more; `same`: how many stayed."""

    changed: tuple[tuple[PayoutSeen, PayoutSeen], ...] = ()
    came: tuple[PayoutSeen, ...] = ()
    gone: tuple[PayoutSeen, ...] = ()
    same: int = 0

    @property
    def any(self) -> bool:
        """Tell whether anything is another."""
        return bool(self.changed or self.came or self.gone)

    @property
    def unmatched(self) -> int:
        """How many payouts lose the deposit that explained them."""
        return sum(old.matched and not new.matched for old, new in self.changed) + sum(
            each.matched for each in self.gone
        )


def compare(before: Mapping[UUID, PayoutSeen], after: Mapping[UUID, PayoutSeen]) -> Remade:
    """Return what is another after a change, by the day on which it arrives."""
    both = [(before[each], after[each]) for each in before if each in after]
    changed = [pair for pair in both if pair[0] != pair[1]]
    return Remade(
        changed=tuple(sorted(changed, key=lambda pair: (pair[1].arrives_on, pair[1].key))),
        came=tuple(sorted((after[each] for each in after if each not in before), key=_place)),
        gone=tuple(sorted((before[each] for each in before if each not in after), key=_place)),
        same=len(both) - len(changed),
    )


def _place(payout: PayoutSeen) -> tuple[date, str]:
    return payout.arrives_on, payout.key
