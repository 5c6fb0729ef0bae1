"""PayPay's request signature (Open Payment API, HMAC OPA-Auth)."""

from __future__ import annotations

import base64
import hashlib
import hmac


def body_hash(content_type: str, body: bytes) -> str:
    """Return the hash of a body as PayPay signs it; 'empty' when there is none."""
    if not body:
        return "empty"
    digest = hashlib.md5(content_type.encode(), usedforsecurity=False)
    digest.update(body)
    return base64.b64encode(digest.digest()).decode()


def authorization(
    *, key: str, secret: str, method: str, path: str, nonce: str, epoch: int, content_type: str, body: bytes
) -> str:
    """Return the Authorization header of one request. `path` is without host and query."""
    hashed = body_hash(content_type, body)
    kind = content_type if body else "empty"
    signed = "\n".join([path, method, nonce, str(epoch), kind, hashed])
    mac = base64.b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()).decode()
    return f"hmac OPA-Auth:{key}:{mac}:{nonce}:{epoch}:{hashed}"
