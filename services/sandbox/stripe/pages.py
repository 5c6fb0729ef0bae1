"""Stripe's hosted pages as the payer sees them: the checkout, and the bank's 3-D Secure question."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from kernel.refusals import Gone, NotFound
from sandbox.edge import sandbox_of
from sandbox.pages import form_of, render
from sandbox.stripe.model import NOT_AUTHENTICATED, TEST_DECLINES, CannotError, CardOutcome, Intent, Session

router = APIRouter(prefix="/stripe", include_in_schema=False)


def _session(request: Request, session_id: str) -> Session:
    found = sandbox_of(request).stripe.store.sessions.get(session_id)
    if found is None:
        raise NotFound(what="Checkout Session", id=session_id)
    return found


def _back(session: Session) -> Response:
    return RedirectResponse(session.success_url.replace("{CHECKOUT_SESSION_ID}", session.id), 303)


@router.get("/pay/{session_id}")
async def checkout(request: Request, session_id: str) -> Response:
    """Show what is to be paid, with test cards to choose from."""
    return render(request, "stripe/templates/checkout.html", session=_session(request, session_id), declined=False)


@router.post("/pay/{session_id}")
async def pay(request: Request, session_id: str) -> Response:
    """Try the chosen card, or go back to the shop."""
    session = _session(request, session_id)
    said = (await form_of(request)).get("card", "")
    if said == "cancel":
        return RedirectResponse(session.cancel_url or session.success_url, 303)
    try:
        outcome, _, failure = said.partition(":")
        session, intent = sandbox_of(request).stripe.try_card(
            session, CardOutcome(outcome), failure if failure in TEST_DECLINES.values() else "generic_decline"
        )
    except (CannotError, ValueError):
        return render(request, "stripe/templates/checkout.html", session=_session(request, session_id), declined=False)
    if intent.status == "requires_action":
        return RedirectResponse(f"{sandbox_of(request).settings.base}/stripe/authenticate/{intent.id}", 303)
    if intent.status == "succeeded":
        return _back(session)
    return render(request, "stripe/templates/checkout.html", session=session, declined=True)


def _challenged(request: Request, intent_id: str) -> Intent:
    found = sandbox_of(request).stripe.store.intents.get(intent_id)
    if found is None:
        raise NotFound(what="PaymentIntent", id=intent_id)
    if found.status != "requires_action":
        raise Gone
    return found


@router.get("/authenticate/{intent_id}")
async def question(request: Request, intent_id: str) -> Response:
    """Show the bank's question."""
    return render(request, "stripe/templates/authenticate.html", intent=_challenged(request, intent_id))


@router.post("/authenticate/{intent_id}")
async def verdict(request: Request, intent_id: str) -> Response:
    """Take the payer's answer to the bank: `complete` or `fail`."""
    desk = sandbox_of(request).stripe
    intent = _challenged(request, intent_id)
    yes = (await form_of(request)).get("answer") == "complete"
    intent = desk.confirm(intent, CardOutcome.APPROVED if yes else CardOutcome.DECLINED, NOT_AUTHENTICATED)
    session = desk.store.sessions.get(intent.session or "")
    if session is None:
        return RedirectResponse(intent.return_url or "/", 303)
    if intent.status == "succeeded":
        return _back(session)
    return render(request, "stripe/templates/checkout.html", session=session, declined=True)
