"""What happens at KOMOJU: numbers are issued, paid at a bank, cancelled, expire; refunds are requested."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kernel.clock import Clock
from sandbox.journal import Journal
from sandbox.komoju import model
from sandbox.komoju.model import Payment, RefundRequest
from sandbox.komoju.store import KomojuStore
from sandbox.settings import SandboxSettings
from sandbox.webhooks import Delivery, Sender

Later = Callable[[float, Callable[[], object]], object]


def new_id() -> str:
    """Return an id as KOMOJU writes them: 25 lower-case letters and digits."""
    return "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(25))


def sign(secret: str, delivery: Delivery) -> Mapping[str, str]:
    """Return KOMOJU's webhook headers: id, event, and hex HMAC-SHA256 over the raw body."""
    return {
        "X-Komoju-ID": delivery.event_id,
        "X-Komoju-Event": delivery.event_type,
        "X-Komoju-Signature": hmac.new(secret.encode(), delivery.body.encode(), hashlib.sha256).hexdigest(),
    }


class KomojuDesk:
    """Every action at KOMOJU, by the merchant's API or by the payer's hand."""

    def __init__(self, settings: SandboxSettings, clock: Clock, journal: Journal, sender: Sender, later: Later) -> None:
        self.store = KomojuStore(journal)
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._sender = sender
        self._later = later

    def start(self) -> None:
        """Take up again what waits for its time: unpaid payments and refund requests."""
        for payment in self.store.payments:
            if payment.status == "authorized":
                self._watch(payment)
        for each in self.store.requests.by("open", "open"):
            self._later(each.settles_at - self._seconds(), partial(self.settle_refund, each.id))

    def now(self) -> int:
        """The present as an epoch in seconds."""
        return int(self._seconds())

    def issue(self, payment: Payment) -> Payment:
        """Issue a payment's numbers; it expires by itself at its deadline."""
        with self._journal.change():
            self.store.payments.put(payment)
            self._announce("payment.authorized", payment)
        self._watch(payment)
        return payment

    def pay(self, payment: Payment, *, late: bool = False) -> Payment:
        """Let the payer pay the numbers. Raises KomojuError if they are not payable."""
        with self._journal.change():
            paid = model.capture(
                payment, at=self.now(), fee_basis_points=self._settings.komoju_fee_basis_points, late=late
            )
            self.store.payments.put(paid)
            self._announce("payment.captured", paid)
            return paid

    def pay_again(self, payment: Payment) -> Payment:
        """Take the same amount a second time: a second payment of the same order number."""
        second = replace(
            payment,
            id=new_id(),
            created=self.now(),
            customer_id="".join(secrets.choice("0123456789") for _ in range(len(payment.customer_id))),
            status="authorized",
            captured_at=None,
            refunded=0,
            deadline=max(payment.deadline, self.now() + 60),
        )
        with self._journal.change():
            self.store.payments.put(second)
            return self.pay(second)

    def end(self, payment: Payment, status: str) -> Payment:
        """End an unpaid payment as cancelled, expired or failed. Raises KomojuError."""
        with self._journal.change():
            ended = self.store.payments.put(model.end(payment, status))
            self._announce(f"payment.{status}", ended)
            return ended

    def take_back(self, payment: Payment) -> Payment:
        """Let the bank take a payment back at its window. Raises KomojuError."""
        with self._journal.change():
            gone = self.store.payments.put(model.take_back(payment))
            self._announce("payment.cancelled", gone)
            return gone

    def request_refund(self, request: RefundRequest) -> RefundRequest:
        """Take a refund request; people at KOMOJU decide it a moment later. Raises KomojuError."""
        payment = self.store.payments.get(request.payment)
        assert payment is not None  # noqa: S101 - the route has looked it up
        with self._journal.change():
            self.store.payments.put(model.reserve_refund(payment, request.amount))
            self.store.requests.put(request)
        self._later(request.settles_at - self._seconds(), lambda: self.settle_refund(request.id))
        return request

    def settle_refund(self, request_id: str) -> None:
        """Decide a pending refund request: paid back, or rejected and the amount free again."""
        request = self.store.requests.get(request_id)
        payment = self.store.payments.get(request.payment) if request is not None else None
        if request is None or payment is None or request.status != "pending":
            return
        with self._journal.change():
            if request.will_fail:
                self.store.requests.put(replace(request, status="rejected"))
                self.store.payments.put(replace(payment, refunded=payment.refunded - request.amount))
                return
            self.store.requests.put(replace(request, status="approved", refund=new_id()))
            settled = self.store.payments.put(model.settle_refund(payment))
            self._announce("payment.refund.created", settled)
            if settled.status == "refunded":
                self._announce("payment.refunded", settled)

    def announce_again(self, payment: Payment) -> None:
        """Tell of the same capture in a second event with an id of its own."""
        self._announce("payment.captured", payment)

    def as_json(self, payment: Payment) -> dict[str, Any]:
        """Return a payment as KOMOJU writes it."""
        requests = self.store.requests.by("payment", payment.id)
        page = f"{self._settings.base}/komoju/pay/{payment.id}"
        return {
            "id": payment.id,
            "resource": "payment",
            "status": payment.status,
            "amount": payment.amount,
            "tax": payment.tax,
            "customer": None,
            "payment_deadline": moment(payment.deadline),
            "payment_details": {
                "type": "pay_easy",
                "email": payment.email,
                "redirect_url": None,
                "bank_id": payment.bank_id,
                "customer_id": payment.customer_id,
                "confirmation_id": payment.confirmation_id,
                "instructions_url": page,
                "payment_url": page,
            },
            "payment_method_fee": 0,
            "total": payment.total,
            "currency": "JPY",
            "description": payment.description,
            "captured_at": moment(payment.captured_at) if payment.captured_at is not None else None,
            "external_order_num": payment.external_order_num,
            "metadata": payment.metadata,
            "created_at": moment(payment.created),
            "amount_refunded": sum(each.amount for each in requests if each.status == "approved"),
            "locale": payment.locale,
            "refunds": [_refund_json(each) for each in requests if each.refund is not None],
            "refund_requests": [request_json(each) for each in requests],
        }

    def _announce(self, kind: str, payment: Payment) -> None:
        event_id = new_id()
        said = {
            "id": event_id,
            "type": kind,
            "resource": "event",
            "data": self.as_json(payment),
            "created_at": moment(self.now()),
            "reason": None,
        }
        body = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        self._sender.send("komoju", event_id=event_id, event_type=kind, body=body)

    def _watch(self, payment: Payment) -> None:
        def end() -> None:
            found = self.store.payments.get(payment.id)
            if found is not None and found.status == "authorized":
                self.end(found, "expired")

        self._later(payment.deadline - self._seconds(), end)

    def _seconds(self) -> float:
        return self._clock.now().timestamp()


def moment(epoch: int) -> str:
    """Return an epoch as KOMOJU writes times: ISO 8601 with Z."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refund_json(request: RefundRequest) -> dict[str, Any]:
    return {
        "id": request.refund,
        "resource": "refund",
        "payment": request.payment,
        "amount": request.amount,
        "currency": "JPY",
        "description": request.description,
        "chargeback": False,
        "created_at": moment(int(request.settles_at)),
    }


def request_json(request: RefundRequest) -> dict[str, Any]:
    """Return a refund request as KOMOJU writes it."""
    return {
        "id": request.id,
        "resource": "refund_request",
        "payment": request.payment,
        "amount": request.amount,
        "currency": "JPY",
        "status": request.status,
        "customer_name": request.customer_name,
        "bank_name": request.bank_name,
        "bank_code": request.bank_code,
        "branch_name": request.branch_name,
        "branch_number": request.branch_number,
        "account_type": request.account_type,
        "account_number": f"***{request.account_number_end}",
        "description": request.description,
        "created_at": moment(request.created),
    }
