"""PayPay's request authorization (hmac OPA-Auth), checked to the byte: key, hash, mac, clock, nonce."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import OrderedDict

from sandbox.paypay.model import UNAUTHORIZED, PayPayError

SKEW_SECONDS_MAX = 120
NONCES_MAX = 200_000
PREFIX = "hmac OPA-Auth:"
PARTS = 5
EMPTY = "empty"


def body_hash(content_type: str, body: bytes) -> str:
    """Return base64(MD5(content type + raw body)), or "empty" without a body."""
    if not body:
        return EMPTY
    # MD5 is PayPay's choice; the mac below is what protects.
    return base64.b64encode(hashlib.md5(content_type.encode() + body).digest()).decode()  # noqa: S324


def mac_of(secret: str, *, path: str, method: str, nonce: str, epoch: str, content_type: str, hash_said: str) -> str:
    """Return base64(HMAC-SHA256) over the six lines; path without its query."""
    lines = [path, method, nonce, epoch, content_type if hash_said != EMPTY else EMPTY, hash_said]
    return base64.b64encode(hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).digest()).decode()


class Doorman:
    """Checks each request's Authorization header; remembers the nonces of the last minutes."""

    def __init__(self, *, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret
        self._nonces: OrderedDict[str, int] = OrderedDict()

    def check(self, authorization: str, *, path: str, method: str, content_type: str, body: bytes, now: int) -> None:
        """Let a rightly signed request in. Raises PayPayError (UNAUTHORIZED) that names what is wrong."""
        parts = authorization.removeprefix(PREFIX).split(":")
        if not authorization.startswith(PREFIX) or len(parts) != PARTS:
            raise PayPayError(UNAUTHORIZED, "Authorization must be 'hmac OPA-Auth:key:mac:nonce:epoch:hash'.")
        key, mac, nonce, epoch, hash_said = parts
        if key != self._key:
            raise PayPayError(UNAUTHORIZED, "The API key is not known.")
        if not epoch.isdigit() or abs(int(epoch) - now) > SKEW_SECONDS_MAX:
            raise PayPayError(UNAUTHORIZED, f"The epoch is more than {SKEW_SECONDS_MAX} seconds from now ({now}).")
        if hash_said != body_hash(content_type, body):
            raise PayPayError(UNAUTHORIZED, "The hash is not that of the content type and the raw body.")
        right = mac_of(
            self._secret,
            path=path,
            method=method,
            nonce=nonce,
            epoch=epoch,
            content_type=content_type,
            hash_said=hash_said,
        )
        if not hmac.compare_digest(mac.encode(), right.encode()):
            raise PayPayError(UNAUTHORIZED, f"The mac is not that of {method} {path}.")
        self._use(nonce, now)

    def _use(self, nonce: str, now: int) -> None:
        while self._nonces:
            oldest, at = next(iter(self._nonces.items()))
            if len(self._nonces) < NONCES_MAX and now - at <= 2 * SKEW_SECONDS_MAX:
                break
            del self._nonces[oldest]
        if nonce in self._nonces:
            raise PayPayError(UNAUTHORIZED, "The nonce was used before.")
        self._nonces[nonce] = now
