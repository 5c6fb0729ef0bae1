"""What is written about a provider's health, and told to those who offer its method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from kernel.clock import new_id
from kernel.contracts.payments import MethodPaused, MethodResumed
from kernel.rows import Database, Transaction
from payments.health import model, store
from payments.health.model import Breaker, Operation, Window


async def change(
    database: Database, method: str, operation: Operation, how: Callable[[Breaker], Breaker], *, at: datetime
) -> Breaker:
    """Change a breaker under its lock; what visitors see of it is published: that it rests, until when, or is back."""
    async with database.transaction("health") as tx:
        before, version = await store.locked(tx, method, operation)
        newer = how(before)
        paused = model.is_shown_as_paused(newer)
        told = (paused, paused and newer.until) != ((was := model.is_shown_as_paused(before)), was and before.until)
        await store.save(tx, newer, version=version + 1 if told else version)
        if told:
            await _publish(tx, newer, version=version + 1, at=at)
        return newer


async def keep_announced(database: Database, windows: Sequence[Window], *, at: datetime) -> int:
    """Pause the methods whose providers announced a maintenance for now; resume_over offers them again."""
    begun = [each for each in windows if each.holds(at)]
    if not begun:
        return 0
    async with database.transaction("health") as tx:
        known = {each.method: each for each in await store.every(tx) if each.operation == "open"}
    new = 0
    for each in begun:
        before = known.get(each.method, Breaker(each.method, "open"))
        if model.kept_away(before, until=each.until, at=at) != before:
            await change(
                database,
                each.method,
                "open",
                partial(model.kept_away, until=each.until, at=at),
                at=at,
            )
            new += 1
    return new


async def paused(tx: Transaction) -> Mapping[str, Breaker]:
    """Return the methods that visitors are not offered now, with why and until when."""
    return {each.method: each for each in await store.every(tx) if model.is_shown_as_paused(each)}


async def resume_over(database: Database, *, at: datetime) -> int:
    """Offer methods again whose pause is over: the next visitor's call tells whether the provider is back."""
    async with database.transaction("health") as tx:
        waiting = [each for each in await store.every(tx) if model.is_shown_as_paused(each)]
    over = [each for each in waiting if each.until is not None and each.until <= at]
    for each in over:
        await change(database, each.method, each.operation, lambda known: model.offered_again(known, at=at), at=at)
    return len(over)


async def _publish(tx: Transaction, breaker: Breaker, *, version: int, at: datetime) -> None:
    fact = (
        MethodPaused(method=breaker.method, trouble=breaker.trouble or "failing", paused_at=at, until=breaker.until)
        if model.is_shown_as_paused(breaker)
        else MethodResumed(method=breaker.method, resumed_at=at)
    )
    await tx.publish(fact, subject=breaker.method, version=version, event_id=new_id(), at=at)
