"""What collecting systems are told, when again, under which signature and where; nothing here calls anything."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal
from uuid import UUID

from kernel.refusals import NotFound

State = Literal["waiting", "delivered", "given_up", "kept"]
# What a collecting system is told, by the type of the fact.
TOLD: Final[Mapping[str, str]] = {
    "payments.charge.captured.v1": "charge.captured",
    "payments.charge.failed.v1": "charge.failed",
    "payments.charge.expired.v1": "charge.expired",
    "payments.charge.unallocated.v1": "charge.unallocated",
    "payments.charge.reversed.v1": "charge.reversed",
    "payments.refund.settled.v1": "refund.settled",
    "payments.refund.failed.v1": "refund.failed",
}
PAUSES = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
)
TOLD_FOR = timedelta(days=3)  # then a person is told instead

Network = IPv4Network | IPv6Network
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))  # hold an IPv4 address
STATUSES_GOOD = range(200, 300)


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a collecting system. `kept`: nobody is to be sent it, as no address is known."""

    id: UUID
    system: str
    type: str
    charge_id: UUID
    body: str
    state: State
    created_at: datetime
    asked_at: datetime
    tries: int = 0
    next_try_at: datetime | None = None
    last_tried_at: datetime | None = None
    last_status: int | None = None
    last_problem: str | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a try: the receiver's status, or why there is none."""

    status: int | None
    problem: str | None = None


class UnknownMessage(NotFound):
    """There is no such message."""

    slug = "unknown-message"
    advice = "There is no such message. Look at the list of messages."


class NoWebhook(NotFound):
    """The system has no webhook address."""

    slug = "no-webhook-url"
    advice = "This system has no webhook address. Ask Momiji's administrator to set one first."


def signature(secrets: Sequence[str], body: str, *, at: datetime) -> str:
    """Return the Momiji-Signature header: t=<epoch>, and v1=<hex HMAC-SHA256 of "t.body"> under each secret."""
    moment = str(int(at.timestamp()))
    made = (hmac.new(each.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest() for each in secrets)
    return ",".join((f"t={moment}", *(f"v1={each}" for each in made)))


def next_try(tries: int, *, asked_at: datetime, at: datetime) -> datetime | None:
    """Return when a message that failed is sent again; None when its three days are over and a person is told."""
    following = at + PAUSES[min(max(tries, 1), len(PAUSES)) - 1]
    return following if following <= asked_at + TOLD_FOR else None


def after(message: Message, answered: Answered, *, at: datetime) -> Message:
    """Return a message after a try: delivered, to be sent again, or given up so that a person is told."""
    tried = replace(
        message, tries=message.tries + 1, last_tried_at=at, last_status=answered.status, last_problem=answered.problem
    )
    if answered.status in STATUSES_GOOD:
        return replace(tried, state="delivered", delivered_at=at, next_try_at=None)
    again = next_try(tried.tries, asked_at=message.asked_at, at=at)
    return replace(tried, state="given_up" if again is None else "waiting", next_try_at=again)


def once_more(message: Message, *, at: datetime) -> Message:
    """Return a message that is to be sent now, whatever became of it, and for another three days."""
    return replace(message, state="waiting", tries=0, asked_at=at, next_try_at=at)


def may_reach(address: str, *, strict: bool, networks: Sequence[str]) -> bool:
    """Tell whether messages may be sent to an IP address.

    In production no private, loopback or otherwise special address is reached, so that nobody makes us call our own
    insides; `networks` names exceptions, such as the authority's own network.
    """
    if not strict:
        return True
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    allowed: list[Network] = [ip_network(each, strict=False) for each in networks]
    if any(found.version == each.version and found in each for each in allowed):
        return True
    if isinstance(found, IPv6Address) and any(found in each for each in _TRANSLATED):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)
