"""Payments' HTTP side, wired from top to bottom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from kernel import server
from kernel.server import PageSources
from kernel.web import mount_assets, mount_problem_pages
from payments.callbacks import routes as callback_routes
from payments.cases import pages as case_pages
from payments.cases import routes as case_routes
from payments.charges import pages as charge_pages
from payments.charges import routes as charge_routes
from payments.collecting import pages as collecting_pages
from payments.collecting import routes as collecting_routes
from payments.disputes import pages as dispute_pages
from payments.messages import pages as message_pages
from payments.messages import routes as message_routes
from payments.notices import pages as notice_pages
from payments.notices import routes as notice_routes
from payments.operations import pages as operations_pages
from payments.payouts import routes as payout_routes
from payments.refunds import pages as refund_pages
from payments.refunds import routes as refund_routes
from payments.settings import PaymentsSettings
from payments.staff import pages as staff_pages
from payments.static_codes import pages as static_code_pages
from payments.transfer_files import pages as transfer_file_pages
from payments.transfers import pages as transfer_pages
from payments.wiring import Wiring, wire


def create_app(settings: PaymentsSettings | None = None, *, wiring: Wiring | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    wired = wiring or wire(settings or PaymentsSettings())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await wired.close()

    app = FastAPI(
        title="Momiji payments",
        description="Charges, refunds, and the methods that carry them.",
        version="1",
        lifespan=lifespan,
    )
    app.state.wiring = wired
    server.dress(
        app,
        service="payments",
        body_bytes_max=wired.settings.body_bytes_max,
        sources=PageSources(form_action=(wired.settings.ticketing_url, *wired.settings.form_action_origins)),
        readiness={"database": wired.database.ping},
        # Providers' numbers are not people's, and a lost message is lost money; a file of notices is told where it is
        # wrong, line by line; a charge's reference is another system's; forms show again what else was typed; a
        # counter's code is digits.
        reads_itself=("/v1/webhooks/", notice_routes.PATH, "/v1/charges", "/pay/", "/operations/static-codes"),
        pages=wired.pages,
    )
    app.add_middleware(notice_routes.LargerFiles)
    app.include_router(charge_routes.router)
    app.include_router(refund_routes.router)
    app.include_router(payout_routes.router)
    app.include_router(message_routes.router)
    app.include_router(collecting_routes.router)
    app.include_router(collecting_pages.router)
    app.include_router(callback_routes.router)
    app.include_router(notice_routes.router)
    app.include_router(notice_pages.router)
    app.include_router(charge_pages.router)
    app.include_router(refund_pages.router)
    app.include_router(static_code_pages.router)
    app.include_router(transfer_pages.router)
    app.include_router(transfer_file_pages.router)
    app.include_router(case_routes.router)
    app.include_router(case_pages.router)
    app.include_router(message_pages.router)
    app.include_router(dispute_pages.router)
    app.include_router(operations_pages.router)
    app.include_router(staff_pages.router)
    mount_assets(app)
    mount_problem_pages(app, wired.pages)
    return app
