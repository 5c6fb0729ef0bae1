"""Stripe's errors, in Stripe's own shape (docs.stripe.com/api/errors)."""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """An answer of Stripe's that is not a success."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"message": message, "type": kind} | more}
        if code is not None:
            self.body["error"] |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code}"}
        if param is not None:
            self.body["error"]["param"] = param


def missing(what: str, object_id: str, param: str = "id") -> StripeError:
    """There is no such object."""
    return StripeError(f"No such {what}: '{object_id}'", status=404, code="resource_missing", param=param)


def declined(payment_intent: dict[str, Any], charge: str) -> StripeError:
    """The card was declined."""
    return StripeError(
        "Your card was declined.",
        status=402,
        kind="card_error",
        code="card_declined",
        decline_code="generic_decline",
        charge=charge,
        payment_intent=payment_intent,
    )
