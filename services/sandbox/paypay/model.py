"""PayPay's objects and their transitions: a code with its payment, and refunds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

JAPAN = ZoneInfo("Asia/Tokyo")
BASIS_POINTS = 10_000
# A payment may be cancelled until 00:14:59 of the day after.
CANCEL_UNTIL = time(0, 14, 59)

SUCCESS = ("SUCCESS", "08100001", 200)
REQUEST_ACCEPTED = ("REQUEST_ACCEPTED", "08100001", 202)
UNAUTHORIZED = ("UNAUTHORIZED", "08100016", 401)
RATE_LIMIT = ("RATE_LIMIT", "08100998", 429)
MAINTENANCE_MODE = ("MAINTENANCE_MODE", "08100999", 503)
INTERNAL_SERVER_ERROR = ("INTERNAL_SERVER_ERROR", "08101000", 500)
INVALID_REQUEST_PARAMS = ("INVALID_REQUEST_PARAMS", "00200004", 400)
DUPLICATE_DYNAMIC_QR_REQUEST = ("DUPLICATE_DYNAMIC_QR_REQUEST", "01652073", 400)
DYNAMIC_QR_NOT_FOUND = ("DYNAMIC_QR_NOT_FOUND", "01652072", 404)
DYNAMIC_QR_ALREADY_PAID = ("DYNAMIC_QR_ALREADY_PAID", "01652074", 400)
DYNAMIC_QR_PAYMENT_NOT_FOUND = ("DYNAMIC_QR_PAYMENT_NOT_FOUND", "01652075", 404)
ORDER_NOT_REVERSIBLE = ("ORDER_NOT_REVERSIBLE", "00200044", 400)
REFUND_LIMIT_EXCEEDED = ("REFUND_LIMIT_EXCEEDED", "00200014", 400)
NO_SUCH_REFUND_ORDER = ("NO_SUCH_REFUND_ORDER", "00200018", 404)
DUPLICATE_REFUND_REQUEST = ("DUPLICATE_REFUND_REQUEST", "00200007", 400)
INVALID_URL = ("INVALID_URL", "08100006", 404)

ResultCode = tuple[str, str, int]


class PayPayError(Exception):
    """A result of PayPay's that is not SUCCESS."""

    def __init__(self, result: ResultCode, message: str) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True, slots=True)
class Code:
    """A dynamic QR code and the payment made with it; `id` is the merchantPaymentId. Times are epochs."""

    id: str
    code_id: str
    amount: int
    requested_at: int
    expires_at: int
    description: str = ""
    redirect_url: str | None = None
    store_id: str | None = None
    terminal_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    status: str = "CREATED"  # CREATED, COMPLETED, FAILED, CANCELED, REFUNDED; our own: DELETED
    payment_id: str | None = None
    accepted_at: int = 0
    canceled_at: int | None = None
    refunded: int = 0
    fee: int = 0
    refund_count: int = 0

    @property
    def paid(self) -> bool:
        """Whether money came in, refunded later or not."""
        return self.accepted_at > 0


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund; `id` is the merchantRefundId."""

    id: str
    payment: str
    payment_id: str
    amount: int
    requested_at: int
    accepted_at: int
    reason: str
    status: str = "REFUNDED"  # CREATED, REFUNDED, REFUND_FAILED


def pay(code: Code, *, at: int, payment_id: str, fee_basis_points: int, late: bool = False) -> Code:
    """Take the payer's money. `late` ignores expiry and deletion, as a fault."""
    if code.status != "CREATED" and not (late and code.status == "DELETED"):
        raise PayPayError(DYNAMIC_QR_ALREADY_PAID, f"The code is {code.status} and cannot be paid.")
    if at >= code.expires_at and not late:
        raise PayPayError(DYNAMIC_QR_NOT_FOUND, "The code has expired.")
    fee = code.amount * fee_basis_points // BASIS_POINTS
    return replace(code, status="COMPLETED", payment_id=payment_id, accepted_at=at, fee=fee)


def decline(code: Code, *, payment_id: str) -> Code:
    """Let the payment fail for good (balance too small)."""
    if code.status != "CREATED":
        raise PayPayError(DYNAMIC_QR_ALREADY_PAID, f"The code is {code.status} and cannot be paid.")
    return replace(code, status="FAILED", payment_id=payment_id)


def delete(code: Code) -> Code:
    """Delete an unpaid code; what is left of it can only be paid by a fault."""
    if code.status == "DELETED":
        raise PayPayError(DYNAMIC_QR_NOT_FOUND, "There is no such code.")
    if code.status != "CREATED":
        raise PayPayError(DYNAMIC_QR_ALREADY_PAID, f"The code is {code.status}.")
    return replace(code, status="DELETED")


def cancel(code: Code, *, at: int) -> Code:
    """Cancel a payment; before it is paid this burns the merchantPaymentId."""
    if code.status == "CANCELED":
        return code
    if code.status not in {"CREATED", "COMPLETED"} or code.refunded:
        raise PayPayError(ORDER_NOT_REVERSIBLE, f"A payment that is {code.status} cannot be cancelled.")
    if code.paid and at > _cancel_end(code.accepted_at):
        raise PayPayError(ORDER_NOT_REVERSIBLE, "The time to cancel has passed; make a refund instead.")
    return replace(code, status="CANCELED", canceled_at=at, refunded=code.amount if code.paid else 0)


def _cancel_end(accepted_at: int) -> float:
    day = datetime.fromtimestamp(accepted_at, JAPAN).date() + timedelta(days=1)
    return datetime.combine(day, CANCEL_UNTIL, JAPAN).timestamp()


def refund(code: Code, amount: int, *, partial_refunds_max: int) -> Code:
    """Give an amount back; never more than is left."""
    if code.status not in {"COMPLETED", "REFUNDED"}:
        raise PayPayError(ORDER_NOT_REVERSIBLE, f"A payment that is {code.status} cannot be refunded.")
    left = code.amount - code.refunded
    if amount > left:
        raise PayPayError(REFUND_LIMIT_EXCEEDED, f"¥{left} are left to refund, not ¥{amount}.")
    if code.refund_count >= partial_refunds_max:
        raise PayPayError(REFUND_LIMIT_EXCEEDED, f"The contract allows {partial_refunds_max} refunds per payment.")
    whole = code.refunded + amount == code.amount
    return replace(
        code,
        refunded=code.refunded + amount,
        refund_count=code.refund_count + 1,
        status="REFUNDED" if whole else code.status,
    )
