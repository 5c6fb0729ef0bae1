"""What Stripe's codes of a refused payment mean in our own words (docs.stripe.com/declines/codes, /error-codes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from payments.charges.reasons import Reason

# What is not here is "declined": so are, on purpose, lost_card, stolen_card, pickup_card, fraudulent, restricted_card,
# security_violation and merchant_blacklist, which nobody may be told at the till.
BY_CODE: Mapping[str, Reason] = {
    "insufficient_funds": "insufficient_funds",
    "withdrawal_count_limit_exceeded": "limit_reached",
    "card_velocity_exceeded": "limit_reached",
    "invalid_amount": "limit_reached",
    "expired_card": "card_expired",
    "invalid_expiry_month": "card_details_wrong",
    "invalid_expiry_year": "card_details_wrong",
    "incorrect_number": "card_details_wrong",
    "invalid_number": "card_details_wrong",
    "incorrect_cvc": "card_details_wrong",
    "invalid_cvc": "card_details_wrong",
    "incorrect_zip": "card_details_wrong",
    "incorrect_address": "card_details_wrong",
    "authentication_required": "authentication_failed",
    "payment_intent_authentication_failure": "authentication_failed",
    "mobile_device_authentication_required": "authentication_failed",
    "authentication_not_handled": "authentication_failed",
    "approve_with_id": "try_again",
    "issuer_not_available": "try_again",
    "processing_error": "try_again",
    "reenter_transaction": "try_again",
    "try_again_later": "try_again",
    "card_not_supported": "card_not_accepted",
    "currency_not_supported": "card_not_accepted",
    "not_permitted": "card_not_accepted",
    "service_not_allowed": "card_not_accepted",
    "transaction_not_allowed": "card_not_accepted",
    "invalid_account": "card_not_accepted",
    "new_account_information_available": "card_not_accepted",
    "payment_method_provider_timeout": "try_again",
    "payment_method_provider_decline": "declined",
}


def reason_of_error(error: Any) -> Reason:
    """Return why a payment was refused, from a `last_payment_error`: the bank's code, or else Stripe's own."""
    for name in ("decline_code", "code"):
        found = BY_CODE.get(str(getattr(error, name, None) or ""))
        if found is not None:
            return found
    return "declined"
