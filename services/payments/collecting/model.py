"""Collecting systems, their API keys, and what they may ask for; nothing here calls or remembers anything."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Conflict, Forbidden, Invalid, NotFound
from payments.charges.model import MethodUnknown, Part

KEY_MARK: Final = "mmk_"
SIGNING_MARK: Final = "mms_"
NAME = re.compile(r"^[a-z][a-z0-9-]{2,39}$")
_KEY = re.compile(r"^mmk_([a-z0-9]{8})_[A-Za-z0-9_-]{43}$")
SERVICES = frozenset(
    {"ticketing", "payments", "reconciliation"}
)  # They are told by events, and no system has a name so.
PRODUCT: Final = "fee"  # what the books call that which names no product
ACTIVE_MAX = 2  # keys, and webhook secrets: two while one is being replaced


@dataclass(frozen=True, slots=True)
class Account:
    """A revenue account of a revenue owner that a system may collect for."""

    owner: str
    account: str


@dataclass(frozen=True, slots=True)
class System:
    """A system that collects fees here. `facility` is the code under which the books keep what names none."""

    name: str
    title: str
    facility: str
    methods: tuple[str, ...]
    accounts: tuple[Account, ...]
    return_origins: tuple[str, ...]
    webhook_url: str | None
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is kept: without the key."""

    prefix: str
    system: str
    sha256: bytes
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def counts(self, *, at: datetime) -> bool:
        """Tell whether the key opens anything at a moment."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True, slots=True)
class Secret:
    """A webhook secret as it is kept: its id, from which it is derived."""

    id: UUID
    system: str
    created_at: datetime
    revoked_at: datetime | None = None


class UnknownSystem(NotFound):
    """There is no such collecting system."""

    slug = "unknown-collecting-system"
    advice = "There is no collecting system {name}. Look at the list of them."


class SystemExists(Conflict):
    """The name is taken."""

    slug = "collecting-system-exists"
    advice = "There is a collecting system {name} already. Change that one, or choose another name."


class NameReserved(Invalid):
    """The name belongs to one of our own services."""

    slug = "collecting-system-name-reserved"
    advice = "The name {name} belongs to Momiji itself. Choose another one."


class UnknownKey(NotFound):
    """There is no such key or secret."""

    slug = "unknown-collecting-key"
    advice = "There is no key {prefix} of this system that is still good. Look at the list of its keys."


class TwoActive(Conflict):
    """A third key, or a third webhook secret, would be active."""

    slug = "collecting-two-active"
    advice = "Two are active already: one in use, one that replaces it. Revoke the older one first."


class AccountNotAllowed(Forbidden):
    """The system may not collect for this revenue account."""

    slug = "account-not-allowed"
    advice = (
        "This system may not collect for the revenue account {account} of {owner}. Use one of: {allowed}; "
        "or ask Momiji's administrator to add it."
    )


class AllocationsMissing(Invalid):
    """Nothing says where the money is to be booked."""

    slug = "allocations-missing"
    advice = "This system collects for several revenue accounts. Send 'allocations' and name one of: {allowed}."


class ReturnNotAllowed(Forbidden):
    """The payer would be sent to an address that is not the system's."""

    slug = "return-url-not-allowed"
    advice = "return_url does not begin with an address of this system. Use one of: {allowed}."


class NoMethodCarries(Invalid):
    """None of the system's ways to pay takes the amount."""

    slug = "no-method-carries"
    advice = "None of the ways to pay of this system takes {amount} yen. Split the amount, or ask to add a way to pay."


class WebhookUrlNotAllowed(Invalid):
    """Messages cannot be sent there."""

    slug = "webhook-url-not-allowed"
    advice = "Messages are not sent to this address: {problem}. Give an https address that can be reached from here."


def prefix_of(key: str) -> str | None:
    """Return the visible prefix of an API key; None for what cannot be one."""
    found = _KEY.match(key)
    return found.group(1) if found else None


def sha256_of(key: str) -> bytes:
    """Return what is kept of a key. Its 256 random bits need no slow hash: nobody can try them all."""
    return hashlib.sha256(key.encode()).digest()


def opens(key: Key, presented: str, *, at: datetime) -> bool:
    """Tell whether a presented key is this one, and counts."""
    return hmac.compare_digest(key.sha256, sha256_of(presented)) and key.counts(at=at)


def origin_of(url: str) -> str | None:
    """Return scheme://host[:port] of a web address as browsers compare it; None if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or "\\" in url:
        return None
    usual = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, usual} else "")


def require_return(system: System, url: str) -> None:
    """Raise ReturnNotAllowed unless an address is the system's own."""
    if origin_of(url) not in system.return_origins:
        raise ReturnNotAllowed(allowed=", ".join(system.return_origins))


def require_account(system: System, owner: str, account: str) -> None:
    """Raise AccountNotAllowed unless the system may collect for a revenue account."""
    if Account(owner, account) not in system.accounts:
        raise AccountNotAllowed(account=account, owner=owner, allowed=said(system.accounts))


def require_method(system: System, method: str, *, choices: Sequence[str], amount: Yen) -> None:
    """Raise MethodUnknown or NoMethodCarries unless an amount can be paid; `method` is empty where the payer chooses.

    `choices`: the system's methods that are offered now and take the amount.
    """
    if method and method not in system.methods:
        raise MethodUnknown(method=method[:40], methods=", ".join(system.methods))
    if not method and not choices:
        raise NoMethodCarries(amount=amount.amount)


def parts_of(system: System, amount: Yen, facility: str, parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return where an amount is booked; a system with one revenue account need not name it.

    Raises AllocationsMissing or AccountNotAllowed.
    """
    for part in parts:
        require_account(system, part.revenue_owner, part.revenue_account)
    if parts:
        return tuple(parts)
    if len(system.accounts) > 1:
        raise AllocationsMissing(allowed=said(system.accounts))
    (only,) = system.accounts
    return (Part(facility or system.facility, PRODUCT, only.owner, only.account, 0, amount),)


def said(accounts: Sequence[Account]) -> str:
    """Return accounts as words."""
    return ", ".join(f"{each.account} ({each.owner})" for each in accounts)


def secret_of(master: str, secret: Secret) -> str:
    """Return a webhook secret: derived from the installation's own, so that none lies in the database."""
    made = hmac.new(master.encode(), f"webhook secret:{secret.system}:{secret.id}".encode(), hashlib.sha256)
    return SIGNING_MARK + made.hexdigest()


def problem_of_url(url: str, *, strict: bool) -> str | None:
    """Return why messages are not sent to an address; None if they are. `strict` is production: only https."""
    origin = origin_of(url)
    if origin is None:
        return "it is no web address"
    if strict and not origin.startswith("https://"):
        return "it is not https"
    return None
