"""Until when PayPay cancels a payment, and from when it must be refunded."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from kernel.clock import JAPAN

CANCEL_UNTIL = time(0, 14, 59)  # of the day after the payment, in Japan (PayPay's own rule)
ON_ITS_WAY = timedelta(seconds=30)  # A cancellation that arrives too late is refused, so it is not even sent.


def may_be_cancelled(accepted_at: int, *, at: datetime) -> bool:
    """Tell whether a payment, accepted at an epoch in seconds, may still be cancelled."""
    day = datetime.fromtimestamp(accepted_at, UTC).astimezone(JAPAN).date() + timedelta(days=1)
    return at + ON_ITS_WAY <= datetime.combine(day, CANCEL_UNTIL, JAPAN)
