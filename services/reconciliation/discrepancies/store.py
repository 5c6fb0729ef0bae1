"""Discrepancies that people work on: their rows, locked for a change, and the steps that they went through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Conflict
from kernel.rows import Transaction
from reconciliation.discrepancies.handling import Step, Stored
from reconciliation.discrepancies.model import ORDER_KINDS, UnknownDiscrepancy

COLUMNS: Final = (
    "id, kind, subject, order_id, number, facility, provider, day, amount, since, state, assignee, version, raised_at, "
    "changed_at, proposed_by, approved_by"
)
# Whoever sees some facilities sees what is wrong with their orders, and nothing of banks and providers.
VISIBLE: Final = (
    "(CAST(:facilities AS text[]) IS NULL OR (facility = ANY(CAST(:facilities AS text[])) "
    f"AND kind IN ({', '.join(repr(kind) for kind in ORDER_KINDS)})))"
)


def stored(row: Any) -> Stored:
    """Return a row as what it says."""
    return Stored(**row._asdict() | {"amount": Yen(row.amount)})


async def find(tx: Transaction, discrepancy_id: UUID, facilities: Sequence[str] | None) -> Stored:
    """Return one; raise UnknownDiscrepancy."""
    answer = await tx.execute(
        f"SELECT {COLUMNS} FROM discrepancies WHERE id = :id AND {VISIBLE}", id=discrepancy_id, facilities=facilities
    )
    row = answer.one_or_none()
    if row is None:
        raise UnknownDiscrepancy(id=str(discrepancy_id))
    return stored(row)


async def take(tx: Transaction, ids: Sequence[UUID], facilities: Sequence[str] | None) -> list[Stored]:
    """Return some, locked for a change, in the order given.

    Raises UnknownDiscrepancy; and Conflict where somebody is changing one now: nobody waits here, so that two who
    change many at once never wait for each other.
    """
    wanted = list(dict.fromkeys(ids))
    rows = await tx.execute(
        f"SELECT {COLUMNS} FROM discrepancies WHERE id = ANY(:ids) AND {VISIBLE} FOR UPDATE SKIP LOCKED",
        ids=wanted,
        facilities=facilities,
    )
    found = {row.id: stored(row) for row in rows}
    for each in wanted:
        if each not in found:
            await find(tx, each, facilities)
            raise Conflict
    return [found[each] for each in wanted]


def _step(row: Any) -> Step:
    return Step(row.version, row.step, row.at, row.by, Yen(row.amount), row.cause, row.words)


async def steps_of(tx: Transaction, discrepancy_id: UUID, *, limit: int) -> list[Step]:
    """Return the newest steps of a discrepancy, oldest first."""
    rows = await tx.execute(
        "SELECT version, step, at, by, amount, cause, words FROM discrepancy_steps WHERE discrepancy_id = :id "
        "ORDER BY version DESC LIMIT :limit",
        id=discrepancy_id,
        limit=limit,
    )
    return [_step(row) for row in reversed(rows.all())]


async def proposal_of(tx: Transaction, discrepancy_id: UUID) -> Step:
    """Return the newest proposal of a discrepancy that has one."""
    answer = await tx.execute(
        "SELECT version, step, at, by, amount, cause, words FROM discrepancy_steps WHERE discrepancy_id = :id "
        "AND step = 'proposed' ORDER BY version DESC LIMIT 1",
        id=discrepancy_id,
    )
    return _step(answer.one())


async def settlements(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Step]:
    """Return how each was settled last by somebody."""
    rows = await tx.execute(
        "SELECT DISTINCT ON (discrepancy_id) discrepancy_id, version, step, at, by, amount, cause, words "
        "FROM discrepancy_steps WHERE discrepancy_id = ANY(:ids) AND step = 'resolved' AND words <> '' "
        "ORDER BY discrepancy_id, version DESC",
        ids=list(ids),
    )
    return {row.discrepancy_id: _step(row) for row in rows}


_CHANGE: Final = """
UPDATE discrepancies AS d SET state = j.state, assignee = j.assignee, version = j.version, changed_at = j.changed_at,
    proposed_by = j.proposed_by, approved_by = j.approved_by,
    resolved_amount = CASE WHEN j.state = 'resolved' THEN d.amount ELSE d.resolved_amount END,
    resolved_detail = CASE WHEN j.state = 'resolved' THEN d.detail ELSE d.resolved_detail END
FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:assignees AS text[]), CAST(:versions AS integer[]),
    CAST(:moments AS timestamptz[]), CAST(:proposers AS text[]), CAST(:approvers AS text[]))
    AS j(id, state, assignee, version, changed_at, proposed_by, approved_by)
WHERE d.id = j.id
"""
_ADD_STEPS: Final = """
INSERT INTO discrepancy_steps (discrepancy_id, version, step, at, by, amount, cause, words)
SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[]), CAST(:kinds AS text[]),
    CAST(:moments AS timestamptz[]), CAST(:names AS text[]), CAST(:amounts AS bigint[]), CAST(:causes AS text[]),
    CAST(:words AS text[]))
"""


async def change(tx: Transaction, moved: Sequence[tuple[Stored, Sequence[Step]]]) -> None:
    """Write what became of locked discrepancies, and their steps; a second step of one version fails."""
    changed = [(after, steps) for after, steps in moved if steps]
    if not changed:
        return
    rows = [after for after, _ in changed]
    await tx.execute(
        _CHANGE,
        ids=[each.id for each in rows],
        states=[each.state for each in rows],
        assignees=[each.assignee for each in rows],
        versions=[each.version for each in rows],
        moments=[each.changed_at for each in rows],
        proposers=[each.proposed_by for each in rows],
        approvers=[each.approved_by for each in rows],
    )
    steps = [(after.id, step) for after, theirs in changed for step in theirs]
    await tx.execute(
        _ADD_STEPS,
        ids=[each for each, _ in steps],
        versions=[step.version for _, step in steps],
        kinds=[step.step for _, step in steps],
        moments=[step.at for _, step in steps],
        names=[step.by for _, step in steps],
        amounts=[step.amount.amount for _, step in steps],
        causes=[step.cause for _, step in steps],
        words=[step.words for _, step in steps],
    )
