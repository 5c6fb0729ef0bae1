"""The payer's browser: finds the payment of this sandbox behind a checkout address."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

import httpx

from kernel.refusals import Invalid, Unavailable
from sandbox.settings import SandboxSettings

REDIRECTS_MAX = 5
PAGE_BYTES_MAX = 2_000_000
TIMEOUT_SECONDS = 10.0


class NothingToPay(Invalid):
    """No payment of this sandbox was found behind the address."""

    slug = "nothing-to-pay"
    advice = (
        "No payment of this sandbox was found behind {url} ({reason}). Send the checkout_url of an open charge, "
        "or one of this sandbox's own addresses, such as {base}/stripe/pay/…."
    )


class PageAway(Unavailable):
    """The page to pay has trouble of its own just now."""

    slug = "page-away"
    advice = "The page at {at} answered {status}. Nothing was paid; try again in a moment."


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
        self._client: httpx.AsyncClient | None = None
        self._own = re.compile(rf"(?:{either})/(stripe|paypay|komoju|gmopg)/pay/([A-Za-z0-9_-]+)")

    async def find(self, url: str) -> Found:
        """Return the payment. Raises NothingToPay, which says why none was found."""
        at = url
        for _ in range(REDIRECTS_MAX + 1):
            if (found := self._own.match(at)) is not None:
                return Found(found[1], found[2])
            self._require_fetchable(url, at)
            try:
                answer = await self._browser().get(self._internal(at), headers={"accept": "text/html"})
            except (httpx.HTTPError, httpx.InvalidURL) as problem:
                raise self._nothing(url, f"{type(problem).__name__} at {at}") from None
            if answer.is_server_error:
                raise PageAway(at=at, status=answer.status_code)
            if answer.is_redirect:
                at = urljoin(at, answer.headers["location"])
                continue
            page = html.unescape(answer.text[:PAGE_BYTES_MAX])
            found = self._own.search(page)
            if found is None:
                raise self._nothing(url, f"the page at {at} answered {answer.status_code} without a link to one")
            return Found(found[1], found[2])
        raise self._nothing(url, f"more than {REDIRECTS_MAX} redirects")

    async def close(self) -> None:
        """Close the browser's connections."""
        if self._client is not None:
            await self._client.aclose()

    def _browser(self) -> httpx.AsyncClient:
        if self._client is None:  # Made once: its TLS context alone takes ten milliseconds.
            self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
        return self._client

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
