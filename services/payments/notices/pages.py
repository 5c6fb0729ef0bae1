"""The page on which a payer chooses how to pay, and to which they come back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.clock import JAPAN
from kernel.refusals import Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from payments.charges import pages as charge_pages
from payments.charges.model import LIVING, AlreadyPaid, MethodUnknown
from payments.collecting import store as systems
from payments.collecting.model import System
from payments.health import actions as health
from payments.health.model import Breaker, Window
from payments.wiring import Wiring, wiring_of

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
ANNOUNCED = timedelta(days=2)  # A maintenance is told of so long before.


@router.get("/pay/{charge_id}/method")
async def choose_page(request: Request, charge_id: UUID) -> Response:
    """Show the ways to pay a charge of a collecting system, or that it is paid."""
    wiring = wiring_of(request)
    try:
        charge, attempt = await charge_pages.charge_with_attempt(request, charge_id)
        system, paused = await _system(wiring, charge.caller)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    if system is None:  # Ticketing's visitors choose on the page of their order.
        return RedirectResponse(f"/pay/{charge_id}", status_code=SEE_OTHER)
    japanese = language_of(request).tag == "ja"
    choices = [
        {
            "name": each.capabilities.name,
            "title": each.capabilities.title.ja if japanese else each.capabilities.title.en,
            "page": each.capabilities.page,
            "pause": paused.get(each.capabilities.name),
            "announced": _announced(wiring, each.capabilities.name, charge.expires_at),
        }
        for each in wiring.choices(system, charge.amount)
    ]
    paid_by = wiring.methods.get(charge.method)
    title = None if paid_by is None else paid_by.capabilities.title
    return wiring.pages.render(
        request,
        "pay_choose.html",
        charge=charge,
        system=system,
        zone=JAPAN,
        choices=choices,
        chosen=charge.method if attempt is not None and attempt.state in LIVING else "",
        method_title="" if title is None else title.ja if japanese else title.en,
        over=charge.expires_at <= wiring.clock.now(),
        seen=charge_pages.seen(charge, attempt),
        elsewhere=not charge.return_url.endswith(f"/pay/{charge.id}/method"),
        live=wiring.pages.assets.has("pay.js"),
    )


@router.post("/pay/{charge_id}/method")
async def choose(request: Request, charge_id: UUID) -> Response:
    """Prepare and open an attempt by the way to pay that the payer chose; it is the first time a provider is called."""
    wiring = wiring_of(request)
    try:
        SignIn.require_own_page(request)
        charge, _ = await charge_pages.charge_with_attempt(request, charge_id)
        system, _ = await _system(wiring, charge.caller)
        if charge.captured_at is not None:
            raise AlreadyPaid
        chosen = str((await request.form()).get("method", ""))[:40]
        names = [] if system is None else [each.capabilities.name for each in wiring.choices(system, charge.amount)]
        if chosen not in names:
            raise MethodUnknown(method=chosen, methods=", ".join(names))
        at = wiring.clock.now()
        if charge.expires_at <= at:
            return RedirectResponse(f"/pay/{charge_id}/method", status_code=SEE_OTHER)
        await charge_pages.begin(wiring, charge, chosen, at=at)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    return RedirectResponse(f"/pay/{charge_id}", status_code=SEE_OTHER)


async def _system(wiring: Wiring, caller: str) -> tuple[System | None, Mapping[str, Breaker]]:
    """Return a charge's collecting system, and the methods that are in a pause now."""
    async with wiring.database.transaction(correlation_id.get()) as tx:
        system = await systems.find(tx, caller)
        return system, await health.paused(tx)


def _announced(wiring: Wiring, method: str, expires_at: datetime) -> Window | None:
    """Return the next maintenance of a method that begins soon and while there is still time to pay."""
    at = wiring.clock.now()
    soon = min(expires_at, at + ANNOUNCED)
    windows = wiring.settings.maintenance_windows
    return next((each for each in windows if each.method == method and at < each.begins < soon), None)
