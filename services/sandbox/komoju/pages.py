"""KOMOJU's page as the payer sees it: an imitation of an ATM that asks for the three numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from kernel.refusals import NotFound
from sandbox.edge import sandbox_of
from sandbox.komoju.model import KomojuError, Payment
from sandbox.pages import form_of, render

router = APIRouter(prefix="/komoju", include_in_schema=False)


def _payment(request: Request, payment_id: str) -> Payment:
    found = sandbox_of(request).komoju.store.payments.get(payment_id)
    if found is None:
        raise NotFound(what="Pay-easy payment", id=payment_id)
    return found


@router.get("/pay/{payment_id}")
async def show(request: Request, payment_id: str) -> Response:
    """Show the numbers, filled in, with a button to pay."""
    return render(request, "komoju/templates/atm.html", payment=_payment(request, payment_id), wrong=False)


@router.post("/pay/{payment_id}")
async def act(request: Request, payment_id: str) -> Response:
    """Pay, if the three numbers are right."""
    payment = _payment(request, payment_id)
    said = await form_of(request)
    typed = tuple(said.get(name, "").strip() for name in ("bank_id", "customer_id", "confirmation_id"))
    if typed != (payment.bank_id, payment.customer_id, payment.confirmation_id):
        return render(request, "komoju/templates/atm.html", payment=payment, wrong=True, status=422)
    try:
        sandbox_of(request).komoju.pay(payment)
    except KomojuError:
        return render(request, "komoju/templates/atm.html", payment=payment, wrong=False, status=409)
    return RedirectResponse(f"{sandbox_of(request).settings.base}/komoju/pay/{payment.id}", 303)
