"""JSON about what a provider paid out: its lines, for those who compare them with the bank."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from kernel.access import Role
from kernel.refusals import NotFound
from payments.methods.protocol import AmbiguousError, Away, RefusedError
from payments.wiring import wiring_of

router = APIRouter(tags=["payouts"])

READERS = (Role.SERVICE, Role.ACCOUNTING, Role.AUDITOR)


@router.get("/v1/payouts/{provider}/{payout_id}")
async def get_payout(
    request: Request,
    provider: Annotated[str, Path(max_length=40)],
    payout_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_]{1,64}$")],
) -> dict[str, Any]:
    """Ask the provider what a payout consists of; amounts in yen, negative when money left us.

    404 where the provider has no such payout or tells of none; 503 while it does not answer.
    """
    wiring = wiring_of(request)
    wiring.sign_in.principal(request, at=wiring.clock.now()).require(*READERS)
    reader = wiring.payouts.get(provider)
    if reader is None:
        raise NotFound(what="provider that tells of payouts", id=provider)
    try:
        lines = await reader.lines_of_payout(payout_id)
    except RefusedError as refused:
        raise NotFound(what="payout", id=payout_id) from refused
    except AmbiguousError as silent:
        raise Away(method=provider) from silent
    if not lines:
        raise NotFound(what="payout", id=payout_id)
    return {
        "payout": payout_id,
        "provider": provider,
        "gross": sum(line.gross_yen for line in lines if line.kind != "payout"),
        "fee": sum(line.fee_yen for line in lines if line.kind != "payout"),
        "net": sum(line.net_yen for line in lines if line.kind != "payout"),
        "lines": [
            {
                "id": line.id,
                "kind": line.kind,
                "gross": line.gross_yen,
                "fee": line.fee_yen,
                "net": line.net_yen,
                "at": line.at.isoformat(),
                "source": line.source,
                "reference": line.reference,
            }
            for line in lines
        ],
    }
