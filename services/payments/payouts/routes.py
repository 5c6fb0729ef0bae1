"""JSON about what a provider paid out: which payouts, and their lines, for those who compare them with the bank."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from kernel.access import Role
from kernel.clock import JAPAN
from kernel.refusals import Forbidden, NotFound
from kernel.telemetry import correlation_id
from payments.methods.protocol import AmbiguousError, Away, PayoutReader, RefusedError
from payments.payouts import actions
from payments.wiring import Wiring, wiring_of

router = APIRouter(tags=["payouts"])

READERS = (Role.SERVICE, Role.ACCOUNTING, Role.AUDITOR)


@router.get("/v1/payouts/{provider}")
async def get_payouts(
    request: Request,
    provider: Annotated[str, Path(max_length=40)],
    since: Annotated[date, Query(description="The first day, in Japan, on which the provider made them.")],
) -> dict[str, Any]:
    """Ask the provider which payouts it made whose lines are final, the oldest first; amounts in yen.

    404 where the provider tells of none at all; 503 while it does not answer.
    """
    wiring = _for_readers(request)
    reader = _reader(wiring, provider)
    try:
        found = await reader.payouts(datetime.combine(since, time(), JAPAN))
    except (AmbiguousError, RefusedError) as silent:
        raise Away(method=provider) from silent
    return {
        "provider": provider,
        "items": [
            {
                "payout": each.id,
                "created_at": each.created_at.isoformat(),
                "arrives_on": each.arrives_on.isoformat(),
                "net": each.net_yen,
            }
            for each in found
        ],
    }


@router.get("/v1/payouts/{provider}/{payout_id}")
async def get_payout(
    request: Request,
    provider: Annotated[str, Path(max_length=40)],
    payout_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_]{1,64}$")],
) -> dict[str, Any]:
    """Ask the provider what a payout consists of; amounts in yen, negative when money left us.

    `attempt` is ours, of a refund and a dispute too; `payment` the provider's id of the payment. 404 where the provider
    has no such payout or tells of none; 503 while it does not answer.
    """
    wiring = _for_readers(request)
    reader = _reader(wiring, provider)
    try:
        lines = await reader.lines_of_payout(payout_id)
        attempts = await actions.attempts_of(
            wiring.database,
            reader,
            lines,
            provider=provider,
            methods=wiring.carriers.get(provider, []),
            correlation_id=correlation_id.get(),
        )
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
                "currency": line.currency,
                "at": line.at.isoformat(),
                "source": line.source,
                "reference": line.reference,
                "payment": line.payment,
                "attempt": str(attempts[line.id]) if line.id in attempts else None,
                "brand": line.brand,
            }
            for line in lines
        ],
    }


def _for_readers(request: Request) -> Wiring:
    """Return the wiring for accounting, auditors, and the services that the settings name; raise Forbidden else."""
    wiring = wiring_of(request)
    principal = wiring.sign_in.principal(request, at=wiring.clock.now()).require(*READERS)
    if principal.role is Role.SERVICE and principal.name not in wiring.settings.payout_readers:
        raise Forbidden
    return wiring


def _reader(wiring: Wiring, provider: str) -> PayoutReader:
    reader = wiring.payouts.get(provider)
    if reader is None:
        raise NotFound(what="provider that tells of payouts", id=provider)
    return reader
