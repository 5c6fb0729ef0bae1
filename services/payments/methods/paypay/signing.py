"""PayPay's request authorization: HMAC over path, method, nonce, time and body (Open Payment API, "HMAC auth")."""

from __future__ import annotations

import base64
import hashlib
import hmac

NO_BODY = "empty"


def body_hash(content_type: str, body: bytes) -> str:
    """Return the base64 MD5 over content type and body; `empty` without a body."""
    if not body:
        return NO_BODY
    digest = hashlib.md5(content_type.encode() + body, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def authorization(
    *, key: str, secret: str, method: str, path: str, nonce: str, epoch: int, content_type: str, body: bytes
) -> str:
    """Return the Authorization header; `path` has no query."""
    kind = content_type if body else NO_BODY
    digest = body_hash(content_type, body)
    text = "\n".join((path, method, nonce, str(epoch), kind, digest))
    mac = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
    return f"hmac OPA-Auth:{key}:{mac}:{nonce}:{epoch}:{digest}"
