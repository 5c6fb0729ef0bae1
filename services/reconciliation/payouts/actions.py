"""Making payouts of what is new, and making those of one provider anew when its contract is another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from kernel.rows import Transaction
from reconciliation.matching import scratch
from reconciliation.matching import store as matching
from reconciliation.matching.model import LineDay, Taken
from reconciliation.payouts import store
from reconciliation.payouts.model import close, line_terms, together
from reconciliation.provider_contracts.model import Terms


@dataclass(frozen=True, slots=True)
class Changed:
    """Payouts that are new or not as before, and those that are no more."""

    made: tuple[UUID, ...]
    gone: tuple[UUID, ...] = ()


async def refresh(
    tx: Transaction, run_id: UUID, taken: Taken, days: Sequence[LineDay], terms: dict[str, Terms]
) -> Changed:
    """Add the lines of new files, summed up, to their payouts, and find fees that are not as agreed."""
    by_method = await lay_down_terms(tx, days, terms)
    new = together(await store.sums_of_lines(tx))
    whole = together([*await store.known_sums(tx, new), *new.values()])
    made = await store.keep(tx, [close(each, terms.get(each.provider)) for each in whole.values()], terms)
    await store.judge_fees(tx, taken, run_id=run_id, by_method=by_method)
    await store.forget_terms(tx)
    return Changed(tuple(made))


async def remake(tx: Transaction, provider: str, terms: dict[str, Terms]) -> Changed:
    """Make the payouts of a provider anew from all its lines that matching has seen."""
    taken = await store.files_of(tx, provider)
    await scratch.sum_up(tx, taken)
    days = await matching.days_of_lines(tx, provider)
    by_method = await lay_down_terms(tx, days, terms)
    whole = together(await store.sums_of_lines(tx))
    made = await store.keep(tx, [close(each, terms.get(provider)) for each in whole.values()], terms)
    gone = await store.remove_others(tx, provider, [(each.contract, each.key) for each in whole.values()])
    await store.forget_findings(tx, provider)
    await store.judge_fees(tx, taken, run_id=None, by_method=by_method)
    await store.forget_terms(tx)
    await scratch.forget_what_was_laid_down(tx)
    return Changed(tuple(made), tuple(gone))


async def lay_down_terms(tx: Transaction, days: Iterable[LineDay], terms: dict[str, Terms]) -> bool:
    """Lay down the terms of lines as `line_terms`; return whether some depend on the method."""
    wanted = sorted({(each.provider, each.day, each.brand) for each in days})
    said = [line_terms(terms.get(provider), provider, day, brand) for provider, day, brand in wanted]
    await store.set_terms(tx, said)
    return any(each.by_method for each in said)
