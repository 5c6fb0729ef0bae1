"""From a charge's state to the facts that are published about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kernel.contracts import payments as facts
from kernel.money import Yen
from payments.charges.model import Attempt, Charge, Part

Cause = Literal["paid_too_late", "paid_twice", "amount_differs"]


def allocations(parts: tuple[Part, ...]) -> tuple[facts.Allocation, ...]:
    """Return the parts as events carry them."""
    return tuple(
        facts.Allocation(
            facility=part.facility,
            product=part.product,
            revenue_owner=part.revenue_owner,
            revenue_account=part.revenue_account,
            tax_rate_percent=part.tax_rate_percent,
            amount=part.amount,
        )
        for part in parts
    )


def _whole(charge: Charge, method: str) -> dict[str, Any]:
    return {
        "charge_id": charge.id,
        "reference": charge.reference,
        "caller": charge.caller,
        "method": method,
        "amount": charge.amount,
        "facility": charge.facility,
        "allocations": allocations(charge.parts),
    }


def requested(charge: Charge) -> facts.ChargeRequested:
    """Return the fact of an opened charge."""
    return facts.ChargeRequested(
        **_whole(charge, charge.method), requested_at=charge.created_at, expires_at=charge.expires_at
    )


def captured(charge: Charge, attempt: Attempt, *, amount: Yen, at: datetime) -> facts.ChargeCaptured:
    """Return the fact that the money is there."""
    return facts.ChargeCaptured(
        **_whole(charge, attempt.method),
        attempt_id=attempt.id,
        captured=amount,
        provider_reference=str(attempt.id),
        captured_at=at,
    )


def failed(charge: Charge, *, reason: str, at: datetime) -> facts.ChargeFailed:
    """Return the fact that the provider refused."""
    return facts.ChargeFailed(**_whole(charge, charge.method), reason=reason, failed_at=at)


def expired(charge: Charge, *, at: datetime) -> facts.ChargeExpired:
    """Return the fact that nobody paid in time."""
    return facts.ChargeExpired(**_whole(charge, charge.method), expired_at=at)


def unallocated(
    charge: Charge,
    *,
    method: str,
    attempt_id: UUID | None,
    amount: Yen,
    cause: Cause,
    at: datetime,
) -> facts.ChargeUnallocated:
    """Return the fact of money that no order can take."""
    return facts.ChargeUnallocated(
        **_whole(charge, method), attempt_id=attempt_id, captured=amount, cause=cause, unallocated_at=at
    )


def reversed_(charge: Charge, attempt: Attempt, *, amount: Yen, at: datetime) -> facts.ChargeReversed:
    """Return the fact that the bank took the payment back."""
    return facts.ChargeReversed(
        **_whole(charge, attempt.method), attempt_id=attempt.id, reversed=amount, reversed_at=at
    )


def unallocated_reversed(charge: Charge, attempt: Attempt, *, amount: Yen, at: datetime) -> facts.UnallocatedReversed:
    """Return the fact that the bank took money back which no order had."""
    return facts.UnallocatedReversed(
        **_whole(charge, attempt.method), attempt_id=attempt.id, reversed=amount, reversed_at=at
    )
