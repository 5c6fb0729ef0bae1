"""JSON about charges: open one, read one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from kernel import idempotency
from kernel.access import Role
from kernel.cards import CardNumberRefused, holds_card_number
from kernel.clock import new_id
from kernel.money import Yen
from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from payments.charges import actions, opening, store
from payments.charges.history import sentence
from payments.charges.model import AmountNotCarried, Charge, Part, UnknownCharge
from payments.charges.opening import Asked
from payments.collecting import model as collecting
from payments.collecting.model import System
from payments.wiring import Wiring, wiring_of

router = APIRouter(tags=["charges"])

PARTS_MAX = 100
LIST_MAX = 200
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
    """What `POST /v1/charges` takes. `amount` in yen; the allocations add up to it.

    A collecting system may leave out `method`: its payer chooses; and `allocations` if it has one revenue account.
    """

    model_config = ConfigDict(extra="forbid")

    reference: str = Field(min_length=1, max_length=64)
    amount: int = Field(ge=1, le=100_000_000)
    method: str = Field(default="", max_length=40)
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
    principal, system = await wiring.caller(request, at=at)
    if principal.require(Role.SERVICE).name not in wiring.settings.callers and system is None:
        raise Forbidden
    key = idempotency.require_key(idempotency_key)
    if holds_card_number(wanted.description):
        raise CardNumberRefused
    asked = _asked(principal.name, wanted)
    if system is not None:
        asked = _permitted(wiring, system, asked)
    method = None if system is not None and not wanted.method else wiring.offered(wanted.method)
    carried = None if method is None else method.capabilities
    if carried is not None and not carried.amount_min <= asked.amount <= carried.amount_max:
        raise AmountNotCarried(
            method=carried.name, amount_min=carried.amount_min.amount, amount_max=carried.amount_max.amount
        )
    # The answer is not kept: the charge's reference makes a repeat find the same charge. The key guards the body.
    scope, body, charge_id, attempt_id = f"charges:{principal.name}", await request.body(), new_id(), new_id()
    prepared = None
    if asked.method:
        claiming = idempotency.claiming(scope=scope, key=key, body=body, at=at)
        async with wiring.database.at_once(correlation_id.get()) as tx:
            prepared = await opening.prepare_at_once(
                tx, asked, claiming=claiming, charge_id=charge_id, attempt_id=attempt_id, at=at
            )
    if prepared is None:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await idempotency.claim(tx, scope=scope, key=key, body=body, at=at)
            reopens = carried is not None and carried.reopens
            prepared = await opening.prepare(
                tx, asked, reopens=reopens, charge_id=charge_id, attempt_id=attempt_id, at=at
            )
    for former in prepared.superseded:
        await wiring.method(former.method).expire(former)
    if prepared.attempt is not None and method is not None:
        await actions.open_attempt(wiring.database, method, prepared.charge, prepared.attempt, at=wiring.clock.now())
    elif method is not None or not prepared.new:
        response.status_code = 200
    return _answer(wiring, prepared.charge)


def _permitted(wiring: Wiring, system: System, asked: Asked) -> Asked:
    """Return what a collecting system asks for, if it may; raise a refusal that says what it may."""
    choices = [each.capabilities.name for each in wiring.choices(system, asked.amount)]
    collecting.require_method(system, asked.method, choices=choices, amount=asked.amount)
    collecting.require_return(system, asked.return_url)
    parts = collecting.parts_of(system, asked.amount, asked.facility, asked.parts)
    return replace(asked, facility=asked.facility or system.facility, parts=parts)


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


@router.get("/v1/charges")
async def get_charges(
    request: Request,
    reference: Annotated[str, Query(max_length=64)] = "",
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = 50,
) -> dict[str, Any]:
    """Return the caller's own charges, newest first, of one reference if named; `next` is the next page's cursor."""
    wiring = wiring_of(request)
    principal, _ = await wiring.caller(request, at=wiring.clock.now())
    principal.require(Role.SERVICE)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.of_caller(tx, principal.name, reference=reference, before=cursor, limit=limit + 1)
    shown = found[:limit]
    return {
        "charges": [_answer(wiring, each) for each in shown],
        "next": str(shown[-1].id) if len(found) > limit else None,
    }


@router.get("/v1/charges/{charge_id}")
async def get_charge(request: Request, charge_id: UUID) -> dict[str, Any]:
    """Return a charge with its history, to its caller and to accounting."""
    wiring = wiring_of(request)
    principal, _ = await wiring.caller(request, at=wiring.clock.now())
    principal.require(*READERS)
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
        "method": charge.method or None,
        "checkout_url": wiring.checkout_url(charge.id),
        "expires_at": _iso(charge.expires_at),
    }


def _iso(at: datetime) -> str:
    return at.isoformat()
