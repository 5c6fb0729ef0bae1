"""PayPay by dynamic QR code: the payer scans the code, or opens the app by its link."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import httpx

from kernel.clock import SystemClock
from kernel.contracts.payments import Method
from kernel.money import Yen
from kernel.settings import Settings
from payments.charges.model import Absent, Ended, Finding, NotPaid, Paid, Refused, Unclear
from payments.methods.paypay.settings import PayPaySettings
from payments.methods.paypay.signing import authorization
from payments.methods.protocol import (
    Capabilities,
    Hint,
    MethodAway,
    RefundDone,
    RefundFinding,
    RefundRefused,
    RefundUnderWay,
    ToAsk,
    ToOpen,
    ToRefund,
    WebhookRefused,
    settings_like,
)

JSON = "application/json"
DESCRIPTION_MAX = 255
POST_SECONDS, OTHER_SECONDS, CONNECT_SECONDS = 30.0, 15.0, 3.0
OK_END = 300
SERVER_ERRORS = 500
EXPIRY_GRACE = timedelta(seconds=2)
MAINTENANCE, RATE_LIMIT = "MAINTENANCE_MODE", "RATE_LIMIT"
DUPLICATE = "DUPLICATE_DYNAMIC_QR_REQUEST"
NOT_THERE = {"DYNAMIC_QR_PAYMENT_NOT_FOUND", "DYNAMIC_QR_NOT_FOUND", "NO_SUCH_REFUND_ORDER"}


class UnclearError(Exception):
    """Sent, and no clear answer."""


class ResultError(Exception):
    """A result of PayPay's that is clear, and not SUCCESS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _moment(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


class PayPay:
    """Dynamic QR codes of PayPay's Open Payment API v2."""

    name: Method = "paypay"
    capabilities = Capabilities(
        shows="code",
        poll_open=timedelta(seconds=5),
        # The code's address comes in the first answer only.
        resumes=False,
    )

    def __init__(self, settings: PayPaySettings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._http = httpx.AsyncClient(base_url=settings.api_base)

    async def open(self, wanted: ToOpen) -> NotPaid | Refused | Unclear | Paid | Ended:
        """Make a code; its address is what the payer scans."""
        said = {
            "merchantPaymentId": wanted.provider_reference,
            "amount": {"amount": wanted.amount.amount, "currency": "JPY"},
            "codeType": "ORDER_QR",
            "requestedAt": int(wanted.created_at.timestamp()),
            "orderDescription": wanted.description[:DESCRIPTION_MAX],
            "redirectUrl": wanted.cancel_url,
            "redirectType": "WEB_LINK",
        }
        try:
            data = await self._call("POST", "/v2/codes", said)
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            # The code exists, but its address is lost with the first answer.
            return Unclear(DUPLICATE) if refused.code == DUPLICATE else Refused(refused.code)
        return NotPaid(
            provider_id=str(data["codeId"]),
            pay_url=str(data["url"]),
            deep_link=str(data.get("deeplink") or ""),
            deadline=_moment(int(data["expiryDate"])),
        )

    async def query(self, asked: ToAsk) -> Finding:
        """Ask about the payment of our merchantPaymentId. CREATED and not found both mean: not paid."""
        over = asked.at > asked.deadline + EXPIRY_GRACE
        try:
            data = await self._call("GET", f"/v2/codes/payments/{asked.provider_reference}")
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            if refused.code not in NOT_THERE:
                return Unclear(refused.code)
            return Ended() if over else Absent()
        match str(data.get("status")):
            case "COMPLETED" | "REFUNDED":
                return Paid(
                    provider_id=asked.provider_id or asked.provider_reference,
                    payment_id=str(data["paymentId"]),
                    amount=Yen(int(data["amount"]["amount"])),
                    at=_moment(int(data["acceptedAt"])),
                )
            case "FAILED":
                return Refused("FAILED")
            case "EXPIRED" | "CANCELED":
                return Ended()
            case _:
                return Ended() if over else NotPaid(asked.provider_id or asked.provider_reference)

    async def expire(self, asked: ToAsk) -> Finding:
        """Delete an unpaid code; a payment is never cancelled here, because that would burn its id."""
        if asked.provider_id is None:
            found = await self.query(asked)
            # Nobody was ever shown the code of a lost answer.
            return Ended() if isinstance(found, NotPaid | Absent) else found
        try:
            await self._call("DELETE", f"/v2/codes/{asked.provider_id}")
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            found = await self.query(asked)
            gone = refused.code in NOT_THERE and isinstance(found, NotPaid | Absent)
            return Ended() if gone else found
        return Ended()

    async def refund(self, wanted: ToRefund) -> RefundFinding:
        """Refund by PayPay's paymentId; the same merchantRefundId is one refund."""
        said = {
            "merchantRefundId": wanted.reference,
            "paymentId": wanted.payment_id,
            "amount": {"amount": wanted.amount.amount, "currency": "JPY"},
            "requestedAt": int(wanted.requested_at.timestamp()),
            "reason": "refund",
        }
        try:
            return _of_refund(await self._call("POST", "/v2/refunds", said), wanted)
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            return RefundRefused(refused.code)

    async def query_refund(self, wanted: ToRefund) -> RefundFinding | None:
        """Ask about a refund by our own reference."""
        try:
            return _of_refund(await self._call("GET", f"/v2/refunds/{wanted.reference}"), wanted)
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            return None if refused.code in NOT_THERE else Unclear(refused.code)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, *, source: str, at: datetime) -> Hint:
        """Check where a notification comes from (it carries no signature) and read which payment it is about."""
        del headers, at
        networks = [each.strip() for each in self._settings.paypay_webhook_sources.split(",") if each.strip()]
        try:
            if networks and not any(ip_address(source) in ip_network(each, strict=False) for each in networks):
                raise WebhookRefused
            said = json.loads(body)
            if str(said["merchant_id"]) != self._settings.paypay_merchant_id.get_secret_value():
                raise WebhookRefused
            # It has no id of its own: the same content is the same message.
            return Hint(
                event_id=hashlib.sha256(body).hexdigest(),
                event_type=f"{said['notification_type']}.{said['state']}",
                reference=str(said["merchant_order_id"]),
            )
        except (ValueError, KeyError, TypeError) as unreadable:
            raise WebhookRefused from unreadable

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, said: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one request. Raises MethodAway, UnclearError, ResultError."""
        body = b"" if said is None else json.dumps(said, ensure_ascii=False).encode()
        settings = self._settings
        headers = {
            "Authorization": authorization(
                key=settings.paypay_api_key.get_secret_value(),
                secret=settings.paypay_api_secret.get_secret_value(),
                method=method,
                path=path,
                nonce=secrets.token_hex(4),
                epoch=int(self._clock.now().timestamp()),
                content_type=JSON,
                body=body,
            ),
            "X-ASSUME-MERCHANT": settings.paypay_merchant_id.get_secret_value(),
        } | ({"Content-Type": JSON} if body else {})
        timeout = httpx.Timeout(POST_SECONDS if method == "POST" else OTHER_SECONDS, connect=CONNECT_SECONDS)
        try:
            answer = await self._http.request(method, path, content=body or None, headers=headers, timeout=timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout) as away:
            raise MethodAway from away
        except httpx.HTTPError as problem:
            raise UnclearError(type(problem).__name__) from problem
        try:
            result = answer.json()
            code = str(result["resultInfo"]["code"])
        except (ValueError, KeyError, TypeError) as problem:
            raise UnclearError(f"{answer.status_code} without a result") from problem
        if code in {MAINTENANCE, RATE_LIMIT}:
            raise MethodAway
        if answer.status_code >= SERVER_ERRORS:
            raise UnclearError(f"{answer.status_code} {code}")
        if answer.status_code >= OK_END:
            raise ResultError(code)
        return dict(result.get("data") or {})


def _of_refund(data: Mapping[str, Any], wanted: ToRefund) -> RefundFinding:
    match data.get("status"):
        case "CREATED" | "REFUNDED":  # Both mean accepted: PayPay tries on by itself until the money is back.
            return RefundDone(wanted.reference, _moment(int(data.get("acceptedAt") or data["requestedAt"])))
        case _:
            return RefundUnderWay(wanted.reference)


def build(settings: Settings) -> PayPay:
    """Build the method from the environment."""
    return PayPay(settings_like(settings, PayPaySettings))
