"""What a facility is: its names, opening rules, gates, categories, products and prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Literal

from kernel.money import Yen

MAIN_POOL = "main"
ALL_DAY = time(0, 0)

OnHoliday = Literal["closed", "open", "moved"]
MonthDay = tuple[int, int]
YearlyPeriod = tuple[MonthDay, MonthDay]


def falls_in(period: YearlyPeriod, day: date) -> bool:
    """Tell whether a day is between two days of the year, both included; a period may run over New Year."""
    first, last = period
    at = (day.month, day.day)
    return first <= at <= last if first <= last else at >= first or at <= last


@dataclass(frozen=True, slots=True)
class Words:
    """One text in Japanese and in English."""

    ja: str
    en: str

    def of(self, language: str) -> str:
        """Return the text for a language tag; English for all but Japanese."""
        return self.ja if language == "ja" else self.en


@dataclass(frozen=True, slots=True)
class Authority:
    """A public body that facilities belong to."""

    code: str
    name: Words


@dataclass(frozen=True, slots=True)
class Category:
    """Who a ticket is for. `number` (1 to 255) is what ticket codes carry."""

    code: str
    number: int
    name: Words
    proof: Words | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """Yen for one person of one category, with the visits it is good for.

    `weekdays` are 0 (Monday) to 6; `on_holidays` adds national holidays to them. `from_time` is the
    start from which a slot has this price; `quantity_min` the party size from which it is given.
    """

    category: str
    amount: Yen
    valid_from: date
    valid_until: date | None = None
    weekdays: frozenset[int] = frozenset(range(7))
    on_holidays: bool = False
    from_time: time | None = None
    quantity_min: int = 1
    illustrative: bool = False
    source: str = ""

    def applies(self, visit: Visit, quantity: int) -> bool:
        """Tell whether the price is good for a visit of a party of so many."""
        in_time = self.valid_from <= visit.day and (self.valid_until is None or visit.day <= self.valid_until)
        on_day = visit.day.weekday() in self.weekdays or (self.on_holidays and visit.holiday)
        at_hour = self.from_time is None or (visit.slot is not None and visit.slot >= self.from_time)
        return in_time and on_day and at_hour and quantity >= self.quantity_min

    def specificity(self) -> tuple[bool, int, time, int, date, int]:
        """Return by what a price goes before others: its window, days, hour, party, newness; then the cheaper one."""
        return (
            self.valid_until is not None,
            -len(self.weekdays),
            self.from_time or ALL_DAY,
            self.quantity_min,
            self.valid_from,
            -self.amount.amount,
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """When somebody comes: a day, whether it is a national holiday, and the slot if there is one."""

    day: date
    holiday: bool = False
    slot: time | None = None


@dataclass(frozen=True, slots=True)
class RevenueOwner:
    """Whose money a fee is. `kind` is 'prefecture' or 'designated_manager'."""

    code: str
    name: Words
    kind: str
    registration_number: str | None = None


@dataclass(frozen=True, slots=True)
class SlotTime:
    """A part of a day with its own capacity."""

    starts_at: time
    capacity: int


@dataclass(frozen=True, slots=True)
class Product:
    """What is sold. `admits` are the facilities whose gates it opens; `pool` counts its places."""

    code: str
    number: int
    name: Words
    description: Words
    admits: tuple[str, ...]
    pool: str
    capacity: int
    slots: tuple[SlotTime, ...]
    revenue_owner: RevenueOwner
    revenue_account: str
    tax_rate_percent: int
    prices: tuple[Price, ...]
    sold_from: date | None = None
    sold_until: date | None = None
    sold_yearly: tuple[YearlyPeriod, ...] = ()

    def sold_on(self, day: date) -> bool:
        """Tell whether the product is for visits on a day."""
        in_time = (self.sold_from is None or self.sold_from <= day) and (
            self.sold_until is None or day <= self.sold_until
        )
        return in_time and (not self.sold_yearly or any(falls_in(period, day) for period in self.sold_yearly))

    def price(self, category: str, visit: Visit, *, party: int) -> Price | None:
        """Return the one price that counts for a visit: the most specific of those that apply."""
        fitting = [each for each in self.prices if each.category == category and each.applies(visit, party)]
        return max(fitting, key=Price.specificity, default=None)

    def prices_by_party(self, category: str, visit: Visit) -> tuple[Price, ...]:
        """Return the prices of a category for a visit by growing party, each from its `quantity_min` on."""
        sizes = sorted({1} | {each.quantity_min for each in self.prices if each.category == category})
        found = [price for size in sizes if (price := self.price(category, visit, party=size)) is not None]
        return tuple(dict.fromkeys(found))

    def slot(self, starts_at: time | None) -> SlotTime | None:
        """Return the slot that starts at a time."""
        return next((each for each in self.slots if each.starts_at == starts_at), None)

    def times(self) -> tuple[tuple[time, int], ...]:
        """Return (start, capacity) of everything that has places of its own: its slots, or the whole day."""
        return tuple((each.starts_at, each.capacity) for each in self.slots) or ((ALL_DAY, self.capacity),)

    def categories(self) -> tuple[str, ...]:
        """Return the codes of the categories that have a price, in the order of the price list."""
        return tuple(dict.fromkeys(price.category for price in self.prices))


@dataclass(frozen=True, slots=True)
class Season:
    """Opening hours in one period of every year."""

    period: YearlyPeriod
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Opening:
    """When a facility is open.

    `on_holiday` says what becomes of a weekly closed day that is a national holiday: it stays closed,
    is open, or is open and the first day after the holidays is closed instead.
    """

    closed_weekdays: frozenset[int]
    on_holiday: OnHoliday
    closed_yearly: tuple[YearlyPeriod, ...]
    closed_days: frozenset[date]
    open_days: frozenset[date]
    free_yearly: frozenset[MonthDay]
    seasons: tuple[Season, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """Where tickets are scanned."""

    code: str
    facility: str
    name: Words


@dataclass(frozen=True, slots=True)
class Facility:
    """A place that people visit. `illustrative` says what of it is invented or unsure."""

    code: str
    number: int
    authority: str
    name: Words
    kind: str
    area: Words
    municipality: Words
    address: str
    latitude: float
    longitude: float
    hours: Words
    operator: Words
    opening: Opening
    gates: tuple[Gate, ...]
    categories: tuple[Category, ...]
    products: tuple[Product, ...]
    illustrative: Words
    sources: tuple[str, ...]

    def product(self, code: str) -> Product | None:
        """Return a product by its code."""
        return next((each for each in self.products if each.code == code), None)

    def category(self, code: str) -> Category | None:
        """Return a category by its code."""
        return next((each for each in self.categories if each.code == code), None)

    def revenue_owners(self) -> tuple[RevenueOwner, ...]:
        """Return whose money the fees of its products are, each code once."""
        found: dict[str, RevenueOwner] = {}
        for each in self.products:
            found.setdefault(each.revenue_owner.code, each.revenue_owner)
        return tuple(found.values())
