"""Webhook delivery: signed by each provider's rule, tried again, and not forgotten by a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import httpx

from kernel.clock import Clock
from sandbox.faults.model import WEBHOOK_KINDS, Faults
from sandbox.journal import Journal
from sandbox.settings import SandboxSettings

log = logging.getLogger(__name__)

AT_ONCE_MAX = 16
HELD_BACK_SECONDS = 2.0
ACCEPTED_MIN, ACCEPTED_END = 200, 300
PAYPAY_TRIES_MAX = 3
UNDERSTOOD = {"gmopg": "0"}  # what the answer has to say, where the status alone is not enough
PAYPAY_RETRY_SECONDS = 0.3
PAYPAY_TIMEOUT_SECONDS = 2.0
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook on its way; `next_at` is an epoch in seconds."""

    id: str
    provider: str
    event_id: str
    event_type: str
    body: str
    tries: int
    next_at: float


Sign = Callable[[Delivery, int], Mapping[str, str]]


class Sender:
    """Sends webhooks until they are accepted: each provider as it really does.

    Stripe, KOMOJU and the second agency try again with growing pauses, also after a restart. PayPay tries three times
    within a second and then drops the notification.
    """

    def __init__(
        self, settings: SandboxSettings, clock: Clock, journal: Journal, faults: Faults, signs: Mapping[str, Sign]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._faults = faults
        self._signs = signs
        self._outgoing = journal.shelf("delivery", Delivery)
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._client: httpx.AsyncClient | None = None

    @property
    def waiting(self) -> int:
        """How many webhooks were not accepted yet."""
        return len(self._outgoing)

    def start(self) -> None:
        """Begin to send, with what an earlier run left; call once the journal is read."""
        self._client = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=AT_ONCE_MAX), timeout=TIMEOUT_SECONDS, trust_env=False
        )
        for delivery in list(self._outgoing):
            if delivery.provider == "paypay":
                self._outgoing.drop(delivery.id)  # PayPay's own retries last one second.
            else:
                self._schedule(delivery)

    async def stop(self) -> None:
        """Stop sending; what is not accepted stays in the journal."""
        for task in list(self._tasks):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def send(self, provider: str, *, event_id: str, event_type: str, body: str) -> None:
        """Send one webhook, if it is one that the merchant chose, unless a fault loses, doubles or delays it."""
        if not self._settings.is_told(provider, event_type):
            return
        fault = self._faults.strike(provider, "webhook", WEBHOOK_KINDS)
        kind = fault.kind if fault is not None else ""
        if kind == "lost_webhook":
            log.info("a webhook is lost on purpose", extra={"provider": provider, "event": event_type})
            return
        now = self._clock.now().timestamp()
        due = now + HELD_BACK_SECONDS if kind == "reordered_webhook" else now
        for _ in range(2 if kind == "duplicate_webhook" else 1):
            delivery = Delivery(secrets.token_hex(8), provider, event_id, event_type, body, 0, due)
            self._outgoing.put(delivery)
            self._schedule(delivery)

    def _schedule(self, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        paypay = delivery.provider == "paypay"
        tries_max = PAYPAY_TRIES_MAX if paypay else self._settings.webhook_tries_max
        while True:
            await asyncio.sleep(max(0.0, delivery.next_at - self._clock.now().timestamp()))
            async with self._at_once:
                accepted = await self._try(delivery)
            tries = delivery.tries + 1
            if accepted or tries >= tries_max:
                if not accepted:
                    log.warning("a webhook is given up", extra={"provider": delivery.provider, "tries": tries})
                self._outgoing.drop(delivery.id)
                return
            pause = PAYPAY_RETRY_SECONDS if paypay else self._pause(tries)
            delivery = replace(delivery, tries=tries, next_at=self._clock.now().timestamp() + pause)
            self._outgoing.put(delivery)

    def _pause(self, tries: int) -> float:
        grown = self._settings.webhook_retry_seconds_min * 2.0 ** min(tries - 1, 20)
        return min(grown, self._settings.webhook_retry_seconds_max)

    async def _try(self, delivery: Delivery) -> bool:
        assert self._client is not None  # noqa: S101 - start() comes first
        headers = {"content-type": "application/json", "user-agent": f"momiji-sandbox ({delivery.provider})"}
        headers |= self._signs[delivery.provider](delivery, int(self._clock.now().timestamp()))
        timeout = PAYPAY_TIMEOUT_SECONDS if delivery.provider == "paypay" else TIMEOUT_SECONDS
        try:
            answer = await self._client.post(
                self._settings.webhook_url(delivery.provider),
                content=delivery.body.encode(),
                headers=headers,
                timeout=timeout,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            log.info("a webhook was not taken", extra={"provider": delivery.provider, "problem": str(problem)})
            return False
        understood = UNDERSTOOD.get(delivery.provider)
        if understood is not None and answer.text.strip() != understood:
            return False
        return ACCEPTED_MIN <= answer.status_code < ACCEPTED_END
