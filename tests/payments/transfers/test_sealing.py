"""What is sealed opens only with its key, for its own subject, and unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.settings import Environment
from payments.settings import PaymentsSettings
from payments.transfers.sealing import NONCE_BYTES, CannotOpenError, Keyring, Sealed

OLD, NEW = "an old key of this test, long enough", "a new key of this test, long enough"


@given(st.binary(max_size=200), st.text(min_size=1, max_size=40))
def test_a_text_comes_back(text, subject):
    keys = Keyring([NEW])
    assert keys.open(keys.seal(text, subject=subject), subject=subject) == text


def test_nothing_of_the_text_is_readable_and_no_two_are_alike():
    keys = Keyring([NEW])
    one, other = (keys.seal(b"7654321 HANAKO", subject="t") for _ in range(2))
    assert b"7654321" not in one.body
    assert one.body != other.body


def test_another_subject_does_not_open_it():
    keys = Keyring([NEW])
    with pytest.raises(CannotOpenError, match="belongs to something else"):
        keys.open(keys.seal(b"a", subject="one"), subject="two")


@pytest.mark.parametrize("place", [0, NONCE_BYTES, -1])
def test_a_changed_byte_does_not_open(place):
    keys = Keyring([NEW])
    sealed = keys.seal(b"abc", subject="t")
    body = bytearray(sealed.body)
    body[place] ^= 1
    with pytest.raises(CannotOpenError):
        keys.open(Sealed(sealed.key_id, bytes(body)), subject="t")


def test_a_replaced_key_still_opens_and_the_newest_seals():
    before, after = Keyring([OLD]), Keyring([NEW, OLD])
    assert after.open(before.seal(b"a", subject="t"), subject="t") == b"a"
    assert after.seal(b"a", subject="t").key_id == Keyring([NEW]).newest != before.newest


def test_a_key_that_is_gone_is_named():
    before = Keyring([OLD])
    with pytest.raises(CannotOpenError, match=f"{before.newest} is not in MOMIJI_PAYMENTS_DATA_KEYS"):
        Keyring([NEW]).open(before.seal(b"a", subject="t"), subject="t")


@pytest.mark.parametrize("said", [[], ["short"]])
def test_no_key_or_a_short_one_is_refused(said):
    with pytest.raises(ValueError, match="openssl rand"):
        Keyring(said)


@pytest.mark.parametrize("keys", [None, (), ("short",), ("a real key of more than thirty characters", "sandbox")])
def test_production_takes_no_example_key(keys):
    given_keys = {} if keys is None else {"payments_data_keys": keys}
    with pytest.raises(ValueError, match="MOMIJI_PAYMENTS_DATA_KEYS holds an example"):
        PaymentsSettings(
            environment=Environment.PRODUCTION,
            service_key="k",
            session_key="s",
            methods_enabled=(),
            stripe_secret_key="sk_live_1",
            stripe_webhook_secrets=("whsec_1",),
            stripe_api_base="https://api.stripe.com",
            paypay_api_key="a",
            paypay_api_secret="p",
            paypay_base_url="https://apigw.paypay.ne.jp",
            komoju_secret_key="sk_live_2",
            komoju_base_url="https://komoju.com/api/v1",
            komoju_contact_email="tickets@city.jp",
            ticketing_url="https://tickets.city.jp",
            **given_keys,
        )
