"""A guarded method: the provider's adapter behind breakers, a pace and a retry budget."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kernel.clock import Clock
from kernel.rows import Database
from payments.charges.model import Attempt, Finding, NoAnswer
from payments.health import actions, model, store
from payments.health.model import Breaker, Operation, Pace, RetryBudget, Trouble
from payments.methods.protocol import (
    AmbiguousError,
    Away,
    AwayKind,
    BankAccount,
    Method,
    MisconfiguredError,
    Opened,
    ProviderEvent,
    RefundFinding,
    RefundWanted,
    RefusedError,
    Wanted,
)

log = logging.getLogger(__name__)

READ_AGAIN = timedelta(seconds=1)  # How old may be what the other processes know.
WRITE_AGAIN = timedelta(seconds=10)  # A success is news only now and then.
TURN_MAX = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Pressed:
    """Not called: the breaker is open, the budget is spent, or it is not our turn."""

    trouble: Trouble
    until: datetime


class Guarded:
    """One method as the rest of payments sees it; what it does not send, it says so that nothing is concluded."""

    def __init__(self, method: Method, database: Database, clock: Clock, *, calls_per_second: float) -> None:
        self.capabilities = method.capabilities
        self._name = method.capabilities.name
        self._method = method
        self._database = database
        self._clock = clock
        self._known: dict[Operation, Breaker] = {}
        self._read_at: datetime | None = None
        self._budget = RetryBudget()
        self._pace = Pace(calls_per_second, calls_per_second, clock.now())

    async def open(self, wanted: Wanted) -> Opened:
        """Open an attempt; raises Away at once while the provider is known to be away."""
        pressed = await self._press("open", repeats=wanted.attempt.state == "unknown")
        if pressed is not None:
            wait = (pressed.until - self._clock.now()).total_seconds()
            raise Away(method=self._name, kind=_kind(pressed.trouble), retry_after=max(wait, 0.0))
        try:
            opened = await self._method.open(wanted)
        except Away as away:
            asked = None if away.retry_after is None else timedelta(seconds=away.retry_after)
            await self._failed("open", away.kind, asked)
            raise
        except (AmbiguousError, MisconfiguredError):  # With a wrong key nobody can pay by it: hide it like an outage.
            await self._failed("open", "failing")
            raise
        except RefusedError:
            await self._succeeded("open")
            raise
        await self._succeeded("open")
        return opened

    async def query(self, attempt: Attempt) -> Finding:
        """Ask for the truth; what cannot be asked now says when to ask again."""
        pressed = await self._press("query", repeats=attempt.state == "unknown")
        if pressed is not None:
            return NoAnswer(pressed.until)
        finding = await self._method.query(attempt)
        await self._note("query", answered=not isinstance(finding, NoAnswer))
        return finding

    async def expire(self, attempt: Attempt) -> None:
        """Tell the provider that an attempt is not wanted any more, if it can be told now."""
        if await self._press("expire") is None:
            await self._method.expire(attempt)

    async def refund(self, wanted: RefundWanted, account: BankAccount | None) -> RefundFinding:
        """Send a refund."""
        pressed = await self._press("refund")
        if pressed is not None:
            return RefundFinding("not_sent", retry_at=pressed.until)
        try:
            finding = await self._method.refund(wanted, account)
        except RefusedError:
            await self._succeeded("refund")
            raise
        await self._note("refund", answered=finding.state != "no_answer")
        return finding

    async def query_refund(self, wanted: RefundWanted) -> RefundFinding:
        """Ask what became of a refund."""
        pressed = await self._press("query_refund", repeats=wanted.provider_id is None)
        if pressed is not None:
            return RefundFinding("no_answer", retry_at=pressed.until)
        finding = await self._method.query_refund(wanted)
        await self._note("query_refund", answered=finding.state != "no_answer")
        return finding

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> ProviderEvent:
        """Check and read a webhook."""
        return self._method.read_webhook(headers, body, at=at)

    async def close(self) -> None:
        """Let go of connections."""
        await self._method.close()

    async def _press(self, operation: Operation, *, repeats: bool = False) -> Pressed | None:
        """Take a turn to call, or say why and until when not."""
        at = self._clock.now()
        breaker = await self._breaker(operation, at)
        if not model.may_call(breaker, at=at):
            return Pressed(breaker.trouble or "failing", breaker.until or at)
        if repeats:
            self._budget, granted = model.repeat(self._budget, at=at)
            if not granted:
                return Pressed("rate_limited", at + model.PAUSE_FAILING)
        else:
            self._budget = model.first_call(self._budget)
        pace, wait = model.wait_for_turn(self._pace, at=at)
        if wait > TURN_MAX:
            return Pressed("rate_limited", at + wait)
        self._pace = pace
        if breaker.state != "closed" and not await self._probe(operation, at):
            return Pressed(breaker.trouble or "failing", at + model.PAUSE_FAILING)
        if wait:
            await asyncio.sleep(wait.total_seconds())
        return None

    async def _probe(self, operation: Operation, at: datetime) -> bool:
        """Take the place of the one probe, unless another call or process has it."""
        granted: list[bool] = []

        def take(known: Breaker) -> Breaker:
            granted.append(model.may_call(known, at=at))
            return model.called(known, at=at) if granted[0] else known

        self._known[operation] = await actions.change(self._database, self._name, operation, take, at=at)
        return granted[0]

    async def _breaker(self, operation: Operation, at: datetime) -> Breaker:
        if self._read_at is None or at - self._read_at >= READ_AGAIN:
            self._read_at = at
            async with self._database.at_once("health") as tx:
                kept = await store.every(tx)
            for each in kept:
                if each.method == self._name:
                    self._known[each.operation] = each
        return self._known.setdefault(operation, Breaker(self._name, operation))

    async def _note(self, operation: Operation, *, answered: bool) -> None:
        if answered:
            await self._succeeded(operation)
        else:
            await self._failed(operation, "failing")

    async def _succeeded(self, operation: Operation) -> None:
        at = self._clock.now()
        before = self._known.get(operation, Breaker(self._name, operation))
        newer = model.succeeded(before, at=at)
        stale = before.last_ok_at is None or at - before.last_ok_at >= WRITE_AGAIN
        if before.state == "closed" and not before.failures and not stale:
            return
        self._known[operation] = newer
        await actions.change(self._database, self._name, operation, lambda known: model.succeeded(known, at=at), at=at)

    async def _failed(self, operation: Operation, trouble: Trouble, retry_after: timedelta | None = None) -> None:
        at = self._clock.now()
        newer = await actions.change(
            self._database,
            self._name,
            operation,
            lambda known: model.failed(known, trouble, retry_after=retry_after, at=at),
            at=at,
        )
        self._known[operation] = newer
        if newer.state == "open":
            said = {"method": self._name, "operation": operation, "trouble": trouble, "until": str(newer.until)}
            log.warning("a provider is not called for a while", extra=said)


def _kind(trouble: Trouble) -> AwayKind:
    return "unreachable" if trouble == "failing" else trouble
