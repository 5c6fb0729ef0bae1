"""Why a card was refused, in few words of our own, and nothing that must not be said at the till."""

from types import SimpleNamespace

import pytest

from payments.charges.reasons import REASONS, reason_of
from payments.methods.stripe_declines import BY_CODE, reason_of_error


def error(code, decline_code=None):
    return SimpleNamespace(code=code, decline_code=decline_code)


@pytest.mark.parametrize(
    ("code", "decline_code", "reason"),
    [
        ("card_declined", "insufficient_funds", "insufficient_funds"),
        ("card_declined", "card_velocity_exceeded", "limit_reached"),
        ("card_declined", "generic_decline", "declined"),
        ("card_declined", "try_again_later", "try_again"),
        ("card_declined", "card_not_supported", "card_not_accepted"),
        ("expired_card", None, "card_expired"),
        ("incorrect_cvc", None, "card_details_wrong"),
        ("processing_error", None, "try_again"),
        ("payment_intent_authentication_failure", None, "authentication_failed"),
        ("a_code_of_next_year", "and_another", "declined"),
        (None, None, "declined"),
    ],
)
def test_stripe_s_codes_become_ours(code, decline_code, reason):
    assert reason_of_error(error(code, decline_code)) == reason


@pytest.mark.parametrize(
    "secret", ["lost_card", "stolen_card", "pickup_card", "fraudulent", "restricted_card", "merchant_blacklist"]
)
def test_a_suspicion_is_never_told(secret):
    assert reason_of_error(error("card_declined", secret)) == "declined"


def test_every_code_has_one_of_our_reasons():
    assert set(BY_CODE.values()) <= REASONS


@pytest.mark.parametrize("said", ["stolen_card", "", None, 7])
def test_an_unknown_reason_is_shown_as_declined(said):
    assert reason_of(said) == "declined"
