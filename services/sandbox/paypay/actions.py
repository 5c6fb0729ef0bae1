"""What happens at PayPay: codes are made, paid, deleted; payments are cancelled and refunded."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

from kernel.clock import JAPAN, Clock
from sandbox.journal import Journal
from sandbox.paypay import model
from sandbox.paypay.model import Code, PayPayError, Refund
from sandbox.paypay.store import PayPayStore
from sandbox.settings import SandboxSettings
from sandbox.webhooks import Sender

ID_DIGITS = 20


def _payment_id() -> str:
    return "".join(secrets.choice("123456789") for _ in range(ID_DIGITS))


class PayPayDesk:
    """Every action at PayPay, by the merchant's API or by the payer's hand."""

    def __init__(self, settings: SandboxSettings, clock: Clock, journal: Journal, sender: Sender) -> None:
        self.store = PayPayStore(journal)
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._sender = sender

    def now(self) -> int:
        """The present as an epoch in seconds."""
        return int(self._clock.now().timestamp())

    def create(self, code: Code) -> Code:
        """Make a code. Raises PayPayError (DUPLICATE_DYNAMIC_QR_REQUEST) for a used merchantPaymentId."""
        known = self.store.codes.get(code.id)
        if known is not None and known.status != "DELETED":
            raise PayPayError(model.DUPLICATE_DYNAMIC_QR_REQUEST, "The merchantPaymentId was used before.")
        return self.store.codes.put(code)

    def delete(self, code_id: str) -> None:
        """Delete an unpaid code; its merchantPaymentId may be used again. Raises PayPayError."""
        code = self.store.by_code(code_id)
        if code is None:
            raise PayPayError(model.DYNAMIC_QR_NOT_FOUND, "There is no such code.")
        self.store.codes.put(model.delete(code))

    def pay(self, code: Code, *, late: bool = False) -> Code:
        """Let the payer pay. Raises PayPayError if it is not open (`late` ignores the expiry)."""
        with self._journal.change():
            paid = model.pay(
                code,
                at=self.now(),
                payment_id=_payment_id(),
                fee_basis_points=self._settings.paypay_fee_basis_points,
                late=late,
            )
            self.store.codes.put(paid)
            self.notify(paid)
            return paid

    def decline(self, code: Code) -> Code:
        """Let the payment fail. Raises PayPayError if it is not open."""
        with self._journal.change():
            failed = self.store.codes.put(model.decline(code, payment_id=_payment_id()))
            self.notify(failed)
            return failed

    def cancel(self, code: Code) -> Code:
        """Cancel a payment, paid or not. Raises PayPayError (ORDER_NOT_REVERSIBLE)."""
        with self._journal.change():
            cancelled = self.store.codes.put(model.cancel(code, at=self.now()))
            if cancelled != code:
                self.notify(cancelled)
            return cancelled

    def refund(self, wanted: Refund) -> Refund:
        """Refund a payment; the same merchantRefundId again gives the first answer. Raises PayPayError."""
        known = self.store.refunds.get(wanted.id)
        if known is not None:
            if (known.payment_id, known.amount) != (wanted.payment_id, wanted.amount):
                raise PayPayError(model.DUPLICATE_REFUND_REQUEST, "The merchantRefundId was used for another refund.")
            return known
        code = self.store.codes.get(wanted.payment)
        if code is None:
            raise PayPayError(model.DYNAMIC_QR_PAYMENT_NOT_FOUND, "There is no such payment.")
        with self._journal.change():
            changed = model.refund(code, wanted.amount, partial_refunds_max=self._settings.paypay_partial_refunds_max)
            self.store.codes.put(changed)
            return self.store.refunds.put(wanted)

    def notify(self, code: Code) -> None:
        """Send the unsigned transaction notification."""
        said = {
            "notification_type": "Transaction",
            "merchant_id": self._settings.paypay_merchant_id,
            "store_id": code.store_id or "",
            "pos_id": code.terminal_id or "",
            "order_id": code.payment_id or "",
            "merchant_order_id": code.id,
            "authorized_at": None,
            "expires_at": _moment(code.expires_at),
            "paid_at": _moment(code.accepted_at) if code.paid else None,
            "order_amount": code.amount,
            "state": code.status,
        }
        body = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        self._sender.send("paypay", event_id=code.payment_id or code.id, event_type=code.status, body=body)


def _moment(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).astimezone(JAPAN).isoformat()
