"""Stripe's webhook signature (docs.stripe.com/webhooks/signature)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from sandbox.webhooks import Delivery


def sign(secrets: tuple[str, ...], delivery: Delivery, at: int) -> Mapping[str, str]:
    """Return Stripe's signature header: one v1 for each secret in use, over "t.body"."""
    message = f"{at}.{delivery.body}".encode()
    marks = [hmac.new(secret.encode(), message, hashlib.sha256).hexdigest() for secret in secrets]
    return {"Stripe-Signature": ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])}
