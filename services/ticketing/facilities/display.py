"""What the facility pages show: cards, the month's calendar and the shelves of a day, computed from pure facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Literal

from kernel.money import Yen
from ticketing.facilities.model import (
    Category,
    Closed,
    Facility,
    Open,
    Product,
    Words,
    next_open_day,
    offers,
    opening_on,
)

FEW_LEFT_SHARE = 10  # "few left" is said below one tenth
DAYS_OF_WEEK = 7

DayState = Literal["past", "later", "closed", "nothing", "full", "few", "free", "open"]
BOOKABLE: frozenset[DayState] = frozenset({"few", "free", "open"})


@dataclass(frozen=True, slots=True)
class Card:
    """One facility on the list: whether it is open today, and from what to what an adult pays."""

    facility: Facility
    open_today: bool
    free_today: bool
    next_day: date | None
    lowest: Yen | None
    highest: Yen | None


def card(facility: Facility, *, today: date, holidays: frozenset[date], facilities: Mapping[str, Facility]) -> Card:
    """Return the card of a facility; prices are those of today, or of the next open day."""
    state = opening_on(facility, today, holidays=holidays)
    is_open = isinstance(state, Open)
    next_day = today if is_open else next_open_day(facility, today, holidays=holidays)
    shown = offers(facility, next_day or today, holidays=holidays, facilities=facilities)
    # The first category of each product is the one that pays in full.
    leading = {offer.product.code: offer.price for offer in reversed(shown)}
    return Card(
        facility=facility,
        open_today=is_open,
        free_today=isinstance(state, Open) and state.free,
        next_day=next_day,
        lowest=min(leading.values(), default=None),
        highest=max(leading.values(), default=None),
    )


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day of the calendar. `reason` says why it is closed."""

    date: date
    state: DayState
    holiday: bool
    reason: Words | None = None

    @property
    def bookable(self) -> bool:
        """Whether tickets for the day can be bought now."""
        return self.state in BOOKABLE


Taken = Mapping[tuple[date, str, time], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Sale:
    """When is sold: today, the last day for which tickets are sold, and the holidays around."""

    today: date
    last_day: date
    holidays: frozenset[date]


def weeks_of(
    facility: Facility, first: date, sale: Sale, *, taken: Taken, facilities: Mapping[str, Facility]
) -> list[list[CalendarDay | None]]:
    """Return a month by weeks that begin on Sunday, as calendars in Japan do; None stands outside the month."""
    days: list[CalendarDay | None] = [None] * ((first.weekday() + 1) % DAYS_OF_WEEK)
    at = first
    while at.month == first.month:
        days.append(_calendar_day(facility, at, sale, taken, facilities))
        at += timedelta(days=1)
    days += [None] * (-len(days) % DAYS_OF_WEEK)
    return [days[start : start + DAYS_OF_WEEK] for start in range(0, len(days), DAYS_OF_WEEK)]


def _calendar_day(
    facility: Facility, day: date, sale: Sale, taken: Taken, facilities: Mapping[str, Facility]
) -> CalendarDay:
    holiday = day in sale.holidays
    if day < sale.today:
        return CalendarDay(day, "past", holiday)
    state = opening_on(facility, day, holidays=sale.holidays)
    if isinstance(state, Closed):
        return CalendarDay(day, "closed", holiday, state.reason)
    if day > sale.last_day:
        return CalendarDay(day, "later", holiday)
    return CalendarDay(day, _sales_state(facility, day, sale, taken, facilities, free=state.free), holiday)


def _sales_state(
    facility: Facility, day: date, sale: Sale, taken: Taken, facilities: Mapping[str, Facility], *, free: bool
) -> DayState:
    offered = offers(facility, day, holidays=sale.holidays, facilities=facilities)
    products = {offer.product.code: offer.product for offer in offered}
    share = max((_share_left(product, day, taken) for product in products.values()), default=None)
    if share is None:
        return "nothing"
    if share == 0:
        return "full"
    if share * FEW_LEFT_SHARE < 1:
        return "few"
    return "free" if free else "open"


def _share_left(product: Product, day: date, taken: Taken) -> float:
    left = whole = 0
    for starts_at, planned in product.times():
        used, capacity = taken.get((day, product.pool, starts_at), (0, planned))
        left += max(0, capacity - used)
        whole += capacity
    return left / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a price list: a category, its price, and when it costs something else."""

    category: Category
    price: Yen
    group_prices: Sequence[tuple[int, Yen]]
    slot_prices: Sequence[tuple[time, Yen]]
    illustrative: bool
    quantity: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """One product with its price list. `remaining` is of the whole day, or the most of one slot."""

    product: Product
    rows: Sequence[Row]
    remaining: int


def shelves_of(
    facility: Facility,
    day: date,
    *,
    holidays: frozenset[date],
    facilities: Mapping[str, Facility],
    remaining: Mapping[tuple[str, time | None], int],
    quantities: Mapping[tuple[str, str], int],
) -> list[Shelf]:
    """Return what can be chosen on a day, product by product, with the quantities chosen so far."""
    rows: dict[str, list[Row]] = {}
    products: dict[str, Product] = {}
    for offer in offers(facility, day, holidays=holidays, facilities=facilities):
        code = offer.product.code
        products[code] = offer.product
        rows.setdefault(code, []).append(
            Row(
                category=offer.category,
                price=offer.price,
                group_prices=[(each.quantity_min, each.amount) for each in offer.prices if each.quantity_min > 1],
                slot_prices=[
                    (at, prices[0].amount)
                    for at, prices in offer.slot_prices.items()
                    if prices[0].amount != offer.price
                ],
                illustrative=offer.illustrative,
                quantity=quantities.get((code, offer.category.code), 0),
            )
        )
    return [Shelf(product, rows[code], _most_left(product, remaining)) for code, product in products.items()]


def _most_left(product: Product, remaining: Mapping[tuple[str, time | None], int]) -> int:
    times: list[time | None] = [slot.starts_at for slot in product.slots] or [None]
    return max(remaining.get((product.code, at), 0) for at in times)


def price_table(
    facility: Facility, day: date, *, holidays: frozenset[date], facilities: Mapping[str, Facility]
) -> dict[str, dict[str, dict[str, list[tuple[int, int]]]]]:
    """Return {product: {category: {slot or "": [(party from, yen)]}}}, from which the page adds up its total."""
    table: dict[str, dict[str, dict[str, list[tuple[int, int]]]]] = {}
    for offer in offers(facility, day, holidays=holidays, facilities=facilities):
        slots = {at.strftime("%H:%M"): prices for at, prices in offer.slot_prices.items()} or {"": offer.prices}
        table.setdefault(offer.product.code, {})[offer.category.code] = {
            at: [(each.quantity_min, each.amount.amount) for each in prices] for at, prices in slots.items()
        }
    return table
