"""Stripe's front door: the secret key, form bodies, idempotency keys, and errors in Stripe's shape."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from sandbox.edge import bounded_body, sandbox_of, with_faults
from sandbox.forms import FormError, parse
from sandbox.idempotency import fingerprint
from sandbox.stripe.errors import StripeError
from sandbox.stripe.model import CannotError
from sandbox.wiring import Sandbox

KEY_CHARS_MAX = 255
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
# Stripe keeps no answer for requests that it refused before it began to work.
KEPT_STATUS = frozenset({200, 402})


class StripeRoute(APIRoute):
    """A route of Stripe's API; its first tag is the operation that faults name."""

    def get_route_handler(self) -> Handler:
        """Put the front door before the handler."""
        handler = super().get_route_handler()
        operation = str(self.tags[0]) if self.tags else "other"

        async def handle(request: Request) -> Response:
            try:
                answer = await _enter(request, operation, handler)
            except StripeError as refused:
                answer = _answer(refused)
            except CannotError as refused:
                answer = _answer(StripeError(str(refused), code=refused.code, param=refused.param))
            answer.headers["request-id"] = f"req_{secrets.token_hex(7)}"
            if version := request.headers.get("stripe-version"):
                answer.headers["stripe-version"] = version
            return answer

        return handle


def _answer(refused: StripeError) -> JSONResponse:
    return JSONResponse(refused.body, status_code=refused.status)


async def _enter(request: Request, operation: str, handler: Handler) -> Response:
    sandbox = sandbox_of(request)
    body = await bounded_body(request)
    _require_key(request, sandbox)

    async def act(pause: float) -> Response:
        try:
            request.state.params = parse(request.url.query if request.method == "GET" else body.decode())
        except UnicodeDecodeError:
            raise StripeError("The body is not UTF-8.") from None
        except FormError as refused:
            raise StripeError(str(refused), param=refused.param) from None
        if request.method != "POST":
            await asyncio.sleep(pause)
            return await handler(request)
        return await _once(request, sandbox, body, handler, pause)

    return await with_faults(
        sandbox,
        "stripe",
        operation,
        act,
        error=lambda: _answer(StripeError("An unknown error occurred", status=500, kind="api_error")),
        maintenance=lambda: _answer(StripeError("Stripe is down for maintenance", status=503, kind="api_error")),
        unauthorized=lambda: _answer(StripeError("Invalid API Key provided", status=401, code="api_key_invalid")),
        too_many=lambda: _answer(StripeError("Request rate limit exceeded.", status=429, code="rate_limit")),
    )


def _require_key(request: Request, sandbox: Sandbox) -> None:
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            said = base64.b64decode(said, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            said = ""
    elif scheme.lower() != "bearer":
        said = ""
    if not said:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if not hmac.compare_digest(said.encode(), sandbox.settings.stripe_secret_key.get_secret_value().encode()):
        raise StripeError(f"Invalid API Key provided: {said[:8]}****", status=401, code="api_key_invalid")


async def _once(request: Request, sandbox: Sandbox, body: bytes, handler: Handler, pause: float) -> Response:
    key = request.headers.get("idempotency-key", "")
    if not key:
        await asyncio.sleep(pause)
        return await handler(request)
    if len(key) > KEY_CHARS_MAX:
        raise StripeError(f"Idempotency keys may only be up to {KEY_CHARS_MAX} characters.", kind="idempotency_error")
    mark = fingerprint(request.url.path.encode(), body)
    found = sandbox.answers.find("stripe", key, now=sandbox.stripe.now())
    if found is not None:
        if found.fingerprint != mark:
            raise StripeError(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        headers = {"idempotent-replayed": "true", "idempotency-key": key}
        return Response(found.body, status_code=found.status, media_type="application/json", headers=headers)
    if not sandbox.answers.begin("stripe", key):
        raise StripeError(
            "There is currently another in-progress request using this Idempotent Key "
            f"(that probably means you submitted twice): {key}",
            status=409,
            kind="idempotency_error",
            code="idempotency_key_in_use",
        )
    try:
        await asyncio.sleep(pause)
        with sandbox.journal.change():  # The deed and its answer are kept together or not at all.
            try:
                answer = await handler(request)
            except StripeError as refused:
                answer = _answer(refused)
            except CannotError as refused:
                answer = _answer(StripeError(str(refused), code=refused.code, param=refused.param))
            if answer.status_code in KEPT_STATUS:
                text = bytes(answer.body).decode()
                sandbox.answers.keep(
                    "stripe", key, mark, status=answer.status_code, body=text, now=sandbox.stripe.now()
                )
    finally:
        sandbox.answers.end("stripe", key)
    answer.headers["idempotency-key"] = key
    return answer


def answer(said: dict[str, Any]) -> Response:
    """Return a success as Stripe writes it."""
    return Response(
        json.dumps(said, ensure_ascii=False, separators=(",", ":")), status_code=200, media_type="application/json"
    )
