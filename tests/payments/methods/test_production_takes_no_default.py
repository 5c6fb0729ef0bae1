"""In production no secret of any service has a default: whichever is left out, the service does not start."""

from typing import get_args

import pytest
from pydantic import SecretStr

from kernel.settings import Settings
from payments.settings import PaymentsSettings
from reconciliation.settings import ReconciliationSettings
from ticketing.settings import TicketingSettings

ADDRESSES = {
    "environment": "production",
    "ticketing_url": "https://tickets.city.jp",
    "payments_url": "https://pay.city.jp",
    "reconciliation_url": "https://accounts.city.jp",
    "service_key": "k" * 40,
    "session_key": "s" * 40,
}
REAL = {
    TicketingSettings: ADDRESSES | {"order_key_secret": "o" * 40, "ticket_signing_key": "1a" * 32},
    ReconciliationSettings: ADDRESSES,
    PaymentsSettings: ADDRESSES
    | {
        "stripe_secret_key": "sk_live_1",
        "stripe_webhook_secrets": ("whsec_1",),
        "stripe_api_base": "https://api.stripe.com",
        "paypay_api_key": "a_1",
        "paypay_api_secret": "p_1",
        "paypay_base_url": "https://apigw.paypay.ne.jp",
        "komoju_secret_key": "sk_live_2",
        "komoju_webhook_secrets": ("hook_1",),
        "komoju_base_url": "https://komoju.com/api/v1",
        "komoju_contact_email": "tickets@city.jp",
        "payments_data_keys": ("d" * 48,),
    },
}
# Without one, the session key takes its place; KOMOJU's old name for the list above.
OPTIONAL = {"collecting_key", "komoju_webhook_secret"}
SECRETS = [
    (kind, name)
    for kind in REAL
    for name, field in kind.model_fields.items()
    if (field.annotation is SecretStr or SecretStr in get_args(field.annotation)) and name not in OPTIONAL
]


@pytest.mark.parametrize("kind", REAL, ids=lambda kind: kind.__name__)
def test_with_every_secret_set_it_starts(kind):
    assert isinstance(kind(**REAL[kind]), Settings)


@pytest.mark.parametrize(("kind", "name"), SECRETS, ids=lambda each: each if isinstance(each, str) else each.__name__)
def test_without_one_it_does_not(kind, name):
    given = {key: value for key, value in REAL[kind].items() if key != name}
    with pytest.raises(ValueError, match=f"MOMIJI_{name.upper()} "):
        kind(**given)


def test_no_secret_was_forgotten_here():
    assert len(SECRETS) == 3 * 2 + 2 + 6
