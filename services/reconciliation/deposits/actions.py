"""Matching deposits: by the rules in a run, and by people: accept, dismiss, match by hand, take back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from kernel.money import ZERO, Yen, total
from kernel.rows import Transaction
from reconciliation.deposits import store
from reconciliation.deposits.model import (
    FAMILY,
    PAYOUT_CHANGED,
    RULE_VERSION,
    TOGETHER_MAX,
    Match,
    MatchedAlready,
    NoDeposit,
    Rule,
    Suggestion,
    TooManyTogether,
    UnknownDepositMatch,
    UnknownSuggestion,
    id_of,
    require_reason,
)
from reconciliation.deposits.rules import accepted
from reconciliation.deposits.suggesting import EARLY_DAYS_MAX, suggestions
from reconciliation.payouts.actions import Changed
from reconciliation.payouts.model import UnknownPayout
from reconciliation.provider_contracts import store as contracts
from reconciliation.provider_contracts.model import STAND_IN, Terms
from reconciliation.statements.bank_days import bank_days_from


async def let_changed_fall(tx: Transaction, run_id: UUID, changed: Changed, *, at: datetime) -> None:
    """Let matches fall whose payouts changed; nobody else matches deposits until the transaction ends."""
    await store.lock(tx)
    await _let_changed_fall(tx, run_id, changed, at)


async def run(tx: Transaction, run_id: UUID, terms: Mapping[str, Terms], *, at: datetime) -> int:
    """Match what the rules accept and suggest the rest; return how many bank lines are newly matched."""
    await store.lock(tx)
    reached = await store.reach_of_accounts(tx)
    await store.set_reach(tx, _reach(reached, terms))
    dues = await store.dues(tx, terms)
    lines = await store.came(tx, since=_since([each.arrives_on for each in dues]))
    found = accepted(lines, dues, refused=await store.refused(tx), reach=reached)
    for each in found:
        group_id = id_of([each.line.id], [due.id for due in each.payouts])
        await store.add(
            tx,
            bank_lines=[each.line.id],
            payouts=[due.id for due in each.payouts],
            group_id=uuid5(run_id, str(group_id)),
            rule=each.rule,
            rule_version=RULE_VERSION,
            run_id=run_id,
            difference=ZERO,
            by="",
            at=at,
        )
    await _suggest(tx, terms)
    return len(found)


async def accept(tx: Transaction, suggestion_id: UUID, *, decision_id: UUID, by: str, at: datetime) -> Match:
    """Accept a suggestion; raise UnknownSuggestion if it is none any more."""
    await store.lock(tx)
    suggestion = await _suggested(tx, suggestion_id)
    return await _match(
        tx,
        bank_lines=suggestion.bank_lines,
        payouts=suggestion.payouts,
        rule="suggestion_accepted",
        decision_id=decision_id,
        by=by,
        at=at,
        reason="",
    )


async def dismiss(tx: Transaction, suggestion_id: UUID, *, by: str, reason: str, at: datetime) -> Suggestion:
    """Say that something does not belong together; it is not suggested again, and no rule accepts it.

    Raises UnknownSuggestion and DepositReasonMissing.
    """
    said = require_reason(reason)
    await store.lock(tx)
    suggestion = await _suggested(tx, suggestion_id)
    await store.refuse(
        tx, suggestion.id, bank_lines=suggestion.bank_lines, payouts=suggestion.payouts, by=by, at=at, reason=said
    )
    await _suggest(tx, await contracts.terms(tx))
    return suggestion


async def match_by_hand(
    tx: Transaction,
    *,
    bank_lines: Sequence[UUID],
    payouts: Sequence[UUID],
    decision_id: UUID,
    by: str,
    reason: str,
    at: datetime,
) -> Match:
    """Match bank lines with payouts as a person says, whatever the difference.

    Raises TooManyTogether, NoDeposit, UnknownPayout, MatchedAlready and DepositReasonMissing.
    """
    said = require_reason(reason)
    await store.lock(tx)
    return await _match(
        tx,
        bank_lines=sorted(set(bank_lines)),
        payouts=sorted(set(payouts)),
        rule="by_hand",
        decision_id=decision_id,
        by=by,
        at=at,
        reason=said,
    )


async def take_back(tx: Transaction, match_id: UUID, *, reversal_id: UUID, by: str, reason: str, at: datetime) -> Match:
    """Take a match back; no rule makes it again. Raises UnknownDepositMatch and DepositReasonMissing."""
    said = require_reason(reason)
    await store.lock(tx)
    match = await store.find_match(tx, match_id)
    if match is None:
        raise UnknownDepositMatch(id=str(match_id))
    await store.let_fall(tx, match, reversal_id=reversal_id, by=by, at=at, reason=said)
    named = id_of(match.bank_lines, match.payouts)
    await store.refuse(tx, named, bank_lines=match.bank_lines, payouts=match.payouts, by=by, at=at, reason=said)
    await _suggest(tx, await contracts.terms(tx))
    return match


async def contract_changed(tx: Transaction, changed: Changed, terms: Mapping[str, Terms], *, at: datetime) -> None:
    """Let matches fall whose payouts a contract made anew, and suggest by its names and days."""
    await store.lock(tx)
    await _let_changed_fall(tx, id_of((), (*changed.made, *changed.gone)), changed, at)
    await store.set_reach(tx, _reach(await store.reach_of_accounts(tx), terms))
    await _suggest(tx, terms)


async def _match(
    tx: Transaction,
    *,
    bank_lines: Sequence[UUID],
    payouts: Sequence[UUID],
    rule: Rule,
    decision_id: UUID,
    by: str,
    at: datetime,
    reason: str,
) -> Match:
    if not (1 <= len(bank_lines) <= TOGETHER_MAX and 1 <= len(payouts) <= TOGETHER_MAX):
        raise TooManyTogether(count_max=TOGETHER_MAX)
    came, due = await store.amounts(tx, bank_lines), await store.nets(tx, payouts)
    for each in bank_lines:
        if each not in came:
            raise NoDeposit(id=str(each))
    for each in payouts:
        if each not in due:
            raise UnknownPayout(id=str(each))
    taken = await store.matched_already(tx, bank_lines, payouts)
    if taken is not None:
        raise MatchedAlready(id=str(taken))
    match_id = await store.add(
        tx,
        bank_lines=bank_lines,
        payouts=payouts,
        group_id=decision_id,
        rule=rule,
        rule_version=RULE_VERSION,
        run_id=decision_id,
        difference=total(came.values()) - total(due.values()),
        by=by,
        at=at,
        reason=reason,
    )
    await _suggest(tx, await contracts.terms(tx))
    made = await store.find_match(tx, match_id)
    assert made is not None  # noqa: S101 - it was written a moment ago
    return made


async def _suggested(tx: Transaction, suggestion_id: UUID) -> Suggestion:
    found = await store.find_suggestion(tx, suggestion_id)
    if found is None:
        raise UnknownSuggestion(id=str(suggestion_id))
    return found


async def _suggest(tx: Transaction, terms: Mapping[str, Terms]) -> None:
    dues = await store.dues(tx, terms)
    lines = await store.came(tx, since=_since([each.arrives_on for each in dues]))
    await store.keep_suggestions(tx, suggestions(lines, dues, refused=await store.refused(tx)))


async def _let_changed_fall(tx: Transaction, run_id: UUID, changed: Changed, at: datetime) -> None:
    """Let matches fall that are not what they were, because a payout of theirs has another sum now."""
    for match in await store.matches_of_payouts(tx, (*changed.made, *changed.gone)):
        now: Yen | None = await store.difference_now(tx, match)
        if now != match.difference:
            reversal_id = uuid5(FAMILY, f"{run_id} {match.id}")
            await store.let_fall(tx, match, reversal_id=reversal_id, by="", at=at, reason=PAYOUT_CHANGED)


def _since(days: Sequence[date]) -> date:
    """Return from which day on bookings may be payouts that are due."""
    return min(days, default=date.max) - timedelta(days=EARLY_DAYS_MAX)


def _reach(reached: Mapping[str, date], terms: Mapping[str, Terms]) -> list[tuple[str, date, date | None]]:
    """Return, for each account and for any (''), until when it tells and until when a deposit is unknown.

    A deposit is unknown only in accounts that contracts name; if one names none, in all. It may be younger than its
    payout's file by the bank days that a payout may be late.
    """
    said = [each.newest.definition for each in terms.values()] or [STAND_IN]
    named = {each.account for each in said}
    wait = max(each.bank_days_late for each in said)
    found = [
        (account, until, bank_days_from(until, -wait - 1) if account in named or "" in named else None)
        for account, until in sorted(reached.items())
    ]
    return [*found, ("", max(reached.values()), None)] if reached else []
