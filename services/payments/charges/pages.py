"""The checkout page: on to the provider, a code to scan, or numbers for an ATM."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import segno
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from kernel.clock import new_id
from kernel.money import Yen
from kernel.refusals import Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from payments.charges import actions, opening, store
from payments.charges.model import AlreadyPaid, Attempt, Charge, UnknownCharge
from payments.charges.opening import Asked
from payments.charges.reasons import reason_of
from payments.health import actions as health
from payments.wiring import Wiring, wiring_of

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
ALIVE = {"redirect": "pay_refused.html", "code": "pay_code.html", "numbers": "pay_numbers.html"}
ASK_AGAIN = timedelta(seconds=3)  # What PayPay allows while its code is shown.
CASH_MAX = Yen(99_999)  # what an ATM takes in cash for one Pay-easy payment
GROUP_ALONE_MAX = 5
ASKED_ABOUT = frozenset({"open", "unknown"})  # A prepared one is about to be answered.


async def charge_with_attempt(request: Request, charge_id: UUID) -> tuple[Charge, Attempt | None]:
    """Return a charge with its last attempt by the method that it has now. Raises UnknownCharge."""
    wiring = wiring_of(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        charge = await store.find(tx, charge_id)
        if charge is None:
            raise UnknownCharge
        attempts = await store.attempts_of(tx, charge_id)
    same = [each for each in attempts if each.method == charge.method]
    return charge, same[-1] if same else None


@router.get("/pay/{charge_id}")
async def pay(request: Request, charge_id: UUID) -> Response:
    """Show how to pay, or go on to where that is."""
    wiring = wiring_of(request)
    try:
        charge, attempt = await charge_with_attempt(request, charge_id)
        if charge.captured_at is not None:
            return RedirectResponse(charge.return_url, status_code=SEE_OTHER)
        if not charge.method:
            return RedirectResponse(f"/pay/{charge_id}/method", status_code=SEE_OTHER)
        method = wiring.method(charge.method)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    at = wiring.clock.now()
    alive = attempt is not None and attempt.state == "open" and attempt.deadline > at
    async with wiring.database.at_once(correlation_id.get()) as tx:
        pause = (await health.paused(tx)).get(charge.method)
    if attempt is not None and attempt.state in ASKED_ABOUT:
        await _hasten(wiring, attempt)
    page = method.capabilities.page
    refused = (attempt.shown or {}).get("refused") if attempt is not None else None
    # Somebody who began before the provider went to rest is told so, not sent to a page that may not work; numbers
    # that were given out are paid at any ATM all the same.
    rests = pause is not None and alive and page != "numbers"
    if alive and attempt is not None and page == "redirect" and refused is None and not rests:
        return RedirectResponse(attempt.pay_url or charge.return_url, status_code=SEE_OTHER)
    over = charge.expires_at <= at
    context: dict[str, Any] = {
        "charge": charge,
        "for_shop": charge.caller in wiring.settings.callers,
        "attempt": attempt,
        "alive": alive,
        "over": over,
        "refused": reason_of(refused),
        "pause": pause,
        "on_phone": _on_phone(request),
        "seen": seen(charge, attempt),
        "title": getattr(method.capabilities.title, "ja" if language_of(request).tag == "ja" else "en"),
        "groups": digit_groups,
        "cash": charge.amount <= CASH_MAX,
        "code": _code(attempt) if alive and page == "code" else None,
        "live": wiring.pages.assets.has("pay.js"),
    }
    template = "pay_paused.html" if rests else ALIVE[page] if alive else "pay_over.html"
    return wiring.pages.render(request, template, **context)


def digit_groups(digits: str) -> list[str]:
    """Return a number in parts that are easy to read and type: 0123 4567 890, 123 456, 58091."""
    if len(digits) <= GROUP_ALONE_MAX:
        return [digits]
    size = 3 if len(digits) == 6 else 4  # noqa: PLR2004 - two threes read better than a four and a two
    return [digits[start : start + size] for start in range(0, len(digits), size)]


def _on_phone(request: Request) -> bool:
    """Tell whether the page is read on a phone, from what the browser says of itself; no script is needed."""
    hint = request.headers.get("sec-ch-ua-mobile")
    return hint == "?1" if hint is not None else "Mobi" in request.headers.get("user-agent", "")


def _code(attempt: Attempt | None) -> str:
    made = segno.make((attempt.pay_url if attempt else None) or "-", error="m", micro=False)
    return str(made.svg_data_uri(scale=6, border=4))


def seen(charge: Charge, attempt: Attempt | None) -> str:
    """Return what a page shows in a word, so that it can tell when there is something else to show."""
    return f"{charge.status}:{attempt.id if attempt else ''}:{attempt.state if attempt else ''}"


async def _hasten(wiring: Wiring, attempt: Attempt) -> None:
    """Somebody looks at the page: let the worker ask the provider now, but not more often than allowed."""
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await store.hasten(tx, attempt.id, at=wiring.clock.now(), pause=ASK_AGAIN)


@router.get("/pay/{charge_id}/status")
async def status(request: Request, charge_id: UUID) -> Response:
    """Tell an open page whether it is paid."""
    wiring = wiring_of(request)
    charge, attempt = await charge_with_attempt(request, charge_id)
    if attempt is not None and attempt.state in ASKED_ABOUT:
        await _hasten(wiring, attempt)
    said = {"status": charge.status, "seen": seen(charge, attempt), "return_url": charge.return_url}
    return JSONResponse(said, headers={"cache-control": "no-store"})


@router.post("/pay/{charge_id}/again")
async def again(request: Request, charge_id: UUID) -> Response:
    """Open another attempt by the same method, when a code or a page is over."""
    wiring = wiring_of(request)
    try:
        SignIn.require_own_page(request)
        charge, _ = await charge_with_attempt(request, charge_id)
        if charge.captured_at is not None:
            raise AlreadyPaid
        at = wiring.clock.now()
        if charge.expires_at <= at:
            return RedirectResponse(charge.return_url, status_code=SEE_OTHER)
        await begin(wiring, charge, charge.method, at=at)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    return RedirectResponse(f"/pay/{charge_id}", status_code=SEE_OTHER)


async def begin(wiring: Wiring, charge: Charge, method_name: str, *, at: datetime) -> None:
    """Open an attempt by a method, or find the one that is open; those by other methods are given up.

    Raises MethodUnknown, or Away when the provider could not be asked.
    """
    method = wiring.offered(method_name)
    asked = Asked(
        charge.caller,
        charge.reference,
        charge.amount,
        method_name,
        charge.description,
        charge.expires_at,
        charge.return_url,
        charge.locale,
        charge.facility,
        charge.parts,
    )
    async with wiring.database.transaction(charge.correlation_id) as tx:
        prepared = await opening.prepare(
            tx, asked, reopens=method.capabilities.reopens, charge_id=new_id(), attempt_id=new_id(), at=at
        )
    for former in prepared.superseded:
        await wiring.method(former.method).expire(former)
    if prepared.attempt is not None:
        await actions.open_attempt(wiring.database, method, prepared.charge, prepared.attempt, at=wiring.clock.now())
