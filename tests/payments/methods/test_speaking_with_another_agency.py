"""What the second agency's adapter makes of our ids, deadlines and its notices."""

from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kernel.clock import JAPAN, SystemClock
from payments.methods.payeasy_gmopg.adapter import PayEasyGmopg, order_id, reference_of, term_days
from payments.methods.payeasy_gmopg.settings import GmopgSettings
from payments.methods.protocol import NotGenuine

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # noon in Japan
REAL = {
    "environment": "production",
    "gmopg_shop_id": "9100000000001",
    "gmopg_shop_pass": "k3w9z7q2xa",
    "gmopg_base_url": "https://p01.mul-pay.jp/payment",
    "gmopg_contact_phone": "082-123-4567",
    "ticketing_url": "https://tickets.city.jp",
}


@given(st.uuids())
def test_our_id_fits_an_order_id_and_comes_back(attempt):
    assert len(order_id(attempt)) <= 27
    assert order_id(attempt).isalnum()
    assert UUID(reference_of(order_id(attempt))) == attempt


@pytest.mark.parametrize("theirs", ["", "shop-17", "x" * 26, "１" * 26, "A" * 27])
def test_another_system_s_order_stays_as_it_is(theirs):
    assert reference_of(theirs) == theirs


@pytest.mark.parametrize(
    ("deadline", "days"),
    [
        (datetime(2026, 11, 27, 19, 55, tzinfo=JAPAN), 1),  # the day before ends in time, this one does not
        (datetime(2026, 11, 27, 23, 59, 59, tzinfo=JAPAN), 2),
        (datetime(2026, 11, 26, 19, 55, tzinfo=JAPAN), 0),
        (datetime(2026, 11, 25, 19, 55, tzinfo=JAPAN), 0),  # today: cancelled at the deadline instead
        (datetime(2027, 11, 25, 19, 55, tzinfo=JAPAN), 60),
    ],
)
def test_numbers_end_with_the_last_day_that_is_over_by_the_deadline(deadline, days):
    assert term_days(deadline, at=AT) == days


def method(**settings):
    return PayEasyGmopg(GmopgSettings(**settings), SystemClock())


def notice(**said):
    return urlencode({"ShopID": "tshop00000001", "OrderID": "o-1", "Status": "PAYSUCCESS"} | said).encode()


def test_a_notice_is_a_hint_about_one_of_our_attempts():
    attempt = uuid4()
    said = method().read_webhook({}, notice(OrderID=order_id(attempt)), at=AT)
    assert said.reference == str(attempt)
    assert said.event_id == method().read_webhook({}, notice(OrderID=order_id(attempt)), at=AT).event_id
    assert said.event_id != method().read_webhook({}, notice(OrderID=order_id(attempt), Status="X"), at=AT).event_id


def test_a_notice_from_elsewhere_or_of_another_shop_is_not_believed():
    with pytest.raises(NotGenuine):
        method().read_webhook({}, notice(ShopID="another"), at=AT)
    with pytest.raises(NotGenuine):
        method(gmopg_webhook_sources=("10.0.0.1",)).read_webhook({"x-source-address": "10.0.0.2"}, notice(), at=AT)
    with pytest.raises(ValueError, match="names no order"):
        method().read_webhook({}, notice(OrderID=""), at=AT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"gmopg_base_url": "http://127.0.0.1:8109/gmopg/payment"},
        {"gmopg_base_url": ""},
        {"gmopg_shop_id": "tshop00000001"},
        {"gmopg_shop_pass": "sandboxpas"},
        {"gmopg_shop_pass": ""},
        {"gmopg_contact_phone": "082-000-0000"},
    ],
)
def test_production_refuses_what_is_an_example(wrong):
    assert GmopgSettings(**REAL).base_url == "https://p01.mul-pay.jp/payment"
    with pytest.raises(ValidationError):
        GmopgSettings(**REAL | wrong)
