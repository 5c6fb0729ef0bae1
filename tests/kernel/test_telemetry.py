"""Secrets and personal data never reach a log."""

import json
import logging

import pytest

from kernel.telemetry import JsonLines


def line_of(message, **fields):
    record = logging.LogRecord("test", logging.INFO, __file__, 1, message, (), None)
    for name, value in fields.items():
        setattr(record, name, value)
    return json.loads(JsonLines("ticketing").format(record))


@pytest.mark.parametrize(
    "name", ["password", "order_key", "Authorization", "email", "phone", "set_cookie", "webhook_secret", "bank_account"]
)
def test_a_field_with_a_telling_name_is_blanked(name):
    assert line_of("hello", **{name: "s3cret"})[name] == "[redacted]"


@pytest.mark.parametrize("card", ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "378282246310005"])
def test_card_like_digits_are_blanked_wherever_they_stand(card):
    line = line_of(f"paid with {card} today", note=card)
    assert "4242" not in json.dumps(line)
    assert "378282" not in json.dumps(line)


def test_an_identifier_stays_readable():
    assert line_of("x", order_id="0199a6a0-1f2b-7c3d-8e4f-5a6b7c8d9e0f")["order_id"].startswith("0199a6a0")
