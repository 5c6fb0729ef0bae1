"""The agency's page as the payer sees it: on to a bank, which already knows the numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from kernel.refusals import NotFound
from sandbox.edge import sandbox_of
from sandbox.gmopg.model import GmopgError, Trade
from sandbox.pages import form_of, render

router = APIRouter(prefix="/gmopg", include_in_schema=False)


def _trade(request: Request, receipt: str) -> Trade:
    found = sandbox_of(request).gmopg.store.trades.by("receipt", receipt)
    if not found:
        raise NotFound(what="Pay-easy trade", id=receipt)
    return found[0]


@router.get("/pay/{receipt}")
async def show(request: Request, receipt: str) -> Response:
    """Show what is to be paid, with a button to pay."""
    return render(request, "gmopg/templates/bank.html", trade=_trade(request, receipt))


@router.post("/pay/{receipt}")
async def act(request: Request, receipt: str) -> Response:
    """Pay, or let the bank's window take the payment back."""
    trade, desk = _trade(request, receipt), sandbox_of(request).gmopg
    said = await form_of(request)
    try:
        if said.get("do") == "reverse":
            desk.take_back(trade)
        else:
            desk.pay(trade)
    except GmopgError:
        return render(request, "gmopg/templates/bank.html", trade=trade, status=409)
    return RedirectResponse(f"{sandbox_of(request).settings.base}/gmopg/pay/{receipt}", 303)
