"""The sandbox's app: the providers' stand-ins on one port, the payer's pages, payers, faults and books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from kernel import problems
from kernel.clock import Clock, SystemClock
from sandbox import pages
from sandbox.books import routes as books
from sandbox.faults import routes as faults
from sandbox.gmopg import pages as gmopg_pages
from sandbox.gmopg import routes as gmopg
from sandbox.komoju import pages as komoju_pages
from sandbox.komoju import routes as komoju
from sandbox.payers import routes as payers
from sandbox.paypay import pages as paypay_pages
from sandbox.paypay import routes as paypay
from sandbox.settings import SandboxSettings
from sandbox.stripe import pages as stripe_pages
from sandbox.stripe import routes as stripe
from sandbox.stripe import settlement
from sandbox.wiring import Later, in_real_time, wire

DESCRIPTION = """Stand-ins of the payment providers, for practice and tests: no real money moves.

Stripe answers below /stripe/v1, PayPay below /paypay/v2, KOMOJU below /komoju/api/v1, another Pay-easy agency
below /gmopg/payment, each with its own authentication, strictness and error shapes (see the providers'
documentation). What is listed here are the sandbox's own addresses."""


def create_app(
    settings: SandboxSettings | None = None, clock: Clock | None = None, later: Later = in_real_time
) -> FastAPI:
    """Return the app; settings come from the environment if not given. Raises ValueError in production."""
    sandbox = wire(settings or SandboxSettings(), clock or SystemClock(), later)

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        sandbox.start()
        yield
        await sandbox.stop()

    app = FastAPI(title="Momiji sandbox", description=DESCRIPTION, lifespan=running, redoc_url=None)
    app.state.sandbox = sandbox
    problems.install(app)
    for router in (
        pages.router,
        payers.router,
        faults.router,
        books.router,
        settlement.hand,
        stripe_pages.router,
        stripe.router,
        settlement.router,
        paypay_pages.router,
        paypay.router,
        komoju_pages.router,
        komoju.router,
        gmopg_pages.router,
        gmopg.router,
    ):
        app.include_router(router)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        # Requests are served only after the journal was read, so to answer is to be ready.
        return JSONResponse({"ready": True, "checks": {"journal": "ok"}})

    return app
