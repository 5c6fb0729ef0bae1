"""What a visit costs: offers of a day and the quote of an order, with the refusals that say what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from kernel.money import ZERO, Yen, tax_within, total
from kernel.refusals import Conflict, Invalid, NotFound
from ticketing.facilities.catalogue import (
    ALL_DAY,
    MAIN_POOL,
    Authority,
    Category,
    Facility,
    Gate,
    Price,
    Product,
    RevenueOwner,
    SlotTime,
    Visit,
    Words,
)
from ticketing.facilities.opening import Closed, Open, next_open_day, opening_on

__all__ = [
    "ALL_DAY",
    "MAIN_POOL",
    "Authority",
    "Category",
    "Closed",
    "ClosedDay",
    "Facility",
    "Gate",
    "NoTickets",
    "NotSoldOnThatDay",
    "Offer",
    "Open",
    "PastDate",
    "Place",
    "Price",
    "Product",
    "Quote",
    "QuotedLine",
    "RevenueOwner",
    "SlotNeeded",
    "SlotTime",
    "TooFarAhead",
    "TooManyTickets",
    "UnknownCategory",
    "UnknownFacility",
    "UnknownProduct",
    "UnknownSlot",
    "Visit",
    "Wish",
    "Words",
    "check_day",
    "next_open_day",
    "offers",
    "opening_on",
    "places_of",
    "quote",
]


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to buy on one day: a product for a category, with what it costs one person.

    `prices` grow by party size, the first is for a single visitor; for a product with slots they are those
    of the first slot that has any, and `slot_prices` holds the same for each slot.
    """

    product: Product
    category: Category
    prices: tuple[Price, ...]
    slot_prices: Mapping[time, tuple[Price, ...]]

    @property
    def price(self) -> Yen:
        """What a single visitor pays (in the first slot)."""
        return self.prices[0].amount

    @property
    def illustrative(self) -> bool:
        """Whether any of its prices is invented or unsure."""
        return any(each.illustrative for each in self.prices)


def offers(
    facility: Facility, day: date, *, holidays: frozenset[date], facilities: Mapping[str, Facility] | None = None
) -> tuple[Offer, ...]:
    """Return what is offered for a visit on a day; nothing on a closed day.

    A product that opens other facilities too is offered only when those are open (`facilities`, where given).
    """
    state = opening_on(facility, day, holidays=holidays)
    if isinstance(state, Closed):
        return ()
    sold = [each for each in facility.products if _sold(each, day, holidays, facilities or {})]
    visit = Visit(day, holiday=day in holidays)
    return tuple(offer for product in sold for offer in _offers(facility, product, visit, free=state.free))


def _offers(facility: Facility, product: Product, visit: Visit, *, free: bool) -> Iterator[Offer]:
    def prices(code: str, at: time | None) -> tuple[Price, ...]:
        found = product.prices_by_party(code, replace(visit, slot=at))
        return tuple(replace(each, amount=ZERO) for each in found[:1]) if free else found

    for code in product.categories():
        category = facility.category(code)
        at_slots = {each.starts_at: found for each in product.slots if (found := prices(code, each.starts_at))}
        first = next(iter(at_slots.values()), ()) if product.slots else prices(code, None)
        if category is not None and first:
            yield Offer(product, category, first, at_slots)


def _sold(product: Product, day: date, holidays: frozenset[date], facilities: Mapping[str, Facility]) -> bool:
    others = [facilities[code] for code in product.admits if code in facilities]
    return product.sold_on(day) and all(isinstance(opening_on(each, day, holidays=holidays), Open) for each in others)


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


class UnknownSlot(SlotNeeded):
    """There is no slot at that time."""

    slug = "unknown-slot"
    advice = "{product} does not begin at {slot}. Choose one of: {slots}."


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
    free = _open_on(facility, visit_date, today=today, days_ahead_max=days_ahead_max, holidays=holidays).free
    parties: dict[str, int] = {}
    for wish in wanted:
        parties[wish.product] = parties.get(wish.product, 0) + wish.quantity
    lines: list[QuotedLine] = []
    places: dict[tuple[str, str, time], Place] = {}
    for wish in wanted:
        product = facility.product(wish.product)
        if product is None:
            raise UnknownProduct(facility=facility.code, product=wish.product[:64])
        if not _sold(product, visit_date, holidays, facilities):
            raise NotSoldOnThatDay(product=product.code, day=visit_date.isoformat())
        at = _slot_of(product, slot)
        visit = Visit(visit_date, holiday=visit_date in holidays, slot=at.starts_at if at else None)
        price = product.price(wish.category, visit, party=parties[product.code])
        if price is None or facility.category(wish.category) is None:
            raise UnknownCategory(product=product.code, category=wish.category[:64])
        lines.append(_line(facility, product, wish, ZERO if free else price.amount))
        for place in places_of(facility, product, wish.quantity, visit_date, at, facilities):
            key = (place.facility, place.pool, place.starts_at)
            held = places.get(key)
            places[key] = place if held is None else _sum(held, place)
    return Quote(
        lines=tuple(lines),
        places=tuple(places[key] for key in sorted(places)),
        total=total(line.amount for line in lines),
        tax=_tax(lines),
    )


def _tax(lines: Sequence[QuotedLine]) -> Yen:
    rates = sorted({line.tax_rate_percent for line in lines})
    return total(
        tax_within(total(line.amount for line in lines if line.tax_rate_percent == rate), rate) for rate in rates
    )


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


def check_day(facility: Facility, day: date, *, today: date, days_ahead_max: int, holidays: frozenset[date]) -> None:
    """Raise PastDate, TooFarAhead or ClosedDay unless tickets for the day can be bought today."""
    _open_on(facility, day, today=today, days_ahead_max=days_ahead_max, holidays=holidays)


def _open_on(facility: Facility, day: date, *, today: date, days_ahead_max: int, holidays: frozenset[date]) -> Open:
    if day < today:
        raise PastDate(day=day.isoformat())
    if day > today + timedelta(days=days_ahead_max):
        raise TooFarAhead(last_day=(today + timedelta(days=days_ahead_max)).isoformat())
    state = opening_on(facility, day, holidays=holidays)
    if isinstance(state, Closed):
        following = next_open_day(facility, day, holidays=holidays)
        raise ClosedDay(day=day.isoformat(), next_day=following.isoformat() if following else "-")
    return state


def _slot_of(product: Product, slot: time | None) -> SlotTime | None:
    """Return the slot of a product that has slots; one without takes no notice of the order's slot."""
    if not product.slots:
        return None
    times = ", ".join(each.starts_at.strftime("%H:%M") for each in product.slots)
    if slot is None:
        raise SlotNeeded(product=product.code, slots=times)
    found = product.slot(slot)
    if found is None:
        raise UnknownSlot(product=product.code, slot=slot.strftime("%H:%M"), slots=times)
    return found


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


def places_of(
    facility: Facility,
    product: Product,
    quantity: int,
    day: date,
    at: SlotTime | None,
    facilities: Mapping[str, Facility],
) -> Iterator[Place]:
    """Yield the places that a line takes: its own pool, and the main pool of every other facility it admits to."""
    starts_at, capacity = (at.starts_at, at.capacity) if at else (ALL_DAY, product.capacity)
    yield Place(facility.code, product.pool, day, starts_at, quantity, capacity)
    for code in product.admits:
        other = facilities.get(code)
        if code == facility.code or other is None:
            continue
        main = next((each for each in other.products if each.pool == MAIN_POOL and not each.slots), None)
        if main is not None:
            yield Place(code, MAIN_POOL, day, ALL_DAY, quantity, main.capacity)


def _sum(one: Place, other: Place) -> Place:
    return replace(one, quantity=one.quantity + other.quantity, capacity=min(one.capacity, other.capacity))
