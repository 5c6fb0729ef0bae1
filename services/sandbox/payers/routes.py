"""POST /payers: act as the payer of a checkout page."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from sandbox.edge import sandbox_of
from sandbox.payers.actions import Outcome, act

router = APIRouter(tags=["payers"])


class NewPayer(BaseModel):
    """Whose page, and what the payer does there."""

    model_config = ConfigDict(extra="forbid")
    checkout_url: str = Field(min_length=8, max_length=2_000)
    outcome: Outcome = Outcome.PAY
    reason: str = Field(default="generic_decline", max_length=60, description="why Stripe's bank declines")


class Paid(BaseModel):
    """What came of it: `status` is the provider's own word."""

    provider: str
    payment: str
    outcome: Outcome
    status: str


@router.post("/payers")
async def pay(request: Request, said: NewPayer) -> Paid:
    """Open the checkout page as a browser would and act on the payment behind it.

    422 if no payment of this sandbox is found, or if its state does not allow the outcome.
    """
    sandbox = sandbox_of(request)
    found = await sandbox.finder.find(said.checkout_url)
    return Paid(
        provider=found.provider,
        payment=found.payment,
        outcome=said.outcome,
        status=act(sandbox, found, said.outcome, said.reason),
    )
