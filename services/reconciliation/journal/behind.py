"""What lies behind a posting: the orders, statement lines, deposits and payouts that its amount is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.days.wording import provider_name
from reconciliation.journal.model import ACCOUNTS, Draft, Posting
from reconciliation.journal.rules import BY_OWNER, RULES, Rule
from reconciliation.journal.sources import ENTRY_LINES, LINE_LINES, lay_down_terms
from reconciliation.payouts.store import forget_terms

SHOWN_MAX: Final = 500
What = Literal["order", "line", "bank_line", "payout"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a posting's amount, positive on the posting's side. `name` is what people call it."""

    what: What
    id: str
    name: str
    day: date
    rule: Rule
    amount: Yen


_SIGNED: Final = "CASE WHEN rule = ANY(CAST(:opposite AS text[])) THEN -amount ELSE amount END"
_OF_ENTRIES: Final = f"""{ENTRY_LINES}
SELECT 'order' AS what, l.order_id AS id, coalesce(nullif(p.number, ''), l.order_id) AS name, l.day, l.rule,
    CAST(sum({_SIGNED}) AS bigint) AS amount
FROM lines AS l LEFT JOIN order_positions AS p USING (order_id)
WHERE l.day = ANY(CAST(:days AS date[])) AND l.place = :place AND l.belongs = :belongs
  AND l.rule = ANY(CAST(:rules AS text[])) AND l.facility = :facility AND l.method = :method AND l.amount <> 0
  AND (NOT :by_revenue OR (l.revenue_owner, l.revenue_account, l.tax_rate_percent) =
       (:revenue_owner, :revenue_account, CAST(:rate AS smallint)))
GROUP BY l.order_id, p.number, l.day, l.rule ORDER BY name, l.rule LIMIT :limit
"""
_OF_LINES: Final = f"""{LINE_LINES}
SELECT 'line' AS what, CAST(l.id AS text) AS id, l.day, l.rule,
    coalesce(nullif(l.reference, ''), CAST(l.attempt_id AS text), CAST(l.id AS text)) AS name,
    CAST({_SIGNED} AS bigint) AS amount
FROM lines AS l
WHERE l.provider = :place AND l.rule = ANY(CAST(:rules AS text[])) AND l.amount <> 0
  AND (NOT :by_owner OR (l.facility, l.revenue_owner) = (:facility, :revenue_owner))
  AND (:by_owner OR l.facility = :facility)
ORDER BY name, l.id LIMIT :limit
"""
_OF_DEPOSITS: Final = """
SELECT 'bank_line' AS what, CAST(b.id AS text) AS id, b.booked_on AS day, '' AS rule, b.amount,
    '' AS provider, concat_ws(' ', nullif(b.payer, ''), nullif(b.summary, '')) AS name
FROM bank_lines AS b WHERE b.id = CAST(:place AS uuid) OR b.id IN (
    SELECT bank_line_id FROM deposit_legs WHERE stands AND group_id = CAST(:place AS uuid))
UNION ALL
SELECT 'payout', CAST(p.id AS text), p.arrives_on, '', p.net, p.provider, p.key
FROM payouts AS p WHERE p.id IN (SELECT payout_id FROM deposit_legs
    WHERE stands AND coalesce(group_id, bank_line_id) = CAST(:place AS uuid))
ORDER BY what, day, id LIMIT :limit
"""


async def parts(tx: Transaction, draft: Draft, posting: Posting) -> list[Part]:
    """Return what a posting is made of as it is now, up to SHOWN_MAX parts; nothing of what was made by hand."""
    kind, _, rest = draft.origin.partition(":")
    match kind:
        case "manual":
            return []
        case "deposit":
            place = UUID(rest.split(":")[0])
            return [_of_deposit(row) for row in await tx.execute(_OF_DEPOSITS, place=place, limit=SHOWN_MAX)]
        case _:
            wanted = _wanted(draft, posting, kind, rest.split(":")[1])
    if kind in {"fees", "adjustments"}:
        if not await lay_down_terms(tx, [draft.business_date]):
            return []
        found = [_part(row) for row in await tx.execute(_OF_LINES, **wanted)]
        await forget_terms(tx)
        return found
    return [_part(row) for row in await tx.execute(_OF_ENTRIES, **wanted)]


def _wanted(draft: Draft, posting: Posting, kind: str, place: str) -> dict[str, Any]:
    touching = {rule: books for rule, books in RULES.items() if books.kind == kind and posting.account in books[1:]}
    mine = {rule for rule, books in touching.items() if getattr(books, posting.side) == posting.account}
    return {
        "days": [draft.business_date],
        "place": place,
        "belongs": draft.belongs,
        "rules": list(touching),
        "opposite": sorted(set(touching) - mine),
        "facility": posting.facility,
        "method": posting.method,
        "by_revenue": ACCOUNTS[posting.account].by_revenue,
        "by_owner": posting.account in BY_OWNER,
        "revenue_owner": posting.revenue_owner,
        "revenue_account": posting.revenue_account,
        "rate": posting.tax_rate_percent,
        "limit": SHOWN_MAX,
    }


def _of_deposit(row: Any) -> Part:
    name = f"{provider_name(row.provider)} {row.name}" if row.provider else row.name
    return Part(row.what, row.id, name, row.day, row.rule, Yen(row.amount))


def _part(row: Any) -> Part:
    return Part(row.what, row.id, row.name, row.day, row.rule, Yen(row.amount))
