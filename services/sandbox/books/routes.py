"""GET /books: what each provider took, gave back and kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from sandbox.edge import sandbox_of
from sandbox.gmopg.model import Trade
from sandbox.komoju.model import Payment
from sandbox.paypay.model import Code
from sandbox.stripe.model import Charge

router = APIRouter(tags=["books"])

ROWS_MAX = 50_000


def _charge(each: Charge) -> dict[str, Any]:
    return {
        "payment": each.payment_intent,
        "external_reference": each.reference or each.metadata.get("reference"),
        "metadata": each.metadata,
        "status": "refunded" if each.refunded == each.amount else "captured",
        "captured": each.amount,
        "refunded": each.refunded,
        "fee": each.fee,
        "disputed": each.dispute is not None,
    }


def _code(each: Code) -> dict[str, Any]:
    return {
        "payment": each.payment_id,
        "external_reference": each.id,
        "metadata": each.metadata,
        "status": each.status.lower(),
        "captured": each.amount,
        "refunded": each.refunded,
        "fee": each.fee,
    }


def _payment(each: Payment) -> dict[str, Any]:
    return {
        "payment": each.id,
        "external_reference": each.external_order_num,
        "metadata": each.metadata,
        "status": "reversed" if each.taken_back else each.status,
        "captured": 0 if each.taken_back else each.total,
        "refunded": each.refunded,
        "fee": each.fee,
    }


def _trade(each: Trade) -> dict[str, Any]:
    return {
        "payment": each.access_id,
        "external_reference": each.id,
        "metadata": {},
        "status": "reversed" if each.taken_back else each.status.lower(),
        "captured": 0 if each.taken_back else each.total,
        "refunded": 0,  # The agency carries no money back.
        "fee": each.fee,
    }


def _book(rows: Iterable[dict[str, Any]], rows_max: int) -> dict[str, Any]:
    kept = list(rows)
    sums = {name: sum(row[name] for row in kept) for name in ("captured", "refunded", "fee")}
    return sums | {"count": len(kept), "payments": kept[-rows_max:] if rows_max else []}


@router.get("/books")
async def books(request: Request, rows_max: Annotated[int, Query(ge=0, le=ROWS_MAX)] = 10_000) -> dict[str, Any]:
    """Return per provider the sums in yen and its captured payments (the last `rows_max`).

    `refunded` counts refunds that are under way; a failed one does not count. What a bank took back at its window is
    listed as reversed, with nothing captured.
    """
    sandbox = sandbox_of(request)
    return {
        "stripe": _book((_charge(each) for each in sandbox.stripe.store.charges if each.succeeded), rows_max),
        "paypay": _book((_code(each) for each in sandbox.paypay.store.codes if each.paid), rows_max),
        "komoju": _book(
            (_payment(each) for each in sandbox.komoju.store.payments if each.captured_at is not None), rows_max
        ),
        "gmopg": _book((_trade(each) for each in sandbox.gmopg.store.trades if each.finished is not None), rows_max),
    }
