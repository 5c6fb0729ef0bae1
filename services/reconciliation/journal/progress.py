"""How far the journal has looked, and what came since: so that every minute only what is new is read. SQL only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from kernel.rows import Transaction

# A transaction is younger than this when it commits: a fact is recorded at the moment at which its own began.
MARGIN: Final = "interval '10 minutes'"
_NOW: Final = """
SELECT (SELECT count(*) FROM provider_contracts) AS contracts, concat_ws('/', (SELECT count(*) FROM bank_lines),
    (SELECT concat_ws('/', count(*), count(*) FILTER (WHERE stands)) FROM deposit_legs),
    (SELECT md5(coalesce(string_agg(concat_ws(':', id, net, transfer_fee, fee - lines_fee, tax - lines_tax, last_day),
        ',' ORDER BY id), '')) FROM payouts),
    (SELECT string_agg(concat_ws(':', account, unknown_until), ',' ORDER BY account) FROM account_reach)) AS deposits
"""
_ALL: Final = """
SELECT DISTINCT business_date AS day FROM entries UNION SELECT DISTINCT occurred_on FROM settlement_lines
UNION SELECT DISTINCT business_date FROM vouchers WHERE reverses IS NULL
"""
_BY_FACTS: Final = f"""
SELECT DISTINCT business_date AS day FROM entries WHERE order_id IN (
    SELECT order_id FROM facts WHERE recorded_at >= (SELECT facts_until - {MARGIN} FROM journal_progress)
      AND order_id <> '')
"""
_UNSEEN: Final = """
SELECT id, 'file' AS kind, first_day, last_day FROM statement_files AS s
WHERE NOT EXISTS (SELECT FROM journal_seen AS j WHERE j.id = s.id)
UNION ALL SELECT id, 'match', NULL, NULL FROM match_runs AS r
WHERE NOT EXISTS (SELECT FROM journal_seen AS j WHERE j.id = r.id)
UNION ALL SELECT id, 'match', NULL, NULL FROM match_reversals AS r
WHERE NOT EXISTS (SELECT FROM journal_seen AS j WHERE j.id = r.id)
"""
_BY_FILES: Final = """
SELECT DISTINCT occurred_on AS day FROM settlement_lines AS l JOIN unnest(
    CAST(:firsts AS date[]), CAST(:lasts AS date[])) AS f (first, last) ON l.occurred_on BETWEEN f.first AND f.last
"""
_BY_MATCHES: Final = """
SELECT DISTINCT l.occurred_on AS day FROM match_legs AS m JOIN settlement_lines AS l ON l.id = m.line_id
WHERE m.run_id = ANY(CAST(:ids AS uuid[])) OR EXISTS (SELECT FROM match_reversals AS r
    WHERE r.id = ANY(CAST(:ids AS uuid[])) AND (r.line_id = m.line_id OR r.group_id = m.group_id))
"""


@dataclass(frozen=True, slots=True)
class News:
    """What the journal has not looked at: days, whether deposits changed, and what will have been seen then."""

    days: frozenset[date]
    deposits: bool
    mark: str
    contracts: int
    seen: tuple[UUID, ...]


async def news(tx: Transaction, *, whole: bool) -> News:
    """Return what came since the journal last looked; `whole`, or where it never has, everything there is."""
    before = (await tx.execute("SELECT deposits, contracts, later FROM journal_progress")).one_or_none()
    now = (await tx.execute(_NOW)).one()
    unseen = list(await tx.execute(_UNSEEN))
    seen = tuple(each.id for each in unseen)
    # A provider's fees may follow from its contract, from the first day on.
    if before is None or whole or before.contracts != now.contracts:
        days = frozenset((await tx.execute(_ALL)).scalars())
        return News(days, deposits=True, mark=now.deposits, contracts=now.contracts, seen=seen)
    found = set((await tx.execute(_BY_FACTS)).scalars()) | set(before.later)
    files = [each for each in unseen if each.kind == "file" and each.first_day is not None]
    if files:
        found |= set(
            (
                await tx.execute(
                    _BY_FILES, firsts=[each.first_day for each in files], lasts=[each.last_day for each in files]
                )
            ).scalars()
        )
    matches = [each.id for each in unseen if each.kind == "match"]
    if matches:
        found |= set((await tx.execute(_BY_MATCHES, ids=matches)).scalars())
    return News(
        frozenset(found),
        deposits=now.deposits != before.deposits,
        mark=now.deposits,
        contracts=now.contracts,
        seen=seen,
    )


async def keep(tx: Transaction, told: News, *, later: Collection[date], deposits_later: bool) -> None:
    """Write down that everything is in that was recorded before this transaction, but for what comes later."""
    await tx.execute(
        "INSERT INTO journal_progress (facts_until, deposits, contracts, later) "
        "VALUES (now(), :deposits, :contracts, CAST(:later AS date[])) ON CONFLICT (only_one) DO UPDATE SET "
        "facts_until = EXCLUDED.facts_until, deposits = EXCLUDED.deposits, contracts = EXCLUDED.contracts, "
        "later = EXCLUDED.later",
        deposits="" if deposits_later else told.mark,
        contracts=told.contracts,
        later=sorted(later),
    )
    if told.seen:
        await tx.execute("INSERT INTO journal_seen (id) SELECT unnest(CAST(:ids AS uuid[]))", ids=list(told.seen))
