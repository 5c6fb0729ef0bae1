"""JSON about charges: open one, read one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from kernel import idempotency
from kernel.access import Role
from kernel.clock import new_id
from kernel.money import Yen
from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from payments.charges import actions, store
from payments.charges.actions import Asked
from payments.charges.history import sentence
from payments.charges.model import (
    AmountNotCarried,
    CardNumberRefused,
    Charge,
    Part,
    UnknownCharge,
    holds_card_number,
)
from payments.wiring import Wiring, wiring_of

router = APIRouter(tags=["charges"])

PARTS_MAX = 100
READERS = (Role.SERVICE, Role.ACCOUNTING, Role.AUDITOR)


class AllocationWanted(BaseModel):
    """The part of a charge that belongs to one facility, product and revenue account."""

    facility: str = Field(min_length=1, max_length=64)
    product: str = Field(min_length=1, max_length=64)
    revenue_owner: str = Field(min_length=1, max_length=64)
    revenue_account: str = Field(min_length=1, max_length=200)
    tax_rate_percent: int = Field(ge=0, lt=100)
    amount: int = Field(ge=1, le=100_000_000)


class ChargeWanted(BaseModel):
    """What `POST /v1/charges` takes. `amount` in yen; the allocations add up to it."""

    model_config = ConfigDict(extra="forbid")

    reference: str = Field(min_length=1, max_length=64)
    amount: int = Field(ge=1, le=100_000_000)
    method: str = Field(min_length=1, max_length=40)
    description: str = Field(min_length=1, max_length=200)
    expires_at: AwareDatetime
    return_url: str = Field(pattern=r"^https?://", max_length=500)
    locale: str = Field(default="ja", max_length=8)
    facility: str = Field(default="", max_length=64)
    allocations: list[AllocationWanted] = Field(default_factory=list, max_length=PARTS_MAX)

    @model_validator(mode="after")
    def _adds_up(self) -> ChargeWanted:
        if self.allocations and sum(each.amount for each in self.allocations) != self.amount:
            raise ValueError("the allocations do not add up to the amount")
        return self


@router.post("/v1/charges", status_code=201)
async def post_charge(
    request: Request,
    response: Response,
    wanted: ChargeWanted,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Open a charge, the same one for the same reference; another method opens another attempt."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    principal = wiring.sign_in.principal(request, at=at).require(Role.SERVICE)
    if principal.name not in wiring.settings.callers:
        raise Forbidden
    key = idempotency.require_key(idempotency_key)
    if holds_card_number(wanted.description):
        raise CardNumberRefused
    method = wiring.offered(wanted.method)
    carried = method.capabilities
    if not carried.amount_min <= Yen(wanted.amount) <= carried.amount_max:
        raise AmountNotCarried(
            method=carried.name, amount_min=carried.amount_min.amount, amount_max=carried.amount_max.amount
        )
    # The answer is not kept: the charge's reference makes a repeat find the same charge. The key guards the body.
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await idempotency.claim(tx, scope=f"charges:{principal.name}", key=key, body=await request.body(), at=at)
        prepared = await actions.prepare(
            tx,
            _asked(principal.name, wanted),
            reopens=carried.reopens,
            charge_id=new_id(),
            attempt_id=new_id(),
            at=at,
        )
    for former in prepared.superseded:
        await wiring.method(former.method).expire(former)
    if prepared.attempt is not None:
        await actions.open_attempt(wiring.database, method, prepared.charge, prepared.attempt, at=wiring.clock.now())
    else:
        response.status_code = 200
    return _answer(wiring, prepared.charge)


def _asked(caller: str, wanted: ChargeWanted) -> Asked:
    return Asked(
        caller=caller,
        reference=wanted.reference,
        amount=Yen(wanted.amount),
        method=wanted.method,
        description=wanted.description,
        expires_at=wanted.expires_at,
        return_url=wanted.return_url,
        locale=wanted.locale,
        facility=wanted.facility,
        parts=tuple(
            Part(
                each.facility,
                each.product,
                each.revenue_owner,
                each.revenue_account,
                each.tax_rate_percent,
                Yen(each.amount),
            )
            for each in wanted.allocations
        ),
    )


@router.get("/v1/charges/{charge_id}")
async def get_charge(request: Request, charge_id: UUID) -> dict[str, Any]:
    """Return a charge with its history, to its caller and to accounting."""
    wiring = wiring_of(request)
    principal = wiring.sign_in.principal(request, at=wiring.clock.now()).require(*READERS)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        charge = await store.find(tx, charge_id)
        if charge is None or (principal.role is Role.SERVICE and principal.name != charge.caller):
            raise UnknownCharge
        history = await store.history(tx, charge_id)
    return _answer(wiring, charge) | {
        "history": [{"at": _iso(at), "kind": kind, "words": sentence(kind, fields)} for at, kind, fields in history]
    }


def _answer(wiring: Wiring, charge: Charge) -> dict[str, Any]:
    return {
        "id": str(charge.id),
        "reference": charge.reference,
        "status": charge.status,
        "amount": charge.amount.amount,
        "captured": charge.captured.amount if charge.captured else 0,
        "method": charge.method,
        "checkout_url": wiring.checkout_url(charge.id),
        "expires_at": _iso(charge.expires_at),
    }


def _iso(at: datetime) -> str:
    return at.isoformat()
