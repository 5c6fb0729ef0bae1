"""QR by PayPay: a code that is scanned or opened in the app (Open Payment API v2)."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

from kernel.clock import Clock
from kernel.money import Yen
from payments.charges.model import Attempt, Finding, NoAnswer, NotThere, Over, Paid, Refused, Unpaid
from payments.methods.paypay import windows
from payments.methods.paypay.results import Meaning, meaning_of, words_of
from payments.methods.paypay.signing import authorization
from payments.methods.protocol import (
    AmbiguousError,
    Away,
    BankAccount,
    Capabilities,
    MisconfiguredError,
    NotGenuine,
    Opened,
    ProviderEvent,
    RefundFinding,
    RefundWanted,
    RefusedError,
    Wanted,
    Words,
)
from payments.methods.quiet import Quiet, again_at, asked_for
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
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
IN_FLIGHT_MAX = 20
MISCONFIGURED = (
    "PayPay answered {code}: check MOMIJI_PAYPAY_API_KEY, MOMIJI_PAYPAY_API_SECRET, MOMIJI_PAYPAY_MERCHANT_ID, "
    "MOMIJI_PAYPAY_BASE_URL and this machine's clock"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer of PayPay's and what it means; `retry_after` in seconds."""

    meaning: Meaning | Literal["unreachable"]
    code: str
    answer: Any
    retry_after: float | None


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
        self._quiet = Quiet()

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
        said = await self._call("POST", "/v2/codes", body)
        match said.meaning:
            case "done":
                data = said.answer["data"]
            case "maintenance" | "rate_limited" | "unreachable":
                raise Away(method="PayPay", kind=said.meaning, retry_after=said.retry_after)
            case "misconfigured":
                raise MisconfiguredError(MISCONFIGURED.format(code=said.code))
            case "ask_first" | "duplicate" | "already_paid":
                raise AmbiguousError(f"PayPay answered {said.code}")
            case _:
                raise RefusedError(said.code)
        deadline = datetime.fromtimestamp(int(data["expiryDate"]), UTC)
        deeplink = str(data.get("deeplink") or "")
        opens_the_app = deeplink.startswith(("paypay://", "https://"))
        shown = {"deeplink": deeplink if opens_the_app else ""}
        return Opened(str(data["codeId"]), str(data["url"]), deadline, shown)

    async def query(self, attempt: Attempt) -> Finding:
        """Ask for the payment of an attempt's code."""
        said = await self._call("GET", f"/v2/codes/payments/{attempt.id}")
        if said.meaning in {"not_paid", "no_such_code"}:
            return NotThere()
        if said.meaning != "done":
            return NoAnswer(again_at(said.retry_after, at=self._clock.now()))
        data = said.answer["data"]
        match data.get("status"):
            case "COMPLETED" | "REFUNDED":
                accepted = datetime.fromtimestamp(int(data["acceptedAt"]), UTC)
                return Paid(Yen(int(data["amount"]["amount"])), accepted)
            case "FAILED":
                return Refused("declined")  # PayPay tells the payer why, in the app; it does not tell us.
            case "CANCELED" | "EXPIRED":
                return Over()
            case _:
                return Unpaid()

    async def expire(self, attempt: Attempt) -> None:
        """Delete the code. One whose answer was lost has no id for us: its reference is burnt by a cancellation."""
        path = f"/v2/codes/{attempt.provider_id}" if attempt.provider_id else f"/v2/payments/{attempt.id}"
        await self._call("DELETE", path)

    async def refund(self, wanted: RefundWanted, account: BankAccount | None) -> RefundFinding:  # noqa: ARG002
        """Give the money back to the PayPay balance.

        A whole payment of the same day is cancelled (until 00:14:59 of the next, Japan's time); a part of one, or one
        of an earlier day, is refunded under our id. Decision 0122.
        """
        said = await self._call("GET", f"/v2/codes/payments/{wanted.attempt.id}")
        data = said.answer["data"] if said.meaning == "done" else {}
        if not data.get("paymentId"):
            return self._no_answer(said)
        ended = _cancelled(data)
        if (
            ended is None
            and _whole(data, wanted)
            and windows.may_be_cancelled(int(data["acceptedAt"]), at=self._clock.now())
        ):
            ended = await self._cancel(wanted)
        return ended or await self._give_back(wanted, str(data["paymentId"]))

    async def _give_back(self, wanted: RefundWanted, payment_id: str) -> RefundFinding:
        body = {
            "merchantRefundId": str(wanted.id),
            "paymentId": payment_id,
            "amount": {"amount": wanted.amount.amount, "currency": "JPY"},
            "requestedAt": int(wanted.requested_at.timestamp()),
            "reason": "cancelled",
        }
        said = await self._call("POST", "/v2/refunds", body)
        match said.meaning:
            case "done":
                return _refund(said.answer)
            case "refund_limit":
                return RefundFinding("failed", problem="refund_limit")
            case "not_reversible":
                return RefundFinding("failed", problem="not_refundable")
            case "refused" | "no_such_code" | "not_paid" | "already_paid":
                return RefundFinding("failed", problem=said.code)
            case "duplicate":
                return await self._asked(wanted)  # An earlier call of ours made it: see what became of that.
            case _:
                return self._no_answer(said)

    async def _cancel(self, wanted: RefundWanted) -> RefundFinding | None:
        """Cancel a payment; None when PayPay says that it must be refunded instead."""
        said = await self._call("DELETE", f"/v2/payments/{wanted.attempt.id}")
        if said.meaning == "not_reversible":
            return None
        if said.meaning != "done":
            return self._no_answer(said)
        return await self._asked(wanted)  # "Accepted" is not yet "done".

    async def query_refund(self, wanted: RefundWanted) -> RefundFinding:
        """Ask what became of a refund; one that PayPay does not know is sent again under the same id."""
        found = await self._asked(wanted)
        return await self.refund(wanted, None) if found.state == "not_there" else found

    async def _asked(self, wanted: RefundWanted) -> RefundFinding:
        said = await self._call("GET", f"/v2/refunds/{wanted.id}")
        if said.meaning == "done":
            return _refund(said.answer)
        if said.meaning != "no_such_refund":
            return self._no_answer(said)
        said = await self._call("GET", f"/v2/codes/payments/{wanted.attempt.id}")
        if said.meaning != "done":
            return self._no_answer(said)
        return _cancelled(said.answer["data"]) or RefundFinding("not_there")

    def _no_answer(self, said: _Said) -> RefundFinding:
        return RefundFinding("no_answer", retry_at=again_at(said.retry_after, at=self._clock.now()))

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

    async def _call(self, verb: str, path: str, body: dict[str, Any] | None = None) -> _Said:
        pause = self._quiet.left(at=self._clock.now())
        if pause:
            return _Said("rate_limited", "RATE_LIMIT", {}, pause)
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
        except NEVER_SENT:
            return _Said("unreachable", "no connection", {}, None)
        except httpx.HTTPError as lost:
            return _Said("ask_first", type(lost).__name__, {}, None)
        try:
            said = answer.json()
        except ValueError:
            said = {}
        return self._noted(verb, path, answer.status_code, said, asked_for(answer.headers))

    def _noted(self, verb: str, path: str, status: int, said: Any, retry_after: float | None) -> _Said:
        meaning, code = meaning_of(status, said), words_of(said)[0] or str(status)
        if meaning == "rate_limited":
            retry_after = self._quiet.begin(retry_after, at=self._clock.now())
        elif meaning == "done":
            self._quiet.end()
        elif meaning == "misconfigured":
            log.error("PayPay does not accept our settings", extra={"call": f"{verb} {path[:12]}", "code": code})
        return _Said(meaning, code, said, retry_after)


def _whole(payment: Any, wanted: RefundWanted) -> bool:
    """Tell whether a refund is of all that was paid, and the first one."""
    return wanted.amount.amount == int(payment["amount"]["amount"]) and not payment.get("refunds", {}).get("data")


def _cancelled(payment: Any) -> RefundFinding | None:
    """Tell whether the whole payment was cancelled: only what was paid is refunded, so the money is back."""
    if payment.get("status") != "CANCELED":
        return None
    return RefundFinding("settled", str(payment.get("paymentId", "")))


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
