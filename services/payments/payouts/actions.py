"""Which attempt each line of a payout is of: as it says itself, by our own tables, or as its payment says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from kernel.rows import Database
from payments.methods.protocol import PayoutLine, PayoutReader, RefusedError
from payments.payouts import store

PAYMENTS_ASKED_MAX: Final = 500


async def attempts_of(
    database: Database,
    reader: PayoutReader,
    lines: Sequence[PayoutLine],
    *,
    provider: str,
    methods: Collection[str],
    correlation_id: str,
) -> dict[str, UUID]:
    """Return the attempts by the ids of lines; what is not of ours is left out. Raises Away or AmbiguousError.

    A refund names itself, a dispute nothing, and one made by hand at the provider is in no table of ours: its payment
    is asked about there, at most 500 of them.
    """
    named = {each.id: name for each in lines if (name := _uuid(each.reference)) is not None}
    async with database.transaction(correlation_id) as tx:
        by_refund = await store.attempts_of_refunds(tx, set(named.values()))
        sources = {each.source for each in lines if each.source is not None}
        by_dispute = await store.attempts_of_disputes(tx, provider, sources)
        payments = {each.payment for each in lines if each.payment is not None}
        by_payment = await store.attempts_of_payments(tx, methods, payments)
    found: dict[str, UUID] = {}
    for line in lines:
        name = named.get(line.id)
        if name is None:
            attempt = by_dispute.get(line.source or "")
        else:
            attempt = by_refund.get(str(name), None if line.kind.startswith("refund") else name)
        if attempt is not None:
            found[line.id] = attempt
            if line.payment is not None:
                by_payment.setdefault(line.payment, attempt)
    missing = sorted({each.payment for each in lines if each.payment and _is_to_ask(each, found, by_payment)})
    for payment in missing[:PAYMENTS_ASKED_MAX]:
        attempt = await _asked(reader, payment)
        if attempt is not None:
            by_payment[payment] = attempt
    return found | {
        each.id: by_payment[each.payment]
        for each in lines
        if each.id not in found and each.payment is not None and each.payment in by_payment
    }


def _is_to_ask(line: PayoutLine, found: dict[str, UUID], by_payment: dict[str, UUID]) -> bool:
    # A charge carries its payment's own marks: without them its payment has none either.
    return line.id not in found and line.payment not in by_payment and line.kind != "charge"


async def _asked(reader: PayoutReader, payment: str) -> UUID | None:
    try:
        return _uuid(await reader.attempt_of_payment(payment))
    except RefusedError:
        return None


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
