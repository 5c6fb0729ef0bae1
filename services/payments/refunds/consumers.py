"""What payments does when ticketing asks to give money back."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.clock import Clock
from kernel.contracts import Envelope, Fact
from kernel.contracts.ticketing import RefundRequested
from kernel.inbox import Handler
from kernel.refusals import Refusal
from kernel.rows import Transaction
from payments.refunds import actions


def handlers(*, clock: Clock, bank_account_needed: frozenset[str]) -> Mapping[type[Fact], Handler]:
    """Return what each fact of ticketing sets in motion."""

    async def on_requested(tx: Transaction, event: Envelope) -> None:
        fact = event.fact
        assert isinstance(fact, RefundRequested)  # noqa: S101 - the runner chose this handler by the type
        at = clock.now()
        if fact.reason == "paid_too_late" or fact.reason == "paid_twice":  # noqa: PLR1714 - narrows the type
            await actions.note_unallocated(
                tx, fact.charge_id, refund_id=fact.refund_id, amount=fact.amount, cause=fact.reason, at=at
            )
        try:
            await actions.request(
                tx,
                fact.charge_id,
                refund_id=fact.refund_id,
                amount=fact.amount,
                reason=fact.reason,
                bank_account_needed=bank_account_needed,
                at=at,
            )
        except Refusal as refused:
            # Asked for by an event, so it is answered by one; a charge that is not ours is put aside for a person.
            if not await actions.refuse(
                tx, fact.charge_id, refund_id=fact.refund_id, amount=fact.amount, reason=refused.slug, at=at
            ):
                raise

    return {RefundRequested: on_requested}
