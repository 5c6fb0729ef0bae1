"""What orders do when payments reports: money came, a refund ended, a charge will not be paid."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from kernel.clock import Clock
from kernel.contracts import Envelope, Fact
from kernel.contracts.payments import (
    ChargeCaptured,
    ChargeExpired,
    ChargeFailed,
    ChargeReversed,
    MethodPaused,
    MethodResumed,
    RefundFailed,
    RefundSettled,
)
from kernel.inbox import Handler
from kernel.rows import Transaction
from ticketing.orders import actions, store
from ticketing.orders.actions import Rules
from ticketing.orders.model import PaymentProblem
from ticketing.orders.ways import Pause

CALLER = "ticketing"
REASON_CHARS_MAX = 64


def handlers(*, rules: Rules, clock: Clock) -> Mapping[type[Fact], Handler]:
    """Return what each fact of payments sets in motion."""

    async def on_captured(tx: Transaction, event: Envelope) -> None:
        fact = event.fact
        assert isinstance(fact, ChargeCaptured)  # noqa: S101 - the runner chose this handler by the type
        if fact.caller != CALLER:
            return
        await actions.capture(
            tx,
            UUID(fact.reference),
            charge_id=fact.charge_id,
            captured=fact.captured,
            method=fact.method,
            received_at=fact.captured_at,
            rules=rules,
            at=clock.now(),
        )

    async def on_unpaid(tx: Transaction, event: Envelope) -> None:
        fact = event.fact
        assert isinstance(fact, ChargeFailed | ChargeExpired)  # noqa: S101 - as above
        if fact.caller == CALLER:
            problem: PaymentProblem = "failed" if isinstance(fact, ChargeFailed) else "expired"
            because = fact.reason[:REASON_CHARS_MAX] if isinstance(fact, ChargeFailed) else None
            await actions.note_problem(tx, UUID(fact.reference), problem, refused_because=because)

    async def on_reversed(tx: Transaction, event: Envelope) -> None:
        fact = event.fact
        assert isinstance(fact, ChargeReversed)  # noqa: S101 - as above
        if fact.caller == CALLER:
            await actions.reverse(tx, UUID(fact.reference), charge_id=fact.charge_id, rules=rules, at=clock.now())

    async def on_refund(tx: Transaction, event: Envelope) -> None:
        fact = event.fact
        assert isinstance(fact, RefundSettled | RefundFailed)  # noqa: S101 - as above
        status = "settled" if isinstance(fact, RefundSettled) else "failed"
        order_id = await store.finish_refund(tx, fact.refund_id, status=status, at=event.time)
        if order_id is not None:
            await tx.wake(store.ORDER_CHANNEL, str(order_id))

    async def on_pause(tx: Transaction, event: Envelope) -> None:
        fact = event.fact
        assert isinstance(fact, MethodPaused | MethodResumed)  # noqa: S101 - as above
        if isinstance(fact, MethodPaused):
            pause = Pause(fact.method, fact.paused_at, fact.until)
            await store.save_pause(tx, pause, version=event.aggregate_version)
        else:
            await store.end_pause(tx, fact.method, version=event.aggregate_version, at=fact.resumed_at)

    return {
        MethodPaused: on_pause,
        MethodResumed: on_pause,
        ChargeCaptured: on_captured,
        ChargeFailed: on_unpaid,
        ChargeExpired: on_unpaid,
        ChargeReversed: on_reversed,
        RefundSettled: on_refund,
        RefundFailed: on_refund,
    }
