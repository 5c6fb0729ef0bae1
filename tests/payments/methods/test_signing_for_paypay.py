"""PayPay's request signature, by the vectors that PayPay publishes."""

import base64
import hashlib
import hmac

from payments.methods.paypay.signing import authorization, body_hash

GET_MAC = "JbUZwAUKeQ+WDClEjkCGwYG/juFR+Dd5RK5AfL0gK9w="
POST_MAC = "C2a7jD7OjL1DXnZhSYQfRI2Oxfdh43htV7pG8cwgCy4="
POST_HASH = "T9wzkv1tUWIxzIHQUT7iDQ=="


def test_the_published_vector_without_a_body():
    header = authorization(
        key="sample_key",
        secret="sample_secret",
        method="GET",
        path="/v2/payments/TEST_merchantPaymentID",
        nonce="a360e2",
        epoch=1743139337,
        content_type="application/json",
        body=b"",
    )
    assert header == f"hmac OPA-Auth:sample_key:{GET_MAC}:a360e2:1743139337:empty"


def test_the_published_vector_with_a_body():
    # The vector gives the body's hash, not the body; the mac over that hash is what is published.
    signed = f"/v2/codes\nPOST\nfedaa4\n1743138611\napplication/json\n{POST_HASH}"
    mac = base64.b64encode(hmac.new(b"sample_secret", signed.encode(), hashlib.sha256).digest()).decode()
    assert mac == POST_MAC


def test_a_body_s_hash_covers_its_content_type():
    assert body_hash("application/json", b"{}") != body_hash("text/plain", b"{}")
    assert body_hash("application/json", b"") == "empty"
