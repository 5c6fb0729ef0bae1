"""PayPay's page as the payer sees it: stands for the app that scanned the code."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from kernel.refusals import NotFound
from sandbox.edge import sandbox_of
from sandbox.pages import form_of, render
from sandbox.paypay.model import Code, PayPayError

router = APIRouter(prefix="/paypay", include_in_schema=False)


def _code(request: Request, code_id: str) -> Code:
    found = sandbox_of(request).paypay.store.by_code(code_id)
    if found is None:
        raise NotFound(what="PayPay code", id=code_id)
    return found


@router.get("/pay/{code_id}")
async def show(request: Request, code_id: str) -> Response:
    """Show what is to be paid."""
    code = _code(request, code_id)
    expired = sandbox_of(request).paypay.now() >= code.expires_at
    return render(request, "paypay/templates/pay.html", code=code, expired=expired)


@router.post("/pay/{code_id}")
async def act(request: Request, code_id: str) -> Response:
    """Pay, fail, or go back to the shop."""
    desk = sandbox_of(request).paypay
    code = _code(request, code_id)
    said = (await form_of(request)).get("do", "")
    try:
        if said == "pay":
            code = desk.pay(code)
        elif said == "decline":
            code = desk.decline(code)
    except PayPayError:
        return render(
            request, "paypay/templates/pay.html", code=code, expired=desk.now() >= code.expires_at, status=409
        )
    own = f"{sandbox_of(request).settings.base}/paypay/pay/{code.code_id}"
    return RedirectResponse(code.redirect_url or own, 303)
