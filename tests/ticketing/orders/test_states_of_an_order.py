"""An order's states as pure functions: how long it is held, what money means to it, what may be cancelled."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import JAPAN
from kernel.money import ZERO, Yen
from ticketing.orders import model
from ticketing.orders.model import (
    AlreadyUsed,
    AwaitingPayment,
    Basket,
    Confirm,
    GiveBack,
    Holds,
    MethodNotOffered,
    NoNewTry,
    NotCancellable,
    Nothing,
    Rebook,
    TooLateToPay,
    VisitOver,
)

NOON = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
VISIT = date(2026, 11, 28)
OURS, ANOTHER = UUID(int=1), UUID(int=2)
DUE = Yen(1_020)
HOLDS = Holds(
    card=timedelta(minutes=40),
    qr=timedelta(minutes=15),
    payeasy_until=time(20, 0),
    provider_margin=timedelta(minutes=5),
    longest=timedelta(hours=2),
)


def basket(visit_date=VISIT):
    return Basket(
        id=UUID(int=9),
        number="00000-00000",
        authority="hiroshima",
        facility="hpam",
        visit_date=visit_date,
        slot=None,
        lines=(),
        places=(),
        total=DUE,
        tax=Yen(92),
        locale="ja",
        correlation_id="test-test",
        placed_at=NOON,
    )


def placed(method="stripe_card"):
    return model.place(basket(), method, HOLDS, at=NOON)


def expired():
    return model.expire(placed(), at=NOON)


def confirmed(charge=OURS):
    return model.confirm(placed(), method="paypay", charge_id=charge, received_at=NOON, at=NOON)


def cancelled(order):
    return model.cancel(order, reason="visitor_cancelled", any_admitted=False, today=VISIT, at=NOON)


@pytest.mark.parametrize(
    ("order", "charge", "captured", "decision"),
    [
        (placed(), OURS, DUE, Confirm()),
        (placed(), ANOTHER, DUE, Confirm()),
        (placed(), OURS, DUE + Yen(80), Confirm(excess=Yen(80))),
        (placed(), OURS, Yen(1_000), GiveBack(Yen(1_000), "paid_too_late")),
        (placed(), OURS, ZERO, Nothing()),
        (expired(), OURS, DUE, Rebook()),
        (expired(), OURS, DUE + Yen(80), Rebook(excess=Yen(80))),
        (expired(), OURS, Yen(1), GiveBack(Yen(1), "paid_too_late")),
        (confirmed(), OURS, DUE, Nothing()),
        (confirmed(), ANOTHER, DUE, GiveBack(DUE, "paid_twice")),
        (cancelled(placed()), OURS, DUE, GiveBack(DUE, "paid_too_late")),
        (cancelled(confirmed()), OURS, DUE, Nothing()),
        (cancelled(confirmed()), ANOTHER, DUE, GiveBack(DUE, "paid_too_late")),
    ],
)
def test_what_money_means_to_an_order(order, charge, captured, decision):
    assert model.on_capture(order, charge_id=charge, captured=captured) == decision


@given(
    order=st.sampled_from([placed(), expired(), confirmed(), cancelled(placed()), cancelled(confirmed())]),
    charge=st.sampled_from([OURS, ANOTHER]),
    yen=st.integers(1, 10_000),
)
def test_no_yen_is_ever_dropped(order, charge, yen):
    known = getattr(order, "received_at", None) is not None and order.charge_id == charge
    match model.on_capture(order, charge_id=charge, captured=Yen(yen)):
        case Nothing():
            assert known
        case Confirm(excess=excess) | Rebook(excess=excess):
            assert excess + order.basket.total == Yen(yen)
        case GiveBack(amount=amount):
            assert amount == Yen(yen)


@pytest.mark.parametrize(
    ("method", "until"),
    [
        ("stripe_card", NOON + timedelta(minutes=40)),
        ("paypay", NOON + timedelta(minutes=15)),
        ("payeasy_komoju", datetime(2026, 11, 27, 20, 0, tzinfo=JAPAN)),
        ("none", NOON),
    ],
)
def test_how_long_places_are_held(method, until):
    assert placed(method).expires_at == until


@pytest.mark.parametrize("visit", [date(2026, 11, 25), date(2026, 11, 24)])
def test_pay_easy_is_not_offered_for_today(visit):
    with pytest.raises(MethodNotOffered):
        model.hold_until("payeasy_komoju", visit, HOLDS, at=NOON)


def test_pay_easy_is_not_offered_when_nobody_gets_to_a_bank_in_time():
    evening = datetime(2026, 11, 27, 20, 0, tzinfo=JAPAN)
    assert model.hold_until("payeasy_komoju", VISIT, HOLDS, at=evening - timedelta(hours=3)) == evening
    with pytest.raises(MethodNotOffered):
        model.hold_until("payeasy_komoju", VISIT, HOLDS, at=evening - timedelta(hours=2))


def test_no_hold_outlives_the_day_of_the_visit():
    late = datetime(2026, 11, 28, 23, 30, tzinfo=JAPAN)
    assert model.hold_until("paypay", VISIT, HOLDS, at=late) == late + timedelta(minutes=15)
    with pytest.raises(TooLateToPay):
        model.hold_until("stripe_card", VISIT, HOLDS, at=late)


@given(method=st.sampled_from(["stripe_card", "paypay", "payeasy_komoju"]), minutes=st.integers(0, 60 * 24 * 4))
def test_the_provider_s_deadline_always_ends_before_the_hold(method, minutes):
    at = NOON + timedelta(minutes=minutes)
    try:
        until = model.hold_until(method, VISIT, HOLDS, at=at)
    except (MethodNotOffered, TooLateToPay):
        return
    assert at < model.provider_deadline(until, HOLDS) < until


@given(tries=st.lists(st.tuples(st.sampled_from(["stripe_card", "paypay"]), st.integers(0, 30)), max_size=40))
def test_nobody_holds_places_for_ever_by_trying_again(tries):
    order, at = placed(), NOON
    for method, minutes in tries:
        at += timedelta(minutes=minutes)
        try:
            until = model.hold_again(order, method, HOLDS, at=at)
        except NoNewTry:
            continue
        order = model.open_charge(order, method=method, charge_id=OURS, checkout_url="x", expires_at=until)
    assert order.expires_at <= NOON + HOLDS.longest


def test_who_waited_for_pay_easy_may_still_change_to_a_card_days_later():
    order, at = placed("payeasy_komoju"), NOON + timedelta(days=1)
    assert [way.name for way in model.methods_now(order, HOLDS, at=at)] == ["stripe_card", "paypay", "payeasy_komoju"]
    assert model.hold_again(order, "stripe_card", HOLDS, at=at) == at + timedelta(minutes=40)


def test_a_new_try_forgets_why_the_last_one_failed():
    order = replace(placed(), problem="failed", checkout_url=None)
    again = model.open_charge(order, method="paypay", charge_id=OURS, checkout_url="x", expires_at=NOON)
    assert (again.problem, again.method, again.checkout_url) == (None, "paypay", "x")


def test_an_order_is_confirmed_by_the_method_that_brought_the_money():
    assert confirmed().method == "paypay"


@pytest.mark.parametrize(
    ("order", "reason", "used", "today", "refused"),
    [
        (confirmed(), "visitor_cancelled", True, VISIT, AlreadyUsed),
        (confirmed(), "staff_cancelled", True, VISIT, AlreadyUsed),
        (confirmed(), "visitor_cancelled", False, VISIT + timedelta(days=1), VisitOver),
        (expired(), "visitor_cancelled", False, VISIT, NotCancellable),
        (cancelled(confirmed()), "staff_cancelled", False, VISIT, NotCancellable),
    ],
)
def test_what_cannot_be_cancelled(order, reason, used, today, refused):
    with pytest.raises(refused):
        model.cancel(order, reason=reason, any_admitted=used, today=today, at=NOON)


def test_staff_may_cancel_after_the_day():
    order = model.cancel(
        confirmed(), reason="staff_cancelled", any_admitted=False, today=VISIT + timedelta(days=1), at=NOON
    )
    assert (order.reason, order.received_at, order.charge_id) == ("staff_cancelled", NOON, OURS)


@given(
    steps=st.lists(st.sampled_from(["confirm", "expire", "cancel"]), max_size=6),
)
def test_every_transition_raises_the_version_by_one(steps):
    order, version = placed(), 1
    for step in steps:
        try:
            if step == "confirm" and not isinstance(order, model.Confirmed | model.Cancelled):
                order = model.confirm(order, method="paypay", charge_id=OURS, received_at=NOON, at=NOON)
            elif step == "expire" and isinstance(order, AwaitingPayment):
                order = model.expire(order, at=NOON)
            elif step == "cancel":
                order = cancelled(order)
            else:
                continue
        except NotCancellable:
            continue
        version += 1
        assert order.version == version
