"""Until when a payment by PayPay is cancelled, and from when it is refunded; in Japan's time."""

from datetime import datetime, timedelta

import pytest

from kernel.clock import JAPAN
from payments.methods.paypay.windows import may_be_cancelled

PAID = int(datetime(2026, 11, 24, 23, 50, tzinfo=JAPAN).timestamp())


@pytest.mark.parametrize(
    ("at", "cancelled"),
    [
        (datetime(2026, 11, 24, 23, 51, tzinfo=JAPAN), True),
        (datetime(2026, 11, 25, 0, 14, 0, tzinfo=JAPAN), True),
        (datetime(2026, 11, 25, 0, 14, 40, tzinfo=JAPAN), False),  # It would arrive too late.
        (datetime(2026, 11, 25, 0, 15, tzinfo=JAPAN), False),
        (datetime(2026, 11, 26, 0, 1, tzinfo=JAPAN), False),
    ],
)
def test_a_cancellation_is_sent_until_a_quarter_past_midnight(at, cancelled):
    assert may_be_cancelled(PAID, at=at) is cancelled


def test_a_payment_just_after_midnight_has_until_the_next_one():
    paid = datetime(2026, 11, 25, 0, 1, tzinfo=JAPAN)
    assert may_be_cancelled(int(paid.timestamp()), at=paid + timedelta(hours=23))
