"""Facilities, products and prices: what is open on a day, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import assert_never

from kernel.money import ZERO, Yen, tax_within, total
from kernel.refusals import Conflict, Invalid, NotFound

MAIN_POOL = "main"
ALL_DAY = time(0, 0)
SEARCH_DAYS_MAX = 60


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
    """Yen for one category, with the days it is good for.

    `quantity_min` is the party size from which it is given; `weekdays` are 0 (Monday) to 6.
    """

    category: str
    amount: Yen
    valid_from: date
    valid_until: date | None = None
    weekdays: frozenset[int] = frozenset(range(7))
    quantity_min: int = 1
    illustrative: bool = False
    source: str = ""

    def applies(self, day: date, quantity: int) -> bool:
        """Tell whether the price is good on a day for a party of so many."""
        in_time = self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)
        return in_time and day.weekday() in self.weekdays and quantity >= self.quantity_min


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

    def sold_on(self, day: date) -> bool:
        """Tell whether the product is for visits on a day."""
        return (self.sold_from is None or self.sold_from <= day) and (self.sold_until is None or day <= self.sold_until)

    def price(self, category: str, day: date, *, party: int) -> Price | None:
        """Return the one price that counts: of those that apply, the largest party rule, then the newest."""
        fitting = [each for each in self.prices if each.category == category and each.applies(day, party)]
        return max(
            fitting,
            key=lambda each: (each.quantity_min, each.valid_from, -len(each.weekdays), -each.amount.amount),
            default=None,
        )

    def categories(self) -> tuple[str, ...]:
        """Return the codes of the categories that have a price, in the order of the price list."""
        return tuple(dict.fromkeys(price.category for price in self.prices))


@dataclass(frozen=True, slots=True)
class Season:
    """Opening hours between two days of the year (month, day), both included."""

    first: tuple[int, int]
    last: tuple[int, int]
    opens: time
    closes: time

    def holds(self, day: date) -> bool:
        """Tell whether a day is in the season; a season may run over New Year."""
        at = (day.month, day.day)
        return self.first <= at <= self.last if self.first <= self.last else at >= self.first or at <= self.last


@dataclass(frozen=True, slots=True)
class Opening:
    """When a facility is open. A weekly closed day that is a holiday moves to the next working day."""

    closed_weekdays: frozenset[int]
    holidays_open: bool
    closed_yearly: tuple[tuple[tuple[int, int], tuple[int, int]], ...]
    closed_days: frozenset[date]
    open_days: frozenset[date]
    free_yearly: frozenset[tuple[int, int]]
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


@dataclass(frozen=True, slots=True)
class Open:
    """The facility is open between two times; on a free day entry costs nothing."""

    opens: time
    closes: time
    free: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The facility is closed; `reason` says why."""

    reason: Words


WEEKLY = Words("定休日", "Closed on this weekday")
YEARLY = Words("休館期間", "Closed at this time of the year")
SPECIAL = Words("臨時休館", "Closed on this day")


def opening_on(facility: Facility, day: date, *, holidays: frozenset[date]) -> Open | Closed:
    """Tell whether a facility is open on a day, and why not."""
    rules = facility.opening
    if day in rules.closed_days:
        return Closed(SPECIAL)
    for first, last in rules.closed_yearly:
        if Season(first, last, ALL_DAY, ALL_DAY).holds(day):
            return Closed(YEARLY)
    if day not in rules.open_days and _weekly_closed(rules, day, holidays):
        return Closed(WEEKLY)
    season = next((each for each in rules.seasons if each.holds(day)), None)
    if season is None:
        return Closed(YEARLY)
    return Open(season.opens, season.closes, (day.month, day.day) in rules.free_yearly)


def _weekly_closed(rules: Opening, day: date, holidays: frozenset[date]) -> bool:
    if not rules.holidays_open:
        return day.weekday() in rules.closed_weekdays
    if day in holidays:
        return False
    if day.weekday() in rules.closed_weekdays:
        return True
    # The closed day fell on a holiday: the first working day after it is closed instead.
    before = day - timedelta(days=1)
    while before in holidays:
        if before.weekday() in rules.closed_weekdays:
            return True
        before -= timedelta(days=1)
    return False


def next_open_day(facility: Facility, after: date, *, holidays: frozenset[date]) -> date | None:
    """Return the first open day after a day, looking two months ahead."""
    for days in range(1, SEARCH_DAYS_MAX + 1):
        day = after + timedelta(days=days)
        if isinstance(opening_on(facility, day, holidays=holidays), Open):
            return day
    return None


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to buy on one day: a product for a category, at a price for one person."""

    product: Product
    category: Category
    price: Yen
    illustrative: bool


def offers(facility: Facility, day: date, *, holidays: frozenset[date]) -> tuple[Offer, ...]:
    """Return what is offered for a visit on a day; nothing on a closed day."""
    match opening_on(facility, day, holidays=holidays):
        case Closed():
            return ()
        case Open(free=free):
            return tuple(_offers(facility, day, free=free))
        case unknown:
            assert_never(unknown)


def _offers(facility: Facility, day: date, *, free: bool) -> Iterator[Offer]:
    for product in facility.products:
        if not product.sold_on(day):
            continue
        for code in product.categories():
            category, price = facility.category(code), product.price(code, day, party=1)
            if category is not None and price is not None:
                yield Offer(product, category, ZERO if free else price.amount, price.illustrative)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor asks for: so many of a product for a category."""

    product: str
    category: str
    quantity: int


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """One line of an order with its price; `amount` is quantity × unit price, tax included."""

    facility: str
    product: str
    category: str
    quantity: int
    unit_price: Yen
    amount: Yen
    tax_rate_percent: int
    revenue_owner: str
    revenue_account: str
    admits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Places to be held in one slot, of a capacity."""

    facility: str
    pool: str
    visit_date: date
    starts_at: time
    quantity: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order costs and which places it takes."""

    lines: tuple[QuotedLine, ...]
    places: tuple[Place, ...]
    total: Yen
    tax: Yen


class UnknownFacility(NotFound):
    """There is no such facility."""

    slug = "unknown-facility"
    advice = "There is no facility {facility}. Choose one from the list of facilities."


class UnknownProduct(Invalid):
    """The facility does not sell it."""

    slug = "unknown-product"
    advice = "{facility} does not sell {product}. Choose from what is offered for the day."


class UnknownCategory(Invalid):
    """The product has no price for the category."""

    slug = "unknown-category"
    advice = "{product} has no price for {category} on this day. Choose from what is offered for the day."


class ClosedDay(Conflict):
    """The facility is closed on the day."""

    slug = "closed-day"
    advice = "The facility is closed on {day}. The next open day is {next_day}; choose that or another."


class PastDate(Invalid):
    """The day is over."""

    slug = "past-date"
    advice = "{day} is over. Choose today or a later day."


class TooFarAhead(Invalid):
    """Tickets for the day are not sold yet."""

    slug = "too-far-ahead"
    advice = "Tickets are sold up to {last_day}. Choose a day until then."


class NoTickets(Invalid):
    """The order is empty."""

    slug = "no-tickets"
    advice = "Choose at least one ticket."


class TooManyTickets(Invalid):
    """The order is too large for one visitor."""

    slug = "too-many-tickets"
    advice = "One order takes at most {tickets_max} tickets. Order fewer, or ask the facility about a group."


class NotSoldOnThatDay(Conflict):
    """The product is not for visits on the day."""

    slug = "not-sold-on-that-day"
    advice = "{product} is not sold for {day}. Choose another ticket or another day."


class SlotNeeded(Invalid):
    """The product is for a time of the day."""

    slug = "slot-needed"
    advice = "{product} is for a time of the day. Choose one of: {slots}."


def quote(
    facility: Facility,
    wishes: Sequence[Wish],
    *,
    visit_date: date,
    slot: time | None,
    today: date,
    tickets_max: int,
    days_ahead_max: int,
    facilities: Mapping[str, Facility],
    holidays: frozenset[date],
) -> Quote:
    """Return what the wishes cost on a day and which places they take; raise a Refusal that says what to do."""
    wanted = _merged(wishes, tickets_max)
    _check_day(facility, visit_date, today=today, days_ahead_max=days_ahead_max, holidays=holidays)
    state = opening_on(facility, visit_date, holidays=holidays)
    free = isinstance(state, Open) and state.free
    parties: dict[str, int] = {}
    for wish in wanted:
        parties[wish.product] = parties.get(wish.product, 0) + wish.quantity
    lines: list[QuotedLine] = []
    places: dict[tuple[str, str, time], Place] = {}
    for wish in wanted:
        product = facility.product(wish.product)
        if product is None:
            raise UnknownProduct(facility=facility.code, product=wish.product[:64])
        if not product.sold_on(visit_date):
            raise NotSoldOnThatDay(product=product.code, day=visit_date.isoformat())
        price = product.price(wish.category, visit_date, party=parties[product.code])
        if price is None or facility.category(wish.category) is None:
            raise UnknownCategory(product=product.code, category=wish.category[:64])
        lines.append(_line(facility, product, wish, ZERO if free else price.amount))
        for place in _places(product, wish.quantity, visit_date, slot, facility, facilities):
            key = (place.facility, place.pool, place.starts_at)
            held = places.get(key)
            places[key] = place if held is None else _sum(held, place)
    amount = total(line.amount for line in lines)
    rates = sorted({line.tax_rate_percent for line in lines})
    tax = total(
        tax_within(total(line.amount for line in lines if line.tax_rate_percent == rate), rate) for rate in rates
    )
    return Quote(tuple(lines), tuple(places[key] for key in sorted(places)), amount, tax)


def _merged(wishes: Sequence[Wish], tickets_max: int) -> tuple[Wish, ...]:
    sums: dict[tuple[str, str], int] = {}
    for wish in wishes:
        if wish.quantity < 0:
            raise NoTickets
        sums[wish.product, wish.category] = sums.get((wish.product, wish.category), 0) + wish.quantity
    count = sum(sums.values())
    if count == 0:
        raise NoTickets
    if count > tickets_max:
        raise TooManyTickets(tickets_max=tickets_max)
    return tuple(Wish(product, category, quantity) for (product, category), quantity in sums.items() if quantity)


def _check_day(facility: Facility, day: date, *, today: date, days_ahead_max: int, holidays: frozenset[date]) -> None:
    if day < today:
        raise PastDate(day=day.isoformat())
    if day > today + timedelta(days=days_ahead_max):
        raise TooFarAhead(last_day=(today + timedelta(days=days_ahead_max)).isoformat())
    if isinstance(opening_on(facility, day, holidays=holidays), Closed):
        following = next_open_day(facility, day, holidays=holidays)
        raise ClosedDay(day=day.isoformat(), next_day=following.isoformat() if following else "-")


def _line(facility: Facility, product: Product, wish: Wish, price: Yen) -> QuotedLine:
    return QuotedLine(
        facility=facility.code,
        product=product.code,
        category=wish.category,
        quantity=wish.quantity,
        unit_price=price,
        amount=price * wish.quantity,
        tax_rate_percent=product.tax_rate_percent,
        revenue_owner=product.revenue_owner.code,
        revenue_account=product.revenue_account,
        admits=product.admits,
    )


def _places(
    product: Product,
    quantity: int,
    day: date,
    slot: time | None,
    facility: Facility,
    facilities: Mapping[str, Facility],
) -> Iterator[Place]:
    """Yield the places that a line takes: its own pool, and the main pool of every other facility it admits to."""
    if product.slots:
        chosen = next((each for each in product.slots if each.starts_at == slot), None)
        if chosen is None:
            times = ", ".join(each.starts_at.strftime("%H:%M") for each in product.slots)
            raise SlotNeeded(product=product.code, slots=times)
        yield Place(facility.code, product.pool, day, chosen.starts_at, quantity, chosen.capacity)
    else:
        yield Place(facility.code, product.pool, day, ALL_DAY, quantity, product.capacity)
    for code in product.admits:
        other = facilities.get(code)
        if code == facility.code or other is None:
            continue
        main = next((each for each in other.products if each.pool == MAIN_POOL and not each.slots), None)
        if main is not None:
            yield Place(code, MAIN_POOL, day, ALL_DAY, quantity, main.capacity)


def _sum(one: Place, other: Place) -> Place:
    return Place(
        one.facility,
        one.pool,
        one.visit_date,
        one.starts_at,
        one.quantity + other.quantity,
        min(one.capacity, other.capacity),
    )
