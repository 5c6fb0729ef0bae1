"""Pay-easy by KOMOJU: numbers for an ATM or net banking; no visitor's name is sent (docs/decisions/0003)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from kernel.clock import Clock
from kernel.money import Yen, total
from payments.charges.model import Attempt, Finding, NoAnswer, NotThere, Over, Paid, Refused, Reversed, Unpaid
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
from payments.methods.quiet import asked_for
from payments.settings import PaymentsSettings

CAPABILITIES = Capabilities(
    name="payeasy_komoju",
    title=Words("Pay-easy(ATM・ネットバンキング)", "Pay-easy (ATM or net banking)"),
    amount_min=Yen(1),
    amount_max=Yen(999_999),
    page="numbers",
    reopens=True,
    refund="bank_account",
    reversible=True,
    provider="komoju",
)
TIMEOUT_SECONDS = 30.0
DEADLINE_SECONDS_MIN = 60
IN_FLIGHT_MAX = 20
MISCONFIGURED_PAUSE = timedelta(minutes=5)
UNREACHABLE = 0  # in place of a status: no connection, so nothing was sent


class PayEasyKomoju:
    """Talks to KOMOJU's REST API."""

    capabilities = CAPABILITIES

    def __init__(self, settings: PaymentsSettings, clock: Clock) -> None:
        self._clock = clock
        self._webhook_secrets = [each.get_secret_value().encode() for each in settings.komoju_active_secrets]
        self._email = settings.komoju_contact_email
        self._phone = settings.komoju_contact_phone
        self._base = settings.komoju_base_url.rstrip("/")
        self._client = httpx.AsyncClient(
            auth=(settings.komoju_secret_key.get_secret_value(), ""),
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=IN_FLIGHT_MAX),
        )
        self._room = asyncio.Semaphore(IN_FLIGHT_MAX)

    async def open(self, wanted: Wanted) -> Opened:
        """Get the numbers of an attempt, or the same ones again by the idempotency key."""
        attempt = wanted.attempt
        seconds = int((attempt.deadline - attempt.created_at).total_seconds())
        digits = str(attempt.id.int % 10**8).zfill(8)
        body = {
            "amount": attempt.amount.amount,
            "currency": "JPY",
            "external_order_num": str(attempt.id),
            "description": wanted.description[:255],
            "locale": "ja" if wanted.locale == "ja" else "en",
            "metadata": {"attempt": str(attempt.id)},
            "expires_in_seconds": max(DEADLINE_SECONDS_MIN, seconds),
            "payment_details": {
                "type": "pay_easy",
                "email": self._email,
                "phone": self._phone,
                "family_name": "もみじ",
                "given_name": digits,
                "family_name_kana": "モミジ",
                "given_name_kana": digits,
            },
        }
        status, answer = await self._call("POST", "/payments", body, key=f"open-{attempt.id}")
        if status == UNREACHABLE:
            raise Away(method="Pay-easy")
        if status == httpx.codes.SERVICE_UNAVAILABLE:
            raise Away(method="Pay-easy", kind="maintenance", retry_after=answer.get("retry_after"))
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise Away(method="Pay-easy", kind="rate_limited", retry_after=answer.get("retry_after"))
        if status == httpx.codes.UNAUTHORIZED:
            raise MisconfiguredError("KOMOJU answered 401: check MOMIJI_KOMOJU_SECRET_KEY and MOMIJI_KOMOJU_BASE_URL")
        if status is None or status >= 500 or status == httpx.codes.CONFLICT:  # noqa: PLR2004 - unknown
            raise AmbiguousError(f"KOMOJU answered {status}")
        if status >= 400:  # noqa: PLR2004 - refused
            raise RefusedError(str(answer.get("error", {}).get("code", "refused")))
        details = answer["payment_details"]
        return Opened(
            str(answer["id"]),
            str(details.get("payment_url") or details.get("instructions_url") or ""),
            datetime.fromisoformat(str(answer["payment_deadline"])),
            {name: str(details.get(name, "")) for name in ("bank_id", "customer_id", "confirmation_id")},
        )

    async def query(self, attempt: Attempt) -> Finding:
        """Ask for all payments of our reference: it finds one whose answer was lost, and one that was made twice."""
        status, answer = await self._call("GET", "/payments", query={"external_order_num": str(attempt.id)})
        if status != httpx.codes.OK:
            return NoAnswer()
        payments = answer.get("data", [])
        findings = [_finding(each) for each in payments]
        paid = [found for found in findings if isinstance(found, Paid)]
        if paid:
            gone = total(_amount(each) for each, found in zip(payments, findings, strict=True) if found == Reversed())
            return Paid(total(each.amount for each in paid), min(each.at for each in paid), gone)
        taken_back = next((found for found in findings if isinstance(found, Reversed)), None)
        return taken_back or next(iter(findings), NotThere())

    async def expire(self, attempt: Attempt) -> None:
        """Cancel the numbers, so that no ATM takes them any more."""
        if attempt.provider_id is not None:
            await self._call("POST", f"/payments/{attempt.provider_id}/cancel", {})

    async def refund(self, wanted: RefundWanted, account: BankAccount | None) -> RefundFinding:
        """Ask KOMOJU to transfer the money back; the network itself cannot. The account only passes through."""
        if account is None or wanted.attempt.provider_id is None:
            return RefundFinding("not_there")
        body = {
            "customer_name": account.holder_kana,
            "amount": wanted.amount.amount,
            "bank_name": account.bank_name,
            "bank_code": account.bank_code,
            "branch_name": account.branch_name,
            "branch_number": account.branch_code,
            "account_type": account.kind,
            "account_number": account.number,
            "description": str(wanted.id),
        }
        path = f"/payments/{wanted.attempt.provider_id}/refund_request"
        # A corrected account is another request: KOMOJU refuses the same key with another body.
        mark = hashlib.sha256(json.dumps(body).encode()).hexdigest()[:16]
        status, answer = await self._call("POST", path, body, key=f"refund-{wanted.id}-{mark}")
        if status in {None, UNREACHABLE, httpx.codes.CONFLICT, httpx.codes.TOO_MANY_REQUESTS} or status >= 500:  # noqa: PLR2004 - unknown
            return RefundFinding("no_answer")
        if status == httpx.codes.UNAUTHORIZED:  # our key is wrong, not the payer's account: nothing was begun
            return RefundFinding("not_sent", retry_at=self._clock.now() + MISCONFIGURED_PAUSE)
        if status >= 400:  # noqa: PLR2004 - refused
            raise RefusedError(str(answer.get("error", {}).get("message", "refused")))
        return RefundFinding("pending", str(answer.get("id", "")))

    async def query_refund(self, wanted: RefundWanted) -> RefundFinding:
        """Ask what became of a refund request."""
        status, answer = await self._call("GET", f"/payments/{wanted.attempt.provider_id}")
        if status != httpx.codes.OK:
            return RefundFinding("no_answer")
        for request in answer.get("refund_requests", []):
            # One payment may have several: where the answer with the id was lost, ours is known by its description.
            if wanted.provider_id == request.get("id") or request.get("description") == str(wanted.id):
                match request.get("status"):
                    case "approved" | "completed" | "refunded":
                        return RefundFinding("settled", request.get("id"))
                    case "rejected" | "failed":
                        return RefundFinding("failed", request.get("id"), "rejected")
                    case _:
                        return RefundFinding("pending", request.get("id"))
        if answer.get("status") == "refunded":
            return RefundFinding("settled", wanted.provider_id)
        return RefundFinding("not_there")

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> ProviderEvent:  # noqa: ARG002
        """Verify X-Komoju-Signature (hex HMAC-SHA256 of the raw body) under any active secret, and read the event."""
        said_mac = headers.get("x-komoju-signature", "").encode()
        macs = [hmac.new(secret, body, hashlib.sha256).hexdigest().encode() for secret in self._webhook_secrets]
        if not any(hmac.compare_digest(mac, said_mac) for mac in macs):
            raise NotGenuine
        said = json.loads(body)
        data = said.get("data", {})
        reference = str(data.get("external_order_num") or data.get("id") or "")
        event_id = headers.get("x-komoju-id") or str(said.get("id", ""))
        if not event_id:
            raise ValueError("the event has no id")
        return ProviderEvent(event_id, reference)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _call(
        self,
        verb: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int | None, Any]:
        headers = {"X-KOMOJU-IDEMPOTENCY": key} if key else {}
        try:
            async with self._room:
                answer = await self._client.request(verb, self._base + path, json=body, params=query, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return UNREACHABLE, {}
        except httpx.HTTPError:
            return None, {}
        if answer.status_code in {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS}:
            return answer.status_code, {"retry_after": asked_for(answer.headers)}
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, {}


def _amount(payment: Any) -> Yen:
    return Yen(int(payment["amount"]) + int(payment.get("tax") or 0))


def _finding(payment: Any) -> Finding:
    match payment.get("status"):
        case "captured" | "refunded":
            at = datetime.fromisoformat(str(payment["captured_at"]))
            return Paid(_amount(payment), at)
        case "cancelled" if payment.get("captured_at"):
            return Reversed()  # It was paid, and the bank took it back at its window (取消).
        case "expired" | "cancelled":
            return Over()
        case "failed":
            return Refused("declined")
        case _:
            return Unpaid()


def connect(settings: PaymentsSettings, clock: Clock) -> PayEasyKomoju:
    """Return the method; nothing is connected yet."""
    return PayEasyKomoju(settings, clock)
