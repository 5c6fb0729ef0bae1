"""Compares what reconciliation made of the books with their truth: the work list, what closed, the journal's sums."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psycopg

from console.bench.booking.plan import Plan
from console.bench.reconciling.judge import Kind
from kernel.clock import business_date
from reconciliation.replay.model import Findings

SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge found. `apart`: what is otherwise than it should be, in words; empty if nothing is."""

    kinds: dict[str, Kind]
    closed: int
    apart: tuple[str, ...]

    @property
    def perfect(self) -> bool:
        """Tell whether nothing was missed, nothing invented and nothing is apart."""
        return not self.apart and all(each.right == each.labelled and not each.wrong for each in self.kinds.values())

    def __str__(self) -> str:
        """Return the verdict as a table."""
        rows = [f"{'kind':<26}{'labelled':>10}{'found':>10}{'invented':>10}{'recall %':>10}"]
        for name, each in self.kinds.items():
            figures = (each.labelled, each.right, each.wrong)
            rows.append(f"{name:<26}{''.join(f'{figure:>10,}' for figure in figures)}{each.recall_percent:>10.1f}")
        return "\n".join((*rows, f"{self.closed:,} days closed", *self.apart))


def judge(database: psycopg.Connection[Any], plan: Plan) -> Verdict:
    """Compare the books with the labels beside them, and the journal with the entries."""
    (closed,) = _one(database, "SELECT count(*) FROM standing_closings WHERE kind = 'day'")
    return Verdict(_kinds(database), closed, (*_days_apart(database, plan), *_sums_apart(database)))


def as_laid(findings: Findings, told: int) -> tuple[str, ...]:
    """Return how the laid rows differ from what the ledger makes of the same facts, if they do.

    `told`: how many facts were told again. What was not is beyond this proof, and no difference.
    """
    apart = []
    if findings.facts != told or findings.lacking or findings.unreadable:
        apart.append(f"{findings.facts} of {told} facts were replayed, {findings.lacking} are not in the ledger")
    if findings.difference is not None:
        apart.append(f"{findings.differing} rows differ from a replay's, the first: {findings.difference}")
    return tuple(apart)


def digest(database: psycopg.Connection[Any]) -> str:
    """Return a digest of the work list, the closings and the journal: the same books, the same digest.

    Ids and moments of making are no part of it, nor are numbers of vouchers.
    """
    found = [_one(database, f"SELECT count(*), md5(coalesce(string_agg(row, E'\\n' ORDER BY row COLLATE \"C\"), '')) "
                            f"FROM ({query}) AS f (row)") for query in _TOLD]  # fmt: skip
    return hashlib.sha256(repr(found).encode()).hexdigest()


_POSTED: Final = (
    "SELECT concat_ws(' ', v.kind, v.origin, v.booked_on, v.business_date, v.belongs, v.fiscal_year, v.old_year, "
    "v.reverses IS NOT NULL, p.side, p.account, p.amount, p.facility, p.revenue_owner, p.revenue_account, p.method, "
    "p.provider, p.tax_rate_percent) FROM vouchers AS v JOIN postings AS p ON p.voucher = v.number"
)
_TOLD: Final = (
    "SELECT concat_ws(' ', kind, subject, amount, day, state, detail) FROM discrepancies",
    "SELECT concat_ws(' ', kind, first_day, version, totals) FROM closings",
    _POSTED,
)


def _one(database: psycopg.Connection[Any], query: str) -> Any:
    found = database.execute(query).fetchone()
    assert found is not None  # noqa: S101 - an aggregate has one row
    return found


def _kinds(database: psycopg.Connection[Any]) -> dict[str, Kind]:
    """Compare what people are shown with the labels, one by one: its kind, subject, amount and day."""
    rows = database.execute(
        "SELECT kind, sum(l), sum(least(l, f)), sum(greatest(f - l, 0)) FROM ("
        "SELECT kind, subject, amount, day, sum(l) AS l, sum(f) AS f FROM ("
        "SELECT kind, subject, amount, day, 1 AS l, 0 AS f FROM made.labels UNION ALL "
        "SELECT kind, subject, amount, day, 0, 1 FROM discrepancies WHERE state IN ('open', 'proposed')) AS told "
        "GROUP BY 1, 2, 3, 4) AS each GROUP BY kind ORDER BY kind"
    ).fetchall()
    return {kind: Kind(int(labelled), int(right), int(wrong)) for kind, labelled, right, wrong in rows}


def _days_apart(database: psycopg.Connection[Any], plan: Plan) -> list[str]:
    """Compare what closed: every day of the books that is over and on which nothing is wrong, and no other.

    What came after a closing keeps no day from having closed.
    """
    last = business_date(plan.at) - timedelta(days=1)
    rows = database.execute(
        f"""
WITH due AS (
    SELECT CAST(d AS date) AS day FROM generate_series((SELECT min(business_date) FROM entries),
        DATE '{last}', interval '1 day') AS d
    EXCEPT SELECT day FROM made.labels WHERE kind <> 'changed_after_closing'
), closed AS (SELECT first_day AS day FROM standing_closings WHERE kind = 'day')
SELECT day, due.day IS NOT NULL FROM due FULL JOIN closed USING (day) WHERE due.day IS NULL OR closed.day IS NULL
ORDER BY day LIMIT {SHOWN_MAX}
"""
    )
    return [f"{day} is {'not ' if due else ''}closed and should{'' if due else ' not'} be" for day, due in rows]


# Which entry is on which accounts, in this world: reckoned by orders and not, as the journal does, by payments.
# A refund of an order to which money came twice gives back what no order has. A bank took back only what was cancelled.
_SUMS: Final = f"""
WITH twice AS (SELECT DISTINCT order_id FROM entries WHERE kind = 'unallocated'),
told AS (
    SELECT business_date, facility, method, kind, amount FROM entries
    WHERE kind IN ('sold', 'captured', 'unallocated', 'reversed', 'disputed', 'dispute_won', 'dispute_lost')
    UNION ALL
    SELECT e.business_date, e.facility, e.method, CASE WHEN t.order_id IS NULL THEN 'refunded' ELSE 'given_back' END,
        e.amount FROM entries AS e LEFT JOIN twice AS t USING (order_id) WHERE e.kind = 'refunded'
), summed AS (
    SELECT business_date, facility, method, kind, sum(amount) AS amount FROM told GROUP BY 1, 2, 3, 4
), due AS (
    SELECT business_date, facility, method, account, sum(sign * amount) AS amount
    FROM summed JOIN (VALUES ('sold', 'visitor_receivable', 1), ('sold', 'revenue', -1),
        ('captured', 'provider_receivable', 1), ('captured', 'visitor_receivable', -1),
        ('unallocated', 'provider_receivable', 1), ('unallocated', 'over_receipt', -1),
        ('refunded', 'refunds', 1), ('refunded', 'provider_receivable', -1),
        ('given_back', 'over_receipt', 1), ('given_back', 'provider_receivable', -1),
        ('reversed', 'revenue', 1), ('reversed', 'provider_receivable', -1),
        ('disputed', 'disputed', 1), ('disputed', 'provider_receivable', -1),
        ('dispute_won', 'provider_receivable', 1), ('dispute_won', 'disputed', -1),
        ('dispute_lost', 'refunds', 1), ('dispute_lost', 'disputed', -1)) AS b (kind, account, sign) USING (kind)
    GROUP BY 1, 2, 3, 4
), booked AS (
    SELECT v.business_date, p.facility, p.method, p.account,
        sum(CASE p.side WHEN 'debit' THEN p.amount ELSE -p.amount END) AS amount
    FROM postings AS p JOIN vouchers AS v ON v.number = p.voucher GROUP BY 1, 2, 3, 4
)
SELECT business_date, facility, method, account, coalesce(due.amount, 0), coalesce(booked.amount, 0)
FROM due FULL JOIN booked USING (business_date, facility, method, account)
WHERE coalesce(due.amount, 0) <> coalesce(booked.amount, 0) ORDER BY 1, 2, 3, 4 LIMIT {SHOWN_MAX}
"""


def _sums_apart(database: psycopg.Connection[Any]) -> list[str]:
    return [
        f"{account} of {day} at {facility} by {method}: the entries come to {due}, the journal to {booked}"
        for day, facility, method, account, due, booked in database.execute(_SUMS)
    ]
