"""KOMOJU's objects and their transitions: a Pay-easy payment, its numbers, its refund request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

BASIS_POINTS = 10_000
TAX_PERCENT = 10


class KomojuError(Exception):
    """An answer of KOMOJU's that is not a success, in its own shape."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"code": code, "message": message, "param": param, "details": {}}}


@dataclass(frozen=True, slots=True)
class Payment:
    """A Pay-easy payment: `authorized` means numbers issued and unpaid, `captured` means paid."""

    id: str
    created: int
    amount: int
    tax: int
    bank_id: str
    customer_id: str
    confirmation_id: str
    deadline: int
    email: str
    status: str = "authorized"  # authorized, captured, cancelled, expired, failed, refunded
    external_order_num: str | None = None
    description: str | None = None
    locale: str = "ja"
    captured_at: int | None = None
    refunded: int = 0
    fee: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def taken_back(self) -> bool:
        """Whether it was paid and the bank took the payment back."""
        return self.status == "cancelled" and self.captured_at is not None

    @property
    def total(self) -> int:
        """What the payer pays."""
        return self.amount + self.tax


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A wish to pay back by bank transfer: `pending`, then `approved` or `rejected` by KOMOJU's people."""

    id: str
    created: int
    payment: str
    amount: int
    settles_at: float
    customer_name: str
    bank_name: str
    bank_code: str
    branch_name: str
    branch_number: str
    account_type: str
    account_number_end: str  # only the last digits are kept
    description: str | None = None
    status: str = "pending"
    refund: str | None = None
    will_fail: bool = False


def fee_of(total: int, basis_points: int) -> int:
    """Return KOMOJU's fee with its 10 % tax, each rounded half up (5,000 at 2.75 % is 138 + 14)."""
    fee = (total * basis_points + BASIS_POINTS // 2) // BASIS_POINTS
    return fee + (fee * TAX_PERCENT + 50) // 100


def capture(payment: Payment, *, at: int, fee_basis_points: int, late: bool = False) -> Payment:
    """Take the payer's money. `late`: the network took it although the payment had ended."""
    payable = {"authorized", "expired", "cancelled"} if late and payment.captured_at is None else {"authorized"}
    if payment.status not in payable or (at >= payment.deadline and not late):
        raise KomojuError(422, "unprocessable_entity", f"The payment is {payment.status} and cannot be paid.")
    return replace(payment, status="captured", captured_at=at, fee=fee_of(payment.total, fee_basis_points))


def end(payment: Payment, status: str) -> Payment:
    """End an unpaid payment as cancelled, expired or failed."""
    if payment.status != "authorized":
        raise KomojuError(422, "not_cancellable", f"The payment is {payment.status} and cannot be {status}.")
    return replace(payment, status=status)


def take_back(payment: Payment) -> Payment:
    """Take a paid payment back, as a bank does at its window (取消): cancelled, with the time of its capture kept."""
    if payment.status != "captured" or payment.refunded:
        raise KomojuError(422, "unprocessable_entity", f"The payment is {payment.status} and cannot be taken back.")
    return replace(payment, status="cancelled", fee=0)


def reserve_refund(payment: Payment, amount: int) -> Payment:
    """Take a refund's amount from a captured payment; never more than is left."""
    if payment.status not in {"captured", "refunded"}:
        raise KomojuError(422, "not_refundable", f"The payment is {payment.status} and cannot be refunded.")
    left = payment.total - payment.refunded
    if amount > left:
        raise KomojuError(422, "refund_exceeds_payment", f"{left} are left to refund, not {amount}.", "amount")
    return replace(payment, refunded=payment.refunded + amount)


def settle_refund(payment: Payment) -> Payment:
    """Mark a payment that is wholly paid back."""
    return replace(payment, status="refunded") if payment.refunded == payment.total else payment
