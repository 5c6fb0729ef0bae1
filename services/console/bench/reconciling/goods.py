"""What is sold in the made-up world, as often as in the real one: the facilities of the example data, rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Good:
    """One price of one facility; `weight`: how often it is sold among all."""

    weight: int
    facility: str
    product: str
    category: str
    price: int
    owner: str
    account: str


def _account(part: str) -> str:
    return f"一般会計・使用料及び手数料・使用料・{part}使用料・施設使用料"


GOODS: Final = (
    Good(14, "hpam", "collection", "adult", 510, "manager-hpam", _account("教育")),
    Good(5, "hpam", "collection", "university", 310, "manager-hpam", _account("教育")),
    Good(6, "hpam", "combo-shukkeien", "adult", 610, "manager-hpam", _account("教育")),
    Good(22, "shukkeien", "garden", "adult", 350, "manager-shukkeien", _account("土木")),
    Good(4, "shukkeien", "garden", "univ_hs", 150, "manager-shukkeien", _account("土木")),
    Good(6, "rekihaku", "permanent", "adult", 290, "hiroshima", _account("教育")),
    Good(3, "raisanyo", "permanent", "adult", 200, "hiroshima", _account("教育")),
    Good(3, "rekimin", "permanent", "adult", 200, "hiroshima", _account("教育")),
    Good(9, "greenarena", "pool", "adult", 620, "manager-greenarena", _account("教育")),
    Good(4, "greenarena", "pool", "child", 310, "manager-greenarena", _account("教育")),
    Good(6, "bingo", "pool", "adult", 620, "manager-bingo", _account("土木")),
    Good(5, "miyoshi", "pool", "adult", 620, "manager-miyoshi", _account("土木")),
    Good(3, "chuo", "sankeien", "adult", 300, "manager-chuo", _account("土木")),
    Good(3, "mominoki", "auto-site", "visitor", 4200, "manager-mominoki", _account("衛生")),
    Good(3, "kenminnomori", "lift-day", "adult", 3500, "manager-kenminnomori", _account("衛生")),
    Good(2, "kenminnohama", "bath", "adult", 620, "manager-kenminnohama", _account("衛生")),
    Good(4, "sera", "go-cart", "adult", 420, "manager-sera", _account("土木")),
    Good(2, "bunka", "kagura", "adult", 1200, "manager-bunka", _account("総務")),
)
