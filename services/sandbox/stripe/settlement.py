"""Stripe's API below /stripe/v1, second half: charges, balance, payouts, disputes, events; and /stripe/advance."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from kernel.refusals import NotFound
from sandbox.edge import sandbox_of
from sandbox.stripe import shapes
from sandbox.stripe.errors import StripeError, missing
from sandbox.stripe.forms import FREE, METADATA, TEXT, check
from sandbox.stripe.gate import StripeRoute, answer
from sandbox.stripe.listing import RANGE, expand, page, within
from sandbox.stripe.model import CannotError, Dispute

router = APIRouter(prefix="/stripe/v1", route_class=StripeRoute, include_in_schema=False)
hand = APIRouter(prefix="/stripe", tags=["stripe"])

_LIST = {"limit": TEXT, "starting_after": TEXT, "expand": [TEXT]}


def _reply(request: Request, said: dict[str, Any]) -> Response:
    sandbox = sandbox_of(request)
    return answer(expand(sandbox.stripe.store, sandbox.settings.base, said, request.state.params.get("expand")))


@router.get("/charges/{charge_id}", tags=["query"])
async def show_charge(request: Request, charge_id: str) -> Response:
    """Show one charge."""
    check(request.state.params, {"expand": [TEXT]})
    found = sandbox_of(request).stripe.store.charges.get(charge_id)
    if found is None:
        raise missing("charge", charge_id)
    return _reply(request, shapes.charge(found))


@router.get("/charges", tags=["query"])
async def list_charges(request: Request) -> Response:
    """List charges, newest first; of one PaymentIntent if named."""
    store, params = sandbox_of(request).stripe.store, request.state.params
    check(params, _LIST | {"payment_intent": TEXT})
    intent = params.get("payment_intent")
    found = store.charges.by("intent", intent) if intent else None
    return _reply(request, page(store.charges, params, "/v1/charges", shapes.charge, found))


@router.get("/balance_transactions/{entry_id}", tags=["query"])
async def show_balance_transaction(request: Request, entry_id: str) -> Response:
    """Show one balance transaction."""
    check(request.state.params, {"expand": [TEXT]})
    found = sandbox_of(request).stripe.store.balance.get(entry_id)
    if found is None:
        raise missing("balance_transaction", entry_id)
    return _reply(request, shapes.balance(found))


@router.get("/balance_transactions", tags=["query"])
async def list_balance_transactions(request: Request) -> Response:
    """List balance transactions, newest first; those of one payout, its own included, if named."""
    store, params = sandbox_of(request).stripe.store, request.state.params
    check(params, _LIST | {"payout": TEXT})
    payout = params.get("payout")
    if payout and store.payouts.get(payout) is None:
        raise missing("payout", payout, "payout")
    found = store.balance.by("payout", payout) if payout else None
    return _reply(request, page(store.balance, params, "/v1/balance_transactions", shapes.balance, found))


@router.get("/payouts/{payout_id}", tags=["query"])
async def show_payout(request: Request, payout_id: str) -> Response:
    """Show one payout."""
    check(request.state.params, {"expand": [TEXT]})
    found = sandbox_of(request).stripe.store.payouts.get(payout_id)
    if found is None:
        raise missing("payout", payout_id)
    return _reply(request, shapes.payout(found))


@router.get("/payouts", tags=["query"])
async def list_payouts(request: Request) -> Response:
    """List payouts, newest first; those created in a range if one is named."""
    store, params = sandbox_of(request).stripe.store, request.state.params
    check(params, _LIST | {"created": dict.fromkeys(RANGE, TEXT)})
    found = within(list(store.payouts), params["created"]) if params.get("created") else None
    return _reply(request, page(store.payouts, params, "/v1/payouts", shapes.payout, found))


@router.get("/disputes/{dispute_id}", tags=["query"])
async def show_dispute(request: Request, dispute_id: str) -> Response:
    """Show one dispute."""
    check(request.state.params, {"expand": [TEXT]})
    return _reply(request, shapes.dispute(_dispute(request, dispute_id)))


@router.get("/disputes", tags=["query"])
async def list_disputes(request: Request) -> Response:
    """List disputes, newest first; of one charge if named."""
    store, params = sandbox_of(request).stripe.store, request.state.params
    check(params, _LIST | {"charge": TEXT})
    found = store.disputes.by("charge", params["charge"]) if "charge" in params else None
    return _reply(request, page(store.disputes, params, "/v1/disputes", shapes.dispute, found))


@router.post("/disputes/{dispute_id}", tags=["other"])
async def answer_dispute(request: Request, dispute_id: str) -> Response:
    """Take evidence: as in Stripe's test mode, winning_evidence wins and losing_evidence loses."""
    params = request.state.params
    check(params, {"evidence": FREE, "metadata": METADATA, "submit": TEXT, "expand": [TEXT]})
    evidence = params.get("evidence")
    text = evidence.get("uncategorized_text", "") if isinstance(evidence, dict) else ""
    dispute = _dispute(request, dispute_id)
    if text in {"winning_evidence", "losing_evidence"}:
        dispute = sandbox_of(request).stripe.close_dispute(dispute, won=text == "winning_evidence")
    return _reply(request, shapes.dispute(dispute))


@router.post("/disputes/{dispute_id}/close", tags=["other"])
async def close_dispute(request: Request, dispute_id: str) -> Response:
    """Give a dispute up: it is lost."""
    check(request.state.params, {"expand": [TEXT]})
    dispute = sandbox_of(request).stripe.close_dispute(_dispute(request, dispute_id), won=False)
    return _reply(request, shapes.dispute(dispute))


def _dispute(request: Request, dispute_id: str) -> Dispute:
    found = sandbox_of(request).stripe.store.disputes.get(dispute_id)
    if found is None:
        raise missing("dispute", dispute_id)
    return found


@router.get("/events/{event_id}", tags=["query"])
async def show_event(request: Request, event_id: str) -> Response:
    """Show one event."""
    found = sandbox_of(request).stripe.store.events.get(event_id)
    if found is None:
        raise missing("event", event_id)
    return answer(shapes.event(found))


@router.get("/events", tags=["query"])
async def list_events(request: Request) -> Response:
    """List events, newest first; of one type if named."""
    store, params = sandbox_of(request).stripe.store, request.state.params
    check(params, _LIST | {"type": TEXT})
    found = store.events.by("type", params["type"]) if "type" in params else None
    return _reply(request, page(store.events, params, "/v1/events", shapes.event, found))


@router.api_route("/{rest:path}", methods=["GET", "POST", "DELETE"], tags=["other"])
async def unknown(request: Request, rest: str) -> Response:
    """Refuse what Stripe, or this sandbox, does not have."""
    raise StripeError(f"Unrecognized request URL ({request.method}: /v1/{rest}).", status=404)


@hand.post("/advance")
async def advance(request: Request, *, completed: bool = True) -> Response:
    """Pay the whole balance out now, as Stripe would days later; 200 with the payout, or null if there is nothing.

    With `completed=false` Stripe is still at work on its lines, until the next time.
    """
    payout = sandbox_of(request).stripe.pay_out(completed=completed)
    return JSONResponse({"payout": None if payout is None else shapes.payout(payout)})


@hand.post("/disputes/{dispute_id}/{verdict}")
async def decide(request: Request, dispute_id: str, verdict: str) -> Response:
    """Decide a dispute as the card network: verdict is won or lost."""
    desk = sandbox_of(request).stripe
    found = desk.store.disputes.get(dispute_id)
    if found is None or verdict not in {"won", "lost"}:
        raise NotFound(what="dispute and verdict", id=f"{dispute_id}/{verdict}")
    try:
        return JSONResponse(shapes.dispute(desk.close_dispute(found, won=verdict == "won")))
    except CannotError as refused:
        return JSONResponse({"detail": str(refused)}, status_code=409)
