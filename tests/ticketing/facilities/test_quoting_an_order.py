"""An order costs what the price list says, takes the places it needs, or is refused with what to do."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.money import ZERO, Yen, tax_within, total
from ticketing.facilities import model
from ticketing.facilities.model import ALL_DAY, Price, Visit, Wish, offers, quote

TODAY = date(2026, 11, 23)
DAY = date(2026, 11, 26)  # a Thursday


@pytest.fixture(scope="session")
def ask(facilities, holidays):
    def asked(code, *wishes, day=DAY, slot=None, tickets_max=200):
        return quote(
            facilities[code],
            [Wish(*wish) for wish in wishes],
            visit_date=day,
            slot=slot,
            today=TODAY,
            tickets_max=tickets_max,
            days_ahead_max=180,
            facilities=facilities,
            holidays=holidays,
        )

    return asked


def test_lines_are_multiplied_and_added_up(ask):
    quoted = ask("hpam", ("collection", "adult", 2), ("collection", "university", 1), ("collection", "senior", 1))
    assert [line.amount for line in quoted.lines] == [Yen(1020), Yen(310), ZERO]
    assert quoted.total == Yen(1330)
    assert quoted.tax == Yen(120)  # 1,330 × 10 / 110, rounded down once


def test_the_same_wish_twice_is_one_line(ask):
    (line,) = ask("hpam", ("collection", "adult", 1), ("collection", "adult", 2)).lines
    assert line.quantity == 3


def test_a_group_is_counted_over_all_categories_of_a_product(ask):
    quoted = ask("hpam", ("collection", "adult", 15), ("collection", "university", 5))
    assert [line.unit_price for line in quoted.lines] == [Yen(410), Yen(250)]


def test_a_combined_ticket_takes_places_at_both_facilities(ask):
    quoted = ask("hpam", ("combo-shukkeien", "adult", 2), ("collection", "adult", 1))
    assert {(place.facility, place.pool, place.starts_at): place.quantity for place in quoted.places} == {
        ("hpam", "main", ALL_DAY): 3,
        ("shukkeien", "main", ALL_DAY): 2,
    }
    assert quoted.lines[0].admits == ("hpam", "shukkeien")


def test_a_combined_ticket_is_not_sold_while_the_other_facility_is_closed(facilities, holidays):
    garden = facilities["shukkeien"]
    shut = replace(garden, opening=replace(garden.opening, closed_days=frozenset({DAY})))
    both = {**facilities, "shukkeien": shut}
    sold = {offer.product.code for offer in offers(facilities["hpam"], DAY, holidays=holidays, facilities=both)}
    assert sold == {"collection"}
    with pytest.raises(model.NotSoldOnThatDay):
        quote(
            facilities["hpam"],
            [Wish("combo-shukkeien", "adult", 1)],
            visit_date=DAY,
            slot=None,
            today=TODAY,
            tickets_max=10,
            days_ahead_max=180,
            facilities=both,
            holidays=holidays,
        )


def test_a_free_day_costs_nothing_and_still_takes_places(facilities):
    quoted = quote(
        facilities["shukkeien"],
        [Wish("garden", "adult", 4)],
        visit_date=date(2027, 11, 3),
        slot=None,
        today=date(2027, 11, 1),
        tickets_max=10,
        days_ahead_max=180,
        facilities=facilities,
        holidays=frozenset(),
    )
    assert (quoted.total, quoted.tax, quoted.places[0].quantity) == (ZERO, ZERO, 4)


@pytest.mark.parametrize(("slot", "price"), [(time(11), 500), (time(17), 400)])
def test_the_bath_costs_less_in_the_evening(ask, slot, price):
    quoted = ask("kenminnohama", ("bath", "adult", 1), slot=slot)
    assert quoted.total == Yen(price)
    assert quoted.places[0].starts_at == slot


def test_the_baths_handbook_discount_is_for_mondays_and_thursdays_only(ask):
    assert ask("kenminnohama", ("bath", "handbook", 1), slot=time(11)).total == Yen(400)
    with pytest.raises(model.UnknownCategory):
        ask("kenminnohama", ("bath", "handbook", 1), slot=time(11), day=DAY + timedelta(days=1))


def test_a_weekend_pass_is_sold_on_a_holiday_too(ask):
    assert ask("kenminnomori", ("lift-day", "adult", 1), day=date(2027, 2, 11)).total == Yen(4600)  # a Thursday
    with pytest.raises(model.UnknownCategory):
        ask("kenminnomori", ("lift-day", "adult", 1), day=date(2027, 2, 10))


def test_a_season_of_sale_returns_every_year(ask):
    with pytest.raises(model.NotSoldOnThatDay):
        ask("kenminnomori", ("lift-day", "adult", 1), day=date(2026, 12, 18))
    assert ask("mominoki", ("auto-site", "visitor", 1), day=date(2027, 4, 1)).total == Yen(5000)


@pytest.mark.parametrize(
    ("refusal", "code", "wishes", "more"),
    [
        (model.NoTickets, "hpam", [], {}),
        (model.NoTickets, "hpam", [("collection", "adult", 0)], {}),
        (model.NoTickets, "hpam", [("collection", "adult", -1)], {}),
        (model.TooManyTickets, "hpam", [("collection", "adult", 10_000)], {}),
        (model.PastDate, "hpam", [("collection", "adult", 1)], {"day": TODAY - timedelta(days=1)}),
        (model.TooFarAhead, "hpam", [("collection", "adult", 1)], {"day": date(9999, 12, 31)}),
        (model.ClosedDay, "hpam", [("collection", "adult", 1)], {"day": date(2026, 11, 30)}),
        (model.UnknownProduct, "hpam", [("special", "adult", 1)], {}),
        (model.UnknownCategory, "hpam", [("collection", "dog", 1)], {}),
        (model.SlotNeeded, "bunka", [("kagura", "adult", 1)], {}),
        (model.UnknownSlot, "bunka", [("kagura", "adult", 1)], {"slot": time(3)}),
    ],
)
def test_what_cannot_be_sold_is_refused(ask, refusal, code, wishes, more):
    with pytest.raises(refusal) as refused:
        ask(code, *wishes, **more)
    assert type(refused.value) is refusal
    assert "{" not in refused.value.detail


def test_a_closed_day_names_the_next_open_one(ask):
    with pytest.raises(model.ClosedDay) as refused:
        ask("hpam", ("collection", "adult", 1), day=date(2026, 11, 30))
    assert refused.value.fields["next_day"] == "2026-12-01"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_is_offered_can_be_quoted_and_adds_up(facilities, holidays, data):
    facility = facilities[data.draw(st.sampled_from(sorted(facilities)))]
    day = TODAY + timedelta(days=data.draw(st.integers(0, 180)))
    offered = offers(facility, day, holidays=holidays, facilities=facilities)
    if not offered:
        return
    chosen = data.draw(st.lists(st.sampled_from(offered), min_size=1, max_size=4))
    at = next((min(offer.slot_prices) for offer in chosen if offer.slot_prices), None)
    wishes = [Wish(offer.product.code, offer.category.code, data.draw(st.integers(1, 40))) for offer in chosen]
    quoted = quote(
        facility,
        wishes,
        visit_date=day,
        slot=at,
        today=TODAY,
        tickets_max=200,
        days_ahead_max=180,
        facilities=facilities,
        holidays=holidays,
    )
    assert quoted.total == total(line.amount for line in quoted.lines)
    assert all(line.amount == line.unit_price * line.quantity for line in quoted.lines)
    assert quoted.tax == tax_within(quoted.total, 10)
    tickets = sum(wish.quantity for wish in wishes)
    assert sum(line.quantity for line in quoted.lines) == tickets
    assert sum(place.quantity for place in quoted.places if place.facility == facility.code) == tickets


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_larger_group_never_pays_more_for_each(facilities, holidays, data):
    facility = facilities[data.draw(st.sampled_from(sorted(facilities)))]
    product = data.draw(st.sampled_from(facility.products))
    category = data.draw(st.sampled_from(product.categories()))
    day = TODAY + timedelta(days=data.draw(st.integers(0, 800)))
    slot = data.draw(st.sampled_from([each.starts_at for each in product.slots] or [None]))
    visit = Visit(day, holiday=day in holidays, slot=slot)
    small, more = data.draw(st.integers(1, 100)), data.draw(st.integers(0, 100))
    one, other = (product.price(category, visit, party=size) for size in (small, small + more))
    assert (one is None) == (other is None)
    assert one is None or other.amount <= one.amount


prices = st.builds(
    Price,
    category=st.just("adult"),
    amount=st.builds(Yen, st.integers(0, 1000)),
    valid_from=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    valid_until=st.none() | st.dates(date(2026, 6, 1), date(2027, 12, 31)),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    quantity_min=st.sampled_from([1, 10, 20]),
)


@settings(max_examples=200, deadline=None)
@given(listed=st.lists(prices, max_size=6), day=st.dates(date(2026, 1, 1), date(2027, 6, 1)), party=st.integers(1, 30))
def test_exactly_one_price_counts_whatever_the_order_of_the_list(facilities, listed, day, party):
    product = facilities["hpam"].products[0]
    found = {
        replace(product, prices=tuple(order)).price("adult", Visit(day), party=party).amount
        if any(each.applies(Visit(day), party) for each in listed)
        else None
        for order in (listed, listed[::-1])
    }
    assert len(found) == 1
