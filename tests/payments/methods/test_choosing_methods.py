"""Which ways to pay an installation has: one route to PayPay at a time, and old ones that only end what they began."""

import pytest
from pydantic import ValidationError

from kernel.clock import SystemClock
from payments.methods import connect_all
from payments.settings import PaymentsSettings


def test_both_routes_to_paypay_at_a_time_are_refused():
    with pytest.raises(ValidationError, match="MOMIJI_METHODS_RETIRED"):
        PaymentsSettings(methods_enabled=("stripe_card", "paypay", "stripe_paypay"))


def test_a_retired_route_is_still_talked_to():
    settings = PaymentsSettings(methods_enabled=("stripe_card", "stripe_paypay"), methods_retired=("paypay",))
    assert set(connect_all(settings, SystemClock())) == {"stripe_card", "stripe_paypay", "paypay"}


def test_both_routes_have_one_name_for_the_payer():
    settings = PaymentsSettings(methods_enabled=("paypay",), methods_retired=("stripe_paypay",))
    assert {each.capabilities.title for each in connect_all(settings, SystemClock()).values()} == {
        connect_all(settings, SystemClock())["paypay"].capabilities.title
    }
