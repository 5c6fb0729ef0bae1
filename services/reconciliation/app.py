"""Reconciliation's HTTP side, wired from top to bottom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from kernel import server
from kernel.server import PageSources
from kernel.web import mount_assets, mount_problem_pages
from reconciliation.board import pages as board_pages
from reconciliation.board import routes as board_routes
from reconciliation.cash_flow import pages as cash_flow_pages
from reconciliation.cash_flow import routes as cash_flow_routes
from reconciliation.closing import pages as closing_pages
from reconciliation.closing import routes as closing_routes
from reconciliation.days import pages as day_pages
from reconciliation.days import routes as day_routes
from reconciliation.deposits import pages as deposit_pages
from reconciliation.deposits import routes as deposit_routes
from reconciliation.discrepancies import pages as discrepancy_pages
from reconciliation.discrepancies import routes as discrepancy_routes
from reconciliation.discrepancies import work_routes as discrepancy_work_routes
from reconciliation.export_layouts import routes as export_layout_routes
from reconciliation.exports import pages as export_pages
from reconciliation.exports import routes as export_routes
from reconciliation.journal import hand_pages
from reconciliation.journal import pages as journal_pages
from reconciliation.journal import routes as journal_routes
from reconciliation.lines import pages as line_pages
from reconciliation.mappings import pages as mapping_pages
from reconciliation.mappings import routes as mapping_routes
from reconciliation.matching import routes as matching_routes
from reconciliation.payouts import routes as payout_routes
from reconciliation.provider_contracts import pages as contract_pages
from reconciliation.provider_contracts import routes as contract_routes
from reconciliation.records import pages as record_pages
from reconciliation.records import routes as record_routes
from reconciliation.reports import pages as report_pages
from reconciliation.revenue_accounts import pages as revenue_account_pages
from reconciliation.revenue_accounts import routes as revenue_account_routes
from reconciliation.settings import ReconciliationSettings
from reconciliation.staff import pages as staff_pages
from reconciliation.statements import pages as statement_pages
from reconciliation.statements import routes as statement_routes
from reconciliation.wiring import Wiring, wire


def create_app(settings: ReconciliationSettings | None = None, *, wiring: Wiring | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    wired = wiring or wire(settings or ReconciliationSettings())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        wired.stream.close()
        await wired.database.close()

    async def stream_answers() -> None:
        await asyncio.to_thread(wired.stream.ping)

    app = FastAPI(
        title="Momiji reconciliation",
        description="The fact ledger, statements, business days, discrepancies and exports.",
        version="1",
        lifespan=lifespan,
    )
    app.state.wiring = wired
    server.dress(
        app,
        service="reconciliation",
        body_bytes_max=wired.settings.body_bytes_max,
        sources=PageSources(),
        readiness={"database": wired.database.ping, "stream": stream_answers},
        reads_itself=(statement_routes.PATH, statement_routes.PAGE),
        pages=wired.pages,
    )
    app.add_middleware(statement_routes.LargerFiles)
    app.include_router(day_routes.router)
    app.include_router(closing_routes.router)
    app.include_router(statement_routes.router)
    app.include_router(mapping_routes.router)
    app.include_router(journal_routes.router)
    app.include_router(revenue_account_routes.router)
    app.include_router(contract_routes.router)
    app.include_router(payout_routes.router)
    app.include_router(deposit_routes.router)
    app.include_router(matching_routes.router)
    app.include_router(discrepancy_routes.router)
    app.include_router(discrepancy_work_routes.router)
    app.include_router(export_routes.router)
    app.include_router(export_layout_routes.router)
    app.include_router(record_routes.router)
    app.include_router(staff_pages.router)
    app.include_router(day_pages.router)
    app.include_router(discrepancy_pages.router)
    app.include_router(closing_pages.router)
    app.include_router(deposit_pages.router)
    app.include_router(mapping_pages.router)
    app.include_router(contract_pages.router)
    app.include_router(line_pages.router)
    app.include_router(statement_pages.router)
    app.include_router(report_pages.router)
    app.include_router(export_pages.router)
    app.include_router(record_pages.router)
    app.include_router(cash_flow_routes.router)
    app.include_router(cash_flow_pages.router)
    app.include_router(board_routes.router)
    app.include_router(board_pages.router)
    app.include_router(hand_pages.router)
    app.include_router(journal_pages.router)
    app.include_router(revenue_account_pages.router)
    mount_assets(app)
    mount_problem_pages(app, wired.pages)
    return app
