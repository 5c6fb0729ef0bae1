"""JSON about refunds: ask for one."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.access import Role
from kernel.cards import CardNumberRefused, holds_card_number
from kernel.clock import new_id
from kernel.money import Yen
from kernel.telemetry import correlation_id
from payments.charges import store as charges
from payments.charges.model import UnknownCharge
from payments.refunds import actions
from payments.wiring import wiring_of

router = APIRouter(tags=["refunds"])


class RefundWanted(BaseModel):
    """What `POST /v1/charges/{id}/refunds` takes; without an amount, all that is left."""

    model_config = ConfigDict(extra="forbid")

    amount: int | None = Field(default=None, ge=1, le=100_000_000)
    reason: str = Field(min_length=1, max_length=100)


@router.post("/v1/charges/{charge_id}/refunds", status_code=201)
async def post_refund(
    request: Request,
    charge_id: UUID,
    wanted: RefundWanted,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Ask for a refund; the amount is reserved at once, the provider is called by the worker."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    principal, _ = await wiring.caller(request, at=at)
    principal.require(Role.SERVICE, Role.ACCOUNTING)
    key = idempotency.require_key(idempotency_key)
    if holds_card_number(wanted.reason):
        raise CardNumberRefused
    async with wiring.database.transaction(correlation_id.get()) as tx:
        charge = await charges.find(tx, charge_id)
        if charge is None or (principal.role is Role.SERVICE and principal.name != charge.caller):
            raise UnknownCharge
        kept = await idempotency.claim(tx, scope=f"refunds:{charge_id}", key=key, body=await request.body(), at=at)
        if kept is not None:
            return dict(kept.answer)
        amount = Yen(wanted.amount) if wanted.amount else await actions.left_of(tx, charge_id) or charge.amount
        refund = await actions.request(
            tx,
            charge_id,
            refund_id=new_id(),
            amount=amount,
            reason=wanted.reason,
            bank_account_needed=wiring.bank_account_needed,
            at=at,
        )
        answer = {"id": str(refund.id), "charge": str(charge_id), "amount": amount.amount, "state": refund.state}
        text = f'{{"id": "{refund.id}", "charge": "{charge_id}", "amount": {amount.amount}, "state": "{refund.state}"}}'
        await idempotency.keep(tx, scope=f"refunds:{charge_id}", key=key, status=201, answer_json=text, at=at)
    return answer
