"""Pay-easy by KOMOJU: numbers to type at an ATM or in net banking."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from kernel.contracts.payments import Method
from kernel.money import Yen
from kernel.settings import Settings
from payments.charges.model import Absent, Ended, Finding, NotPaid, Paid, Refused, TakenBack, Unclear
from payments.methods.payeasy_komoju.settings import KomojuSettings
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

TIMEOUT_SECONDS, CONNECT_SECONDS = 30.0, 3.0
LIFETIME_MAX = timedelta(days=7)
DESCRIPTION_MAX = 255
KANA_NAME = "モミジ"
OK_END, NOT_FOUND, CONFLICT, TOO_MANY, SERVER_ERRORS, MAINTENANCE = 300, 404, 409, 429, 500, 503


class UnclearError(Exception):
    """Sent, and no clear answer."""


class ResultError(Exception):
    """A clear refusal of KOMOJU's."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def payer_digits(reference: str) -> str:
    """Return 8 digits by which a bank's statement can be told apart, in place of a visitor's name."""
    return str(int.from_bytes(hashlib.sha256(reference.encode()).digest()[:6], "big") % 10**8).zfill(8)


class PayEasyKomoju:
    """Pay-easy payments of KOMOJU's REST API v1."""

    name: Method = "payeasy_komoju"
    capabilities = Capabilities(
        shows="numbers",
        poll_open=timedelta(seconds=60),
        refund_needs_account=True,
        lifetime_min=timedelta(seconds=70),
        lifetime_max=LIFETIME_MAX,
    )

    def __init__(self, settings: KomojuSettings) -> None:
        self._settings = settings
        self._http = httpx.AsyncClient(
            base_url=settings.api_base,
            auth=(settings.komoju_secret_key.get_secret_value(), ""),
            timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
        )

    async def open(self, wanted: ToOpen) -> NotPaid | Refused | Unclear | Paid | Ended:
        """Have numbers issued. The time to pay is counted from the attempt, so that a repeat is the same request."""
        said = {
            "amount": wanted.amount.amount,
            "currency": "JPY",
            "external_order_num": wanted.provider_reference,
            "description": wanted.description[:DESCRIPTION_MAX],
            "locale": "ja" if wanted.locale == "ja" else "en",
            "metadata": {"momiji_reference": wanted.provider_reference},
            "expires_in_seconds": int((wanted.deadline - wanted.created_at).total_seconds()),
            "payment_details": {
                "type": "pay_easy",
                "email": self._settings.komoju_contact_email.get_secret_value(),
                "phone": self._settings.komoju_contact_phone,
                "family_name": KANA_NAME,
                "given_name": payer_digits(wanted.provider_reference),
                "family_name_kana": KANA_NAME,
                "given_name_kana": payer_digits(wanted.provider_reference),
            },
        }
        try:
            payment = await self._call("POST", "/payments", said, key=wanted.idempotency_key)
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            return Refused(refused.code)
        return _opened(payment)

    async def query(self, asked: ToAsk) -> Finding:
        """Ask about a payment by its id; without one, look for our reference."""
        try:
            if asked.provider_id is not None:
                return _finding(await self._call("GET", f"/payments/{asked.provider_id}"))
            listed = await self._call("GET", f"/payments?external_order_num={asked.provider_reference}&per_page=100")
            found = [_finding(each) for each in reversed(listed["data"])]  # oldest first: the one that we opened
            return found[0] if found else Absent()
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            return Absent() if refused.status == NOT_FOUND else Unclear(refused.code)

    async def expire(self, asked: ToAsk) -> Finding:
        """Cancel unpaid numbers; paid ones answer Paid."""
        if asked.provider_id is None:
            return await self.query(asked)
        try:
            return _finding(await self._call("POST", f"/payments/{asked.provider_id}/cancel"))
        except (UnclearError, ResultError):
            return await self.query(asked)

    async def refund(self, wanted: ToRefund) -> RefundFinding:
        """Ask for a transfer to the payer's bank account; people at KOMOJU decide."""
        account = wanted.account
        if account is None:
            return RefundRefused("a bank account is needed")
        said = {
            "amount": wanted.amount.amount,
            "description": wanted.reference,
            "customer_name": account.holder,
            "bank_name": account.bank_name,
            "bank_code": account.bank_code,
            "branch_name": account.branch_name,
            "branch_number": account.branch_number,
            "account_type": account.kind,
            "account_number": account.number,
        }
        key = f"refund-{wanted.reference}"
        try:
            request = await self._call("POST", f"/payments/{wanted.payment_id}/refund_request", said, key=key)
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            return RefundRefused(refused.code)
        return _of_request(request, wanted)

    async def query_refund(self, wanted: ToRefund) -> RefundFinding | None:
        """Ask what became of a refund request."""
        try:
            payment = await self._call("GET", f"/payments/{wanted.payment_id}")
        except UnclearError as problem:
            return Unclear(str(problem))
        except ResultError as refused:
            return None if refused.status == NOT_FOUND else Unclear(refused.code)
        for each in payment.get("refund_requests") or []:
            if wanted.provider_id == each["id"] or each.get("description") == wanted.reference:
                return _of_request(each, wanted)
        return None

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, *, source: str, at: datetime) -> Hint:
        """Check the signature over the raw body by any of our secrets; it has no time, so the id is remembered."""
        del source, at
        said_mac = headers.get("x-komoju-signature", "")
        if not any(
            hmac.compare_digest(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode(), said_mac.encode())
            for secret in self._settings.webhook_secrets
        ):
            raise WebhookRefused
        try:
            said = json.loads(body)
            about = said.get("data") or {}
            return Hint(
                event_id=str(said["id"]),
                event_type=str(said["type"]),
                reference=str(about.get("external_order_num") or ""),
                provider_id=str(about.get("id") or "") if about.get("resource") == "payment" else "",
            )
        except (ValueError, KeyError, AttributeError) as unreadable:
            raise WebhookRefused from unreadable

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, said: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        """Send one request. Raises MethodAway, UnclearError, ResultError."""
        headers = {"X-KOMOJU-IDEMPOTENCY": key} if key else {}
        try:
            answer = await self._http.request(method, path, json=said, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as away:
            raise MethodAway from away
        except httpx.HTTPError as problem:
            # Only the kind of the problem: a request's body may hold a bank account.
            raise UnclearError(type(problem).__name__) from None
        if answer.status_code in {MAINTENANCE, TOO_MANY}:
            raise MethodAway
        if answer.status_code >= SERVER_ERRORS or answer.status_code == CONFLICT:
            raise UnclearError(str(answer.status_code))
        try:
            result = answer.json()
        except ValueError:
            raise UnclearError(f"{answer.status_code} without JSON") from None
        if answer.status_code >= OK_END:
            raise ResultError(answer.status_code, str((result.get("error") or {}).get("code") or answer.status_code))
        return result


def _moment(said: str) -> datetime:
    return datetime.fromisoformat(said)


def _opened(payment: Mapping[str, Any]) -> NotPaid:
    details = payment["payment_details"]
    names = ("bank_id", "customer_id", "confirmation_id")
    return NotPaid(
        provider_id=str(payment["id"]),
        pay_url=str(details.get("payment_url") or details.get("instructions_url") or ""),
        numbers={name: str(details[name]) for name in names if details.get(name)},
        deadline=_moment(payment["payment_deadline"]),
    )


def _finding(payment: Mapping[str, Any]) -> Finding:
    paid_at = payment.get("captured_at")
    match payment["status"]:
        case "captured" | "refunded":
            return Paid(str(payment["id"]), str(payment["id"]), Yen(int(payment["total"])), _moment(str(paid_at)))
        case "cancelled" | "expired" | "failed" if paid_at:
            # Notified as paid, and taken back at the bank's window.
            return TakenBack(_moment(str(paid_at)))
        case "cancelled" | "expired":
            return Ended()
        case "failed":
            return Refused("failed")
        case _:
            return _opened(payment)


def _of_request(request: Mapping[str, Any], wanted: ToRefund) -> RefundFinding:
    match request["status"]:
        case "approved":
            return RefundDone(str(request["id"]), max(_moment(request["created_at"]), wanted.requested_at))
        case "rejected":
            return RefundRefused("rejected")
        case _:
            return RefundUnderWay(str(request["id"]))


def build(settings: Settings) -> PayEasyKomoju:
    """Build the method from the environment."""
    return PayEasyKomoju(settings_like(settings, KomojuSettings))
