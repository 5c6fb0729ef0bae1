"""While a webhook secret is changed two are believed: the old and the new one."""

import hashlib
import hmac
import json

import pytest

from kernel.clock import SystemClock
from payments.methods.payeasy_komoju import adapter as komoju
from payments.methods.protocol import NotGenuine
from payments.methods.stripe_card import adapter as stripe_card
from payments.methods.stripe_paypay import adapter as stripe_paypay
from payments.settings import PaymentsSettings

NOW = SystemClock().now()
BODY = json.dumps({"id": "evt_1", "data": {"object": {"metadata": {"attempt": "a1"}, "external_order_num": "a1"}}})


def mac(secret, text):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def read_by_stripe(adapter, secret, **settings):
    method = adapter.connect(PaymentsSettings(**settings), SystemClock())
    stamp = int(NOW.timestamp())
    header = f"t={stamp},v1={mac(secret, f'{stamp}.{BODY}')}"
    return method.read_webhook({"stripe-signature": header}, BODY.encode(), at=NOW)


def read_by_komoju(secret, **settings):
    method = komoju.connect(PaymentsSettings(**settings), SystemClock())
    return method.read_webhook({"x-komoju-signature": mac(secret, BODY)}, BODY.encode(), at=NOW)


@pytest.mark.parametrize("adapter", [stripe_card, stripe_paypay])
@pytest.mark.parametrize("secret", ["whsec_old", "whsec_new"])
def test_stripe_s_messages_are_read_under_either_secret(adapter, secret):
    assert read_by_stripe(adapter, secret, stripe_webhook_secrets=("whsec_old", "whsec_new")).reference == "a1"


@pytest.mark.parametrize("adapter", [stripe_card, stripe_paypay])
def test_stripe_s_old_secret_is_not_believed_once_it_is_gone(adapter):
    with pytest.raises(NotGenuine):
        read_by_stripe(adapter, "whsec_old", stripe_webhook_secrets=("whsec_new",))


@pytest.mark.parametrize("secret", ["old", "new"])
def test_komoju_s_messages_are_read_under_either_secret(secret):
    assert read_by_komoju(secret, komoju_webhook_secrets=("old", "new")).event_id == "evt_1"


def test_komoju_s_old_secret_is_not_believed_once_it_is_gone():
    with pytest.raises(NotGenuine):
        read_by_komoju("old", komoju_webhook_secrets=("new",))


def test_the_setting_s_former_name_still_counts_and_alone_if_it_is_alone():
    assert read_by_komoju("single", komoju_webhook_secret="single").event_id == "evt_1"
    with pytest.raises(NotGenuine):
        read_by_komoju("komoju-webhook-momiji-sandbox", komoju_webhook_secret="single")


def test_the_former_name_stands_beside_the_new_one():
    both = {"komoju_webhook_secret": "old", "komoju_webhook_secrets": ("new",)}
    assert read_by_komoju("old", **both).event_id == "evt_1"
    assert read_by_komoju("new", **both).event_id == "evt_1"
