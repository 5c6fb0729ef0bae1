"""What a payer does: find the payment behind a checkout address, then pay, refuse, leave, or make trouble."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

import httpx

from kernel.refusals import Invalid
from sandbox.komoju.model import KomojuError
from sandbox.paypay.model import PayPayError
from sandbox.settings import SandboxSettings
from sandbox.stripe.model import CannotError, CardOutcome
from sandbox.wiring import Sandbox

REDIRECTS_MAX = 5
PAGE_BYTES_MAX = 2_000_000
TIMEOUT_SECONDS = 10.0


class Outcome(StrEnum):
    """What the payer does."""

    PAY = "pay"
    DECLINE = "decline"
    ABANDON = "abandon"
    PAY_LATE = "pay_late"
    PAY_TWICE = "pay_twice"
    DISPUTE = "dispute"


class NothingToPay(Invalid):
    """No payment of this sandbox was found behind the address."""

    slug = "nothing-to-pay"
    advice = (
        "No payment of this sandbox was found behind {url} ({reason}). Send the checkout_url of an open charge, "
        "or one of this sandbox's own addresses, such as {base}/stripe/pay/…."
    )


class NotPayable(Invalid):
    """The payment's state does not allow it."""

    slug = "not-payable"
    advice = "The payment {payment} cannot do this: {reason}"


@dataclass(frozen=True, slots=True)
class Found:
    """A payment at one of the providers, by the id in its page's address."""

    provider: str
    payment: str


class Finder:
    """Finds the payment behind a checkout address, as the payer's browser would."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        port = urlsplit(settings.base).port or settings.port
        bases = {settings.base, f"http://127.0.0.1:{port}", f"http://localhost:{port}"}
        either = "|".join(re.escape(base) for base in sorted(bases, key=len, reverse=True))
        self._own = re.compile(rf"(?:{either})/(stripe|paypay|komoju)/pay/([A-Za-z0-9_-]+)")

    async def find(self, url: str) -> Found:
        """Return the payment. Raises NothingToPay, which says why none was found."""
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            at = url
            for _ in range(REDIRECTS_MAX + 1):
                if (found := self._own.match(at)) is not None:
                    return Found(found[1], found[2])
                self._require_fetchable(url, at)
                try:
                    answer = await client.get(self._internal(at), headers={"accept": "text/html"})
                except (httpx.HTTPError, httpx.InvalidURL) as problem:
                    raise self._nothing(url, f"{type(problem).__name__} at {at}") from None
                if answer.is_redirect:
                    at = urljoin(at, answer.headers["location"])
                    continue
                page = html.unescape(answer.text[:PAGE_BYTES_MAX])
                found = self._own.search(page)
                if found is None:
                    raise self._nothing(url, f"the page at {at} answered {answer.status_code} without a link to one")
                return Found(found[1], found[2])
        raise self._nothing(url, f"more than {REDIRECTS_MAX} redirects")

    def _nothing(self, url: str, reason: str) -> NothingToPay:
        return NothingToPay(url=url, reason=reason, base=self._settings.base)

    def _internal(self, url: str) -> str:
        outer, inner = self._settings.payments_url.rstrip("/"), self._settings.payments_internal_url.rstrip("/")
        return inner + url[len(outer) :] if inner and url.startswith(f"{outer}/") else url

    def _require_fetchable(self, url: str, at: str) -> None:
        """Fetch from our own installation only: this program obeys whoever reaches its port."""
        parts = urlsplit(at)
        host = parts.hostname or ""
        known = {urlsplit(each).hostname for each in (self._settings.payments_url, self._settings.base)}
        if parts.scheme not in {"http", "https"} or not (
            _is_loopback(host) or host in known or host in self._settings.payer_hosts
        ):
            raise self._nothing(url, f"{host or at} is not this installation; allow it by MOMIJI_SANDBOX_PAYER_HOSTS")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def act(sandbox: Sandbox, found: Found, outcome: Outcome) -> str:
    """Do it, and return the payment's status in the provider's own word. Raises NothingToPay, NotPayable."""
    try:
        match found.provider:
            case "stripe":
                return _at_stripe(sandbox, found.payment, outcome)
            case "paypay":
                return _at_paypay(sandbox, found.payment, outcome)
            case _:
                return _at_komoju(sandbox, found.payment, outcome)
    except (CannotError, PayPayError, KomojuError) as refused:
        raise NotPayable(payment=found.payment, reason=str(refused)) from None


def _unknown(sandbox: Sandbox, found: str) -> NothingToPay:
    return NothingToPay(url=found, reason="it is not known here", base=sandbox.settings.base)


def _at_stripe(sandbox: Sandbox, payment: str, outcome: Outcome) -> str:
    desk = sandbox.stripe
    session = desk.store.sessions.get(payment)
    if session is None:
        raise _unknown(sandbox, payment)
    match outcome:
        case Outcome.ABANDON:
            return session.status
        case Outcome.DECLINE:
            return desk.try_card(session, CardOutcome.DECLINED)[1].status
        case Outcome.PAY_LATE:
            return desk.force_paid(session)[1].status
        case Outcome.PAY | Outcome.PAY_TWICE | Outcome.DISPUTE:
            session, intent = desk.try_card(session, CardOutcome.APPROVED)
            if outcome is Outcome.PAY_TWICE:
                desk.announce_again(session)
            charge = desk.store.charges.get(intent.latest_charge or "")
            if outcome is Outcome.DISPUTE and charge is not None:
                return f"disputed:{desk.dispute(charge).id}"
            return intent.status


def _at_paypay(sandbox: Sandbox, payment: str, outcome: Outcome) -> str:
    desk = sandbox.paypay
    code = desk.store.by_code(payment)
    if code is None:
        raise _unknown(sandbox, payment)
    match outcome:
        case Outcome.ABANDON:
            return code.status
        case Outcome.DECLINE:
            return desk.decline(code).status
        case Outcome.DISPUTE:
            raise NotPayable(payment=payment, reason="PayPay has no disputes; choose a card payment.")
        case Outcome.PAY | Outcome.PAY_LATE | Outcome.PAY_TWICE:
            paid = desk.pay(code, late=outcome is Outcome.PAY_LATE)
            if outcome is Outcome.PAY_TWICE:
                desk.notify(paid)
            return paid.status


def _at_komoju(sandbox: Sandbox, payment: str, outcome: Outcome) -> str:
    desk = sandbox.komoju
    found = desk.store.payments.get(payment)
    if found is None:
        raise _unknown(sandbox, payment)
    match outcome:
        case Outcome.ABANDON:
            return found.status
        case Outcome.DECLINE:
            return desk.end(found, "failed").status
        case Outcome.DISPUTE:
            raise NotPayable(payment=payment, reason="Pay-easy has no disputes; choose a card payment.")
        case Outcome.PAY_LATE:
            if found.status == "authorized":
                found = desk.end(found, "expired")
            return desk.pay(found, late=True).status
        case Outcome.PAY | Outcome.PAY_TWICE:
            paid = desk.pay(found)
            if outcome is Outcome.PAY_TWICE:
                desk.pay_again(paid)
            return paid.status
