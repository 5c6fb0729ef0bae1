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
    """The card was declined, for what its intent says."""
    said = payment_intent["last_payment_error"]
    more = {"decline_code": said["decline_code"]} if "decline_code" in said else {}
    return StripeError(
        said["message"],
        status=402,
        kind="card_error",
        code=said["code"],
        charge=charge,
        payment_intent=payment_intent,
        **more,
    )
