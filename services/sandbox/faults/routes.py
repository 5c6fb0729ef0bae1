"""POST, GET and DELETE /faults: let things go wrong on purpose."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from kernel.refusals import Invalid
from sandbox.edge import sandbox_of
from sandbox.faults.model import REQUEST_KINDS, SLOW_MS_MAX, WEBHOOK_KINDS, Fault

router = APIRouter(tags=["faults"])


class NewFault(BaseModel):
    """One thing that is to go wrong `count` times. `kind` may be "slow_ms:250"."""

    model_config = ConfigDict(extra="forbid")
    provider: Literal["stripe", "paypay", "komoju", "gmopg", "*"]
    operation: Literal["*", "open", "query", "refund", "expire", "webhook"] = "*"
    kind: str = Field(max_length=40, description=", ".join(sorted(REQUEST_KINDS | WEBHOOK_KINDS)))
    count: int = Field(default=1, ge=1, le=1_000_000)


class UnknownFault(Invalid):
    """No such kind of fault, or not for this operation."""

    slug = "unknown-fault"
    advice = "There is no fault {kind} for {operation}. Choose one of: {kinds}."


@router.post("/faults", status_code=201)
async def add(request: Request, said: NewFault) -> dict[str, Any]:
    """Let a fault wait for the next operations that it hits."""
    slow = re.fullmatch(r"slow_ms:(\d{1,5})", said.kind)
    kind = "slow_ms" if slow else said.kind
    kinds = WEBHOOK_KINDS if said.operation == "webhook" else REQUEST_KINDS | WEBHOOK_KINDS
    slow_ms = int(slow[1]) if slow else 0
    if kind not in kinds or (kind == "slow_ms" and not 1 <= slow_ms <= SLOW_MS_MAX):
        names = ", ".join(sorted("slow_ms:<1..60000>" if each == "slow_ms" else each for each in kinds))
        raise UnknownFault(kind=said.kind, operation=said.operation, kinds=names)
    operation = "webhook" if kind in WEBHOOK_KINDS else said.operation
    fault = Fault(secrets.token_hex(6), said.provider, operation, kind, said.count, slow_ms)
    sandbox_of(request).faults.add(fault)
    return asdict(fault)


@router.get("/faults")
async def waiting(request: Request) -> dict[str, Any]:
    """List the faults that still wait."""
    return {"faults": [asdict(each) for each in sandbox_of(request).faults.waiting()]}


@router.delete("/faults")
async def clear(request: Request) -> dict[str, int]:
    """Forget all faults."""
    return {"cleared": sandbox_of(request).faults.clear()}
