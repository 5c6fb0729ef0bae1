"""What every service's HTTP side has in common: limits, correlation, headers, health, metrics."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kernel import problems
from kernel.cards import CardNumberRefused, holds_card_number, unescaped
from kernel.clock import new_id
from kernel.refusals import TooLarge
from kernel.telemetry import REQUEST_SECONDS, REQUESTS, correlation_id
from kernel.web import Pages

log = logging.getLogger(__name__)

_CORRELATION_ID = re.compile(r"^[A-Za-z0-9_.:-]{8,64}$")


@dataclass(frozen=True, slots=True)
class PageSources:
    """The origins a service's pages may reach beyond their own, for the Content-Security-Policy."""

    form_action: Sequence[str] = ()
    webassembly: bool = False
    camera: bool = False

    def policy(self) -> str:
        """Return the Content-Security-Policy: nothing from third parties, no inline script or style."""
        scripts = "'self' 'wasm-unsafe-eval'" if self.webassembly else "'self'"
        forms = " ".join(("'self'", *self.form_action))
        return (
            f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"connect-src 'self'; worker-src 'self'; manifest-src 'self'; media-src 'self' blob:; "
            f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
        )


class Edge:
    """The outermost layer: correlation id, body limit, security headers, request metrics."""

    def __init__(self, app: ASGIApp, *, service: str, body_bytes_max: int, sources: PageSources) -> None:
        self._app = app
        self._service = service
        self._body_bytes_max = body_bytes_max
        self._headers = {
            "content-security-policy": sources.policy(),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "permissions-policy": f"camera=({'self' if sources.camera else ''}), microphone=(), geolocation=()",
            "cross-origin-opener-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # A route for large uploads names its own limit in the scope, from outside of this layer.
        bytes_max = int(scope.get("momiji_body_bytes_max", self._body_bytes_max))
        given = dict(scope["headers"]).get(b"x-correlation-id", b"").decode("latin-1")
        usable = _CORRELATION_ID.match(given) and not holds_card_number(given)
        known = correlation_id.set(given if usable else str(new_id()))
        started = time.perf_counter()
        status = 500
        body_bytes = 0
        answered = False

        async def receive_bounded() -> Message:
            nonlocal body_bytes
            message = await receive()
            body_bytes += len(message.get("body", b""))
            if body_bytes > bytes_max:
                raise TooLarge(bytes_max=bytes_max)
            return message

        async def send_unless_too_large(message: Message) -> None:
            # The framework would answer a body that broke off with 400; the caller is told the true reason instead.
            if body_bytes <= bytes_max or answered:
                await send_dressed(message)

        async def send_dressed(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers["x-correlation-id"] = correlation_id.get()
            await send(message)

        try:
            declared = dict(scope["headers"]).get(b"content-length", b"0")
            if declared.isdigit() and int(declared) > bytes_max:
                body_bytes = int(declared)
            else:
                await self._app(scope, receive_bounded, send_unless_too_large)
            if body_bytes > bytes_max and not answered:
                refusal = problems.answer_refusal(TooLarge(bytes_max=bytes_max))
                await refusal(scope, receive, send_dressed)
        except Exception as crash:
            # Answered here rather than further out, where the correlation id is forgotten already.
            if answered:
                raise
            log.exception("unexpected error")
            await problems.answer_crash(crash)(scope, receive, send_dressed)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            REQUESTS.labels(self._service, route, scope["method"], status).inc()
            REQUEST_SECONDS.labels(self._service, route).observe(time.perf_counter() - started)
            correlation_id.reset(known)


class CardGuard:
    """Refuses what looks like a card number before any route sees it: in address, form, JSON.

    `reads_itself`: beginnings of paths whose requests are left to their own readers: of files, and of forms that answer
    beside the field. They refuse such numbers or blot them out.
    """

    def __init__(self, app: ASGIApp, *, reads_itself: Sequence[str], pages: Pages | None) -> None:
        self._app = app
        self._reads_itself = tuple(reads_itself)
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["path"].startswith(self._reads_itself):
            await self._app(scope, receive, send)
            return
        asked = scope["path"] + "?" + unquote_plus(scope["query_string"].decode("latin-1"))
        if holds_card_number(asked):
            await self._refuse(scope, receive, send)
            return
        if scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            body = await Request(scope, receive).body()
        except (TooLarge, ClientDisconnect):
            return  # The edge, which counts, answers; or nobody waits.
        said = body.decode("utf-8", "replace")
        said = unquote_plus(said) if kind.endswith("form-urlencoded") else unescaped(said)
        if holds_card_number(said):
            await self._refuse(scope, receive, send)
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        by_browser = "text/html" in request.headers.get("accept", "") and not scope["path"].startswith("/v1/")
        if self._pages is not None and by_browser:
            answer: Response = self._pages.refusal(request, CardNumberRefused())
        else:
            answer = problems.answer_refusal(CardNumberRefused())
        await answer(scope, receive, send)


Check = Callable[[], Awaitable[None]]


def dress(
    app: FastAPI,
    *,
    service: str,
    body_bytes_max: int,
    sources: PageSources,
    readiness: dict[str, Check],
    reads_itself: Sequence[str] = (),
    pages: Pages | None = None,
) -> None:
    """Give a service's app its edge, card guard, problem answers, health, readiness and metrics."""
    problems.install(app)
    app.add_middleware(CardGuard, reads_itself=reads_itself, pages=pages)
    app.add_middleware(Edge, service=service, body_bytes_max=body_bytes_max, sources=sources)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        answers: dict[str, str] = {}
        for name, check in readiness.items():
            try:
                await check()
                answers[name] = "ok"
            except Exception as problem:  # noqa: BLE001 - any failure means not ready, and is said
                log.warning("not ready", extra={"check": name, "problem": str(problem)})
                answers[name] = "does not answer"
        ready = all(answer == "ok" for answer in answers.values())
        return JSONResponse({"ready": ready, "checks": answers}, status_code=200 if ready else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
