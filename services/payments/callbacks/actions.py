"""Write what a collecting system is to be told beside the fact, and carry it there until it has it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from kernel.clock import Clock
from kernel.contracts import Fact
from kernel.money import Yen
from kernel.rows import Database, Transaction
from payments.callbacks import model, store
from payments.callbacks.model import Answered, Message
from payments.charges.model import Charge
from payments.collecting import store as systems
from payments.collecting.model import SERVICES, Secret, problem_of_url

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
LEASE = timedelta(seconds=60)  # Longer than a try: nobody else sends the same meanwhile.
TOGETHER_MAX = 8  # messages to one system at a time
SYSTEMS_MAX = 50  # systems that are told at the same time
BATCHES_MAX = 25  # before a system's turn ends


async def tell_fact(tx: Transaction, charge: Charge, fact: Fact, *, event_id: UUID, at: datetime) -> None:
    """Tell a charge's caller of a fact, in the fact's own transaction, if that is a collecting system."""
    kind = model.TOLD.get(fact.TYPE)
    if kind is None or charge.caller in SERVICES:
        return
    given = fact.model_dump(mode="json")
    said: dict[str, Any] = {name: given[name] for name in ("reason", "cause") if name in given}
    if kind.startswith("refund."):
        said["refund"] = {"id": given["refund_id"], "amount": given["amount"]}
    for name in ("captured", "reversed"):
        if name in given and kind != "charge.captured":
            said["amount"] = given[name]
    await tell(tx, charge, kind, event_id=event_id, at=at, **said)


async def tell(tx: Transaction, charge: Charge, kind: str, *, event_id: UUID, at: datetime, **said: Any) -> None:
    """Write a message to a charge's caller; `charge` is as it stands after the fact."""
    if charge.caller in SERVICES:
        return
    captured: Yen | None = charge.captured
    body = {
        "id": str(event_id),
        "type": kind,
        "created_at": at.isoformat(),
        "charge": {
            "id": str(charge.id),
            "reference": charge.reference,
            "status": charge.status,
            "amount": charge.amount.amount,
            "captured": captured.amount if captured else 0,
            "captured_at": charge.captured_at.isoformat() if charge.captured_at else None,
            "method": charge.method or None,
        },
    } | said
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    await store.add(tx, event_id, charge.caller, kind, charge_id=charge.id, body=text, at=at)


async def replay(tx: Transaction, message_id: UUID, *, of: str | None, actor: str, at: datetime) -> Message:
    """Have a message sent once more, to its system `of` if named. Raises UnknownMessage or NoWebhook."""
    message = await store.find(tx, message_id, lock=True)
    if message is None or of not in {None, message.system}:
        raise model.UnknownMessage
    system = await systems.find(tx, message.system)
    if system is None or system.webhook_url is None:
        raise model.NoWebhook
    newer = model.once_more(message, at=at)
    await store.save(tx, newer)
    await tx.wake(store.CALLBACK_CHANNEL)
    if of is None:
        await systems.audit(tx, actor, "caller_message.replayed", message.system, at=at, message=str(message_id))
    return newer


class Courier:
    """Carries messages to collecting systems; one whose receiver is slow or down does not hold up another.

    `strict`: production's rules about addresses; `networks`: private ones that are allowed all the same;
    `ca_file`: who signs the certificates there, instead of the public authorities.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        secret_of: Callable[[Secret], str],
        strict: bool,
        networks: Sequence[str],
        ca_file: Path | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._secret_of = secret_of
        self._strict = strict
        self._networks = tuple(networks)
        self._running: dict[str, asyncio.Task[int]] = {}
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(cafile=str(ca_file)) if ca_file else True,
            # No connection is used twice: it would carry one system's message under the certificate of another.
            limits=httpx.Limits(max_connections=SYSTEMS_MAX * TOGETHER_MAX, max_keepalive_connections=0),
        )

    async def round(self) -> int:
        """Begin to tell every system that has something to be told and is not being told; return how many began."""
        async with self._database.transaction("callbacks") as tx:
            names = await store.systems_due(tx, at=self._clock.now(), limit=SYSTEMS_MAX)
        self._running = {name: task for name, task in self._running.items() if not task.done()}
        begun = [name for name in names if name not in self._running][: SYSTEMS_MAX - len(self._running)]
        for name in begun:
            self._running[name] = asyncio.create_task(self._turn(name))
        return 0  # However many there are, the next round waits: those that began go on by themselves.

    async def _turn(self, name: str) -> int:
        try:
            for _ in range(BATCHES_MAX):
                if await self.tell_system(name) < TOGETHER_MAX:
                    break
        except Exception:
            log.exception("told again later", extra={"system": name})
        return 0

    async def tell_system(self, name: str) -> int:
        """Send a system what is due, a few messages at a time; return how many were sent."""
        at = self._clock.now()
        async with self._database.transaction("callbacks") as tx:
            system = await systems.find(tx, name)
            secrets = [self._secret_of(each) for each in await systems.secrets(tx, [name])]
            due = await store.due(tx, name, at=at, limit=TOGETHER_MAX, lease_until=at + LEASE)
        url = None if system is None else system.webhook_url
        await asyncio.gather(*(self._tell(message, url, secrets) for message in due))
        return len(due)

    async def _tell(self, message: Message, url: str | None, secrets: Sequence[str]) -> None:
        answered = Answered(None, "the system has no webhook address any more")
        if url is not None:
            answered = await self.send(message, url, secrets)
        at = self._clock.now()
        async with self._database.transaction("callbacks") as tx:
            now = await store.find(tx, message.id, lock=True)
            if now is None or now.state != "waiting" or now.asked_at != message.asked_at:
                return  # It was asked for again meanwhile, or another courier was quicker.
            newer = model.after(now, answered, at=at)
            await store.save(tx, newer)
        if newer.state == "given_up":
            log.error("a person must look: a collecting system was not told", extra={"message_id": str(message.id)})

    async def send(self, message: Message, url: str, secrets: Sequence[str]) -> Answered:
        """Send a message once; its answer's body is not read."""
        headers = {
            "content-type": "application/json",
            "user-agent": "Momiji",
            "momiji-event-id": str(message.id),
            "momiji-signature": model.signature(secrets, message.body, at=self._clock.now()),
        }
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                target, host, extensions = await self._target(url)
                async with self._client.stream(
                    "POST", target, content=message.body.encode(), headers=headers | host, extensions=extensions
                ) as response:
                    status = response.status_code
        except (TimeoutError, httpx.TimeoutException):
            return Answered(None, f"no answer within {TIMEOUT_SECONDS:.0f} seconds")
        except _RefusedAddressError as refused:
            return Answered(None, str(refused))
        except socket.gaierror:
            return Answered(None, "the name of the host is not known")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            return Answered(None, f"it cannot be reached ({type(problem).__name__})")
        if status in model.STATUSES_GOOD:
            return Answered(status)
        redirects = status // 100 == 3  # noqa: PLR2004 - the class of redirects
        return Answered(status, "redirects are not followed" if redirects else f"it answered {status}")

    async def _target(self, url: str) -> tuple[httpx.URL, dict[str, str], dict[str, Any]]:
        """Return where to connect to. In production the address is looked up and judged once, and that one is used.

        A name that points elsewhere a moment later (DNS rebinding) does not lead us inside.
        """
        problem = problem_of_url(url, strict=self._strict)
        if problem is not None:
            raise _RefusedAddressError(problem)
        if not self._strict:
            return httpx.URL(url), {}, {}
        parts = urlsplit(url)
        host = parts.hostname or ""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
        if not all(model.may_reach(each, strict=True, networks=self._networks) for each in addresses):
            raise _RefusedAddressError("its address lies in a private network; see MOMIJI_WEBHOOK_NETWORKS")
        return httpx.URL(url).copy_with(host=addresses[0]), {"host": parts.netloc}, {"sni_hostname": host}

    async def close(self) -> None:
        """Stop telling; what was not delivered is told again by its lease."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._client.aclose()


class _RefusedAddressError(Exception):
    """Messages are not sent to such an address."""
