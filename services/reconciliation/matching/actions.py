"""Matching what is new: claims, then payouts, then deposits; and taking a match back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from kernel.rows import Transaction
from reconciliation.deposits import actions as deposits
from reconciliation.matching import pairing, scratch, store
from reconciliation.matching.coverage import carriers, days_late
from reconciliation.matching.model import Leg, Run, UnknownMatch, require_reason
from reconciliation.payouts import actions as payouts
from reconciliation.provider_contracts import store as contracts

WAITED_FOR_MAX: Final = timedelta(minutes=10)


async def run(tx: Transaction, *, run_id: UUID, at: datetime, provider: str | None = None) -> Run:
    """Match what is new and what is still open; a second run over the same finds nothing.

    With a provider it is about that one's files and lines, and runs beside those of other providers. Should two of them
    take the same claim, as where both tell of one payment, the later one fails and is to be run again. With BANKS it is
    about their files, and with None about all. While other new files wait, deposits are left to the run that takes
    them: who is matched first shall not decide what is the only payout that a transfer can be.
    """
    await store.lock(tx, provider or None)
    taken = await store.take_new_files(tx, run_id, provider)
    terms = await contracts.terms(tx)
    await scratch.sum_up(tx, taken)
    days = await store.days_of_lines(tx, taken.provider)
    await pairing.match(tx, run_id, taken, days_late(terms, sorted({(each.provider, each.day) for each in days})))
    reached = await store.reach(tx)
    now: dict[str, date] = {}
    for each in days:
        if each.new and each.moves:
            now[each.provider] = max(each.day, now.get(each.provider, reached.get(each.provider, each.day)))
    await store.note_open_lines(tx, taken)
    await store.note_open_claims(tx, carriers(terms.values(), reached, now), many=taken.many)
    await store.forget_what_is_matched(tx, taken.provider)
    await store.set_reach(tx, now)
    changed = await payouts.refresh(tx, run_id, taken, [each for each in days if each.new], terms)
    await scratch.forget_what_was_laid_down(tx)
    await deposits.let_changed_fall(tx, run_id, changed, at=at)
    deposited = 0 if await is_behind(tx, at=at) else await deposits.run(tx, run_id, terms, at=at)
    lines, claims, differing = await store.counts(tx, run_id)
    made = Run(run_id, at, lines, claims, differing, payouts=len(changed.made), deposits=deposited)
    await store.add_run(tx, made)
    return made


async def settle(tx: Transaction, *, run_id: UUID, at: datetime) -> int:
    """Match deposits that runs left to one that fails, once nobody waits for it any longer; return how many."""
    return 0 if await is_behind(tx, at=at) else await deposits.run(tx, run_id, await contracts.terms(tx), at=at)


async def is_behind(tx: Transaction, *, at: datetime) -> bool:
    """Tell whether new files are about to be matched, so that what follows from matches does better to wait.

    A file that could not be matched for long holds nobody up.
    """
    return await store.has_unseen_files(tx, since=at - WAITED_FOR_MAX)


async def overdue_files(tx: Transaction, *, at: datetime) -> int:
    """Return how many files should be matched by now and are not: their runs fail, or nobody works."""
    return await store.unseen_files(tx, until=at - WAITED_FOR_MAX)


async def contract_changed(tx: Transaction, provider: str, *, at: datetime) -> None:
    """Make anew what follows from the contract with a provider: its payouts, what is missed there, and deposits."""
    await store.lock(tx)
    terms = await contracts.terms(tx)
    changed = await payouts.remake(tx, provider, terms)
    await deposits.contract_changed(tx, changed, terms, at=at)
    reached = await store.reach(tx)
    await store.forget_open_claims(tx, provider)
    mine = [terms[provider]] if provider in terms else []
    await store.note_open_claims(tx, carriers(mine, {}, reached, anew=True), many=True)


async def take_back(
    tx: Transaction, match_id: UUID, *, reversal_id: UUID, by: str, reason: str, at: datetime
) -> list[Leg]:
    """Take a match back, by its line's id or its group's; the rules do not make the same match again.

    Raises UnknownMatch and ReversalReasonMissing.
    """
    said = require_reason(reason)
    legs = await store.standing(tx, match_id)
    if not legs:
        raise UnknownMatch(id=str(match_id))
    await store.take_back(tx, match_id, legs, reversal_id=reversal_id, by=by, reason=said, at=at)
    terms = (await contracts.terms(tx)).values()
    await store.reopen_claims(tx, legs, carriers(terms, {}, await store.reach(tx), anew=True))
    return legs
