"""QR by PayPay: a code that is scanned or opened in the app (Open Payment API v2)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from kernel.clock import Clock
from kernel.money import Yen
from payments.charges.model import Attempt, Finding, NoAnswer, NotThere, Over, Paid, Refused, Unpaid
from payments.methods.paypay.signing import authorization
from payments.methods.protocol import (
    AmbiguousError,
    Away,
    BankAccount,
    Capabilities,
    NotGenuine,
    Opened,
    ProviderEvent,
    RefundFinding,
    RefundWanted,
    RefusedError,
    Wanted,
    Words,
)
from payments.settings import PaymentsSettings

CAPABILITIES = Capabilities(
    name="paypay",
    title=Words("PayPay", "PayPay"),
    amount_min=Yen(1),
    amount_max=Yen(1_000_000),
    page="code",
    reopens=False,
    refund="provider",
)
POST_SECONDS = 30.0  # PayPay's own time-outs: POST at least 30 s, others 15 s.
OTHER_SECONDS = 15.0
JSON_TYPE = "application/json"
NOT_PAID = frozenset({"DYNAMIC_QR_PAYMENT_NOT_FOUND", "01652075"})
IN_FLIGHT_MAX = 20


class PayPay:
    """Talks to PayPay with signed requests."""

    capabilities = CAPABILITIES

    def __init__(self, settings: PaymentsSettings, clock: Clock) -> None:
        self._clock = clock
        self._key = settings.paypay_api_key
        self._secret = settings.paypay_api_secret.get_secret_value()
        self._merchant = settings.paypay_merchant_id
        self._base = settings.paypay_base_url.rstrip("/")
        self._hint_sources = settings.paypay_webhook_sources
        self._client = httpx.AsyncClient(limits=httpx.Limits(max_connections=IN_FLIGHT_MAX))
        self._room = asyncio.Semaphore(IN_FLIGHT_MAX)

    async def open(self, wanted: Wanted) -> Opened:
        """Create the code of an attempt; PayPay refuses the same reference twice (DUPLICATE_DYNAMIC_QR_REQUEST)."""
        attempt = wanted.attempt
        body = {
            "merchantPaymentId": str(attempt.id),
            "amount": {"amount": attempt.amount.amount, "currency": "JPY"},
            "codeType": "ORDER_QR",
            "requestedAt": int(self._clock.now().timestamp()),
            "orderDescription": wanted.description[:255],
            "redirectUrl": wanted.return_url,
            "redirectType": "WEB_LINK",
        }
        status, answer = await self._call("POST", "/v2/codes", body)
        if status in {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS}:
            raise Away(method="PayPay")
        if status is None or status >= 500:  # noqa: PLR2004 - a server's fault: unknown
            raise AmbiguousError(f"PayPay answered {status}")
        if status >= 400:  # noqa: PLR2004 - refused
            raise RefusedError(_code(answer))
        data = answer["data"]
        deadline = datetime.fromtimestamp(int(data["expiryDate"]), UTC)
        return Opened(str(data["codeId"]), str(data["url"]), deadline, {"deeplink": str(data.get("deeplink", ""))})

    async def query(self, attempt: Attempt) -> Finding:
        """Ask for the payment of an attempt's code."""
        status, answer = await self._call("GET", f"/v2/codes/payments/{attempt.id}")
        if status is None or status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:  # noqa: PLR2004 - as above
            return NoAnswer()
        if status >= 400:  # noqa: PLR2004 - as above
            return NotThere() if _code(answer) in NOT_PAID or status == httpx.codes.NOT_FOUND else NoAnswer()
        data = answer["data"]
        match data.get("status"):
            case "COMPLETED" | "REFUNDED":
                accepted = datetime.fromtimestamp(int(data["acceptedAt"]), UTC)
                return Paid(Yen(int(data["amount"]["amount"])), accepted)
            case "FAILED":
                return Refused("failed")
            case "CANCELED" | "EXPIRED":
                return Over()
            case _:
                return Unpaid()

    async def expire(self, attempt: Attempt) -> None:
        """Delete the code. One whose answer was lost has no id for us: its reference is burnt by a cancellation."""
        path = f"/v2/codes/{attempt.provider_id}" if attempt.provider_id else f"/v2/payments/{attempt.id}"
        await self._call("DELETE", path)

    async def refund(self, wanted: RefundWanted, account: BankAccount | None) -> RefundFinding:  # noqa: ARG002
        """Give the money back to the PayPay balance."""
        status, answer = await self._call("GET", f"/v2/codes/payments/{wanted.attempt.id}")
        if status is None or status >= 400:  # noqa: PLR2004 - as above
            return RefundFinding("no_answer")
        body = {
            "merchantRefundId": str(wanted.id),
            "paymentId": str(answer["data"]["paymentId"]),
            "amount": {"amount": wanted.amount.amount, "currency": "JPY"},
            "requestedAt": int(wanted.requested_at.timestamp()),
            "reason": "cancelled",
        }
        status, answer = await self._call("POST", "/v2/refunds", body)
        if status is None or status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:  # noqa: PLR2004 - as above
            return RefundFinding("no_answer")
        if status >= 400:  # noqa: PLR2004 - as above
            return RefundFinding("failed", problem=_code(answer))
        return _refund(answer)

    async def query_refund(self, wanted: RefundWanted) -> RefundFinding:
        """Ask what became of a refund; one that PayPay does not know is sent again under the same id."""
        status, answer = await self._call("GET", f"/v2/refunds/{wanted.id}")
        if status is None or status >= 500:  # noqa: PLR2004 - as above
            return RefundFinding("no_answer")
        if status >= 400:  # noqa: PLR2004 - as above
            return await self.refund(wanted, None)
        return _refund(answer)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> ProviderEvent:  # noqa: ARG002
        """Read a notification. PayPay signs none: it is a hint to ask, believed for nothing else."""
        source = headers.get("x-source-address", "")
        if self._hint_sources and source not in self._hint_sources:
            raise NotGenuine
        said = json.loads(body)
        reference = str(said.get("merchant_order_id") or said.get("merchantPaymentId") or "")
        if not reference:
            raise ValueError("the notification names no payment")
        return ProviderEvent(f"{said.get('order_id', reference)}:{said.get('state', '')}", reference)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _call(self, verb: str, path: str, body: dict[str, Any] | None = None) -> tuple[int | None, Any]:
        raw = json.dumps(body).encode() if body is not None else b""
        headers = {
            "Authorization": authorization(
                key=self._key,
                secret=self._secret,
                method=verb,
                path=path,
                nonce=secrets.token_hex(4),
                epoch=int(self._clock.now().timestamp()),
                content_type=JSON_TYPE,
                body=raw,
            ),
            "X-ASSUME-MERCHANT": self._merchant,
        }
        if raw:
            headers["Content-Type"] = JSON_TYPE
        timeout = POST_SECONDS if verb == "POST" else OTHER_SECONDS
        try:
            async with self._room:
                answer = await self._client.request(
                    verb, self._base + path, content=raw or None, headers=headers, timeout=timeout
                )
        except httpx.ConnectError:
            return httpx.codes.SERVICE_UNAVAILABLE, {}
        except httpx.HTTPError:
            return None, {}
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, {}


def _code(answer: Any) -> str:
    return str(answer.get("resultInfo", {}).get("code", "refused")) if isinstance(answer, dict) else "refused"


def _refund(answer: Any) -> RefundFinding:
    data = answer["data"]
    match data.get("status"):
        case "CREATED" | "REFUNDED" | None:  # Both mean accepted; PayPay itself retries until it is done.
            return RefundFinding("settled", str(data.get("merchantRefundId", "")))
        case "REFUND_FAILED":
            return RefundFinding("pending", str(data.get("merchantRefundId", "")))
        case other:
            return RefundFinding("pending", problem=str(other))


def connect(settings: PaymentsSettings, clock: Clock) -> PayPay:
    """Return the method; nothing is connected yet."""
    return PayPay(settings, clock)
