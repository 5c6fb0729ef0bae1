"""What the ledger, statements and banks say of days, as figures that rules book: set-based, read only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.journal.rules import Figure
from reconciliation.matching.model import LineDay
from reconciliation.payouts import actions as payouts
from reconciliation.payouts.store import KEPT_OF_LINE, forget_terms
from reconciliation.provider_contracts import store as contracts


def fiscal_year_of(day: str) -> str:
    """Return the fiscal year of a day, in SQL."""
    return f"CAST(extract(year FROM {day} - interval '3 months') AS integer)"


# Most entries are what they are. Of an order with a refund, a reversal or a dispute all entries are looked at together:
#  - surplus is money that no order has, by payment. A refund that ticketing asked for says itself whether it gives
#    surplus back; one that it did not ask for, and a reversal, take surplus first and what an order has after it;
#  - a reversal ends the sale where the order is cancelled, on whichever day the second of both came, and at once where
#    the payment itself was the sale (another system's fee);
#  - each figure is of the fiscal year in which its money came.
ENTRY_LINES: Final = f"""
WITH odd AS (
    SELECT DISTINCT order_id FROM entries WHERE business_date = ANY(CAST(:days AS date[]))
      AND kind IN ('refunded', 'reversed', 'disputed', 'dispute_won', 'dispute_lost', 'cancelled')
), theirs AS MATERIALIZED (
    SELECT e.* FROM entries AS e JOIN odd USING (order_id) WHERE e.kind IN ('sold', 'captured', 'unallocated',
        'set_aside', 'reversed', 'refund_requested', 'refunded', 'disputed', 'dispute_won', 'dispute_lost', 'cancelled')
), came AS (
    SELECT charge_id,
        min(business_date) FILTER (WHERE kind IN ('captured', 'unallocated')) AS day,
        (array_agg(attempt_id ORDER BY business_date, fact_id) FILTER (WHERE kind = 'captured'))[1] AS payer,
        coalesce(bool_or(kind = 'sold' AND fact_id IN (SELECT fact_id FROM theirs WHERE kind = 'captured')), false)
            AS was_the_sale
    FROM theirs WHERE charge_id IS NOT NULL GROUP BY charge_id
), asked AS (
    SELECT refund_id, bool_or(surplus) AS surplus FROM theirs WHERE kind = 'refund_requested' GROUP BY refund_id
), ended AS (
    SELECT order_id, min(business_date) FILTER (WHERE kind = 'cancelled') AS day
    FROM theirs GROUP BY order_id HAVING bool_or(kind = 'sold') AND bool_or(kind = 'cancelled')
), money AS (
    SELECT t.*, coalesce(t.attempt_id, came.payer) AS payment, came.day AS came_on, came.was_the_sale,
        CASE WHEN t.surplus THEN true ELSE asked.surplus END AS is_surplus
    FROM theirs AS t JOIN came USING (charge_id)
    LEFT JOIN asked ON t.kind = 'refunded' AND asked.refund_id = t.refund_id
    WHERE t.kind IN ('unallocated', 'set_aside', 'reversed', 'refunded')
), pool AS (
    SELECT charge_id, payment, greatest(0, sum(
        CASE WHEN kind IN ('unallocated', 'set_aside') THEN amount WHEN is_surplus THEN -amount ELSE 0 END)) AS pool
    FROM money GROUP BY charge_id, payment
), takers AS (
    SELECT *, sum(amount) OVER (PARTITION BY charge_id, payment
        ORDER BY kind = 'reversed', business_date, fact_id, position DESC) AS upto
    FROM money WHERE kind IN ('refunded', 'reversed') AND is_surplus IS NULL
), parted AS (
    SELECT m.*, CASE WHEN m.is_surplus THEN m.amount WHEN t.upto IS NULL THEN 0 ELSE
        least(t.upto, p.pool) - least(t.upto - t.amount, p.pool) END AS surplus_amount
    FROM money AS m LEFT JOIN takers AS t USING (fact_id, position)
    LEFT JOIN pool AS p ON p.charge_id = m.charge_id AND p.payment IS NOT DISTINCT FROM m.payment
    WHERE m.kind IN ('refunded', 'reversed')
), contested AS (
    SELECT d.*, came.day AS came_on, c.facility AS at, c.revenue_owner AS owner, c.revenue_account AS account,
        c.tax_rate_percent AS rate, c.position AS part,
        coalesce(least(c.upto, d.amount) - least(c.upto - c.amount, d.amount), 0) AS parted
    FROM theirs AS d JOIN came USING (charge_id) LEFT JOIN (
        SELECT *, sum(amount) OVER (PARTITION BY charge_id ORDER BY business_date, fact_id, position) AS upto
        FROM theirs WHERE kind = 'captured') AS c USING (charge_id)
    WHERE d.kind IN ('disputed', 'dispute_won', 'dispute_lost')
), lines AS (
    SELECT CASE WHEN kind = 'unallocated' AND attempt_id IS NULL THEN 'set_aside' ELSE kind END AS rule,
        business_date AS day, {fiscal_year_of("business_date")} AS belongs, amount, facility, method, revenue_owner,
        revenue_account, tax_rate_percent, facility AS place, order_id, fact_id
    FROM entries WHERE business_date = ANY(CAST(:days AS date[]))
      AND kind IN ('sold', 'captured', 'unallocated', 'set_aside')
    UNION ALL
    SELECT CASE WHEN kind = 'reversed' THEN 'reversed' WHEN by_us THEN 'refunded_by_us' ELSE 'refunded' END,
        business_date, {fiscal_year_of("coalesce(came_on, business_date)")}, amount - surplus_amount, facility, method,
        revenue_owner, revenue_account, tax_rate_percent, facility, order_id, fact_id FROM parted
    UNION ALL
    SELECT CASE WHEN kind = 'reversed' THEN 'surplus_reversed' WHEN by_us THEN 'surplus_refunded_by_us'
        ELSE 'surplus_refunded' END,
        business_date, {fiscal_year_of("coalesce(came_on, business_date)")}, surplus_amount, facility, method,
        revenue_owner, revenue_account, tax_rate_percent, facility, order_id, fact_id FROM parted
    UNION ALL
    SELECT 'unsold', CASE WHEN p.was_the_sale THEN p.business_date ELSE greatest(p.business_date, e.day) END,
        {fiscal_year_of("coalesce(p.came_on, p.business_date)")}, p.amount - p.surplus_amount, p.facility, p.method,
        p.revenue_owner, p.revenue_account, p.tax_rate_percent, p.facility, p.order_id, p.fact_id
    FROM parted AS p LEFT JOIN ended AS e USING (order_id)
    WHERE p.kind = 'reversed' AND (p.was_the_sale OR e.day IS NOT NULL)
    UNION ALL
    SELECT kind, business_date, {fiscal_year_of("coalesce(came_on, business_date)")}, parted, coalesce(at, facility),
        method, coalesce(owner, ''), coalesce(account, ''), coalesce(rate, 0), facility, order_id, fact_id
    FROM contested
    UNION ALL
    SELECT kind, business_date, {fiscal_year_of("coalesce(min(came_on), business_date)")}, amount - sum(parted),
        facility, method, '', '', 0, facility, order_id, fact_id
    FROM contested GROUP BY kind, business_date, amount, facility, method, order_id, fact_id
)
"""
_ENTRY_FIGURES: Final = f"""{ENTRY_LINES}
SELECT rule, day, place, belongs, facility, method, revenue_owner, revenue_account, tax_rate_percent, '' AS provider,
    CAST(sum(amount) AS bigint) AS amount, '' AS words
FROM lines WHERE day = ANY(CAST(:days AS date[])) AND amount <> 0
GROUP BY rule, day, place, belongs, facility, method, revenue_owner, revenue_account, tax_rate_percent
"""

# A fee of a payment is borne where the payment's money is earned: by each part of it, rounded so that the parts make
# the whole. A fee of its own (for the month, for a transfer) is nobody's in particular.
LINE_LINES: Final = f"""
WITH charged AS (
    SELECT l.id, l.provider, l.occurred_on, l.attempt_id, l.reference,
        {KEPT_OF_LINE["fee"]} + CASE WHEN l.kind = 'fee' AND l.word <> 'tax' THEN -l.gross ELSE 0 END AS fee,
        {KEPT_OF_LINE["tax"]} + CASE WHEN l.kind = 'fee' AND l.word = 'tax' THEN -l.gross ELSE 0 END AS tax,
        CASE WHEN l.kind = 'transfer_fee' THEN -l.gross ELSE 0 END AS transfer_fee,
        CASE WHEN l.kind = 'adjustment' THEN l.gross ELSE 0 END AS adjusted
    FROM settlement_lines AS l
    JOIN line_terms AS t ON t.provider = l.provider AND t.day = l.occurred_on AND t.brand = l.brand AND t.method = ''
    WHERE l.occurred_on = ANY(CAST(:days AS date[])) AND l.kind <> 'payout'
), matched AS (
    SELECT l.id AS line_id, m.claim_id FROM charged AS l JOIN match_legs AS m ON m.line_id = l.id AND m.stands
    WHERE m.group_id IS NULL
    UNION ALL
    SELECT l.id, b.claim_id FROM charged AS l
    JOIN match_legs AS a ON a.line_id = l.id AND a.stands AND a.group_id IS NOT NULL
    JOIN match_legs AS b ON b.group_id = a.group_id AND b.stands AND b.claim_id IS NOT NULL
), earned AS (
    SELECT l.id, e.facility, e.revenue_owner, sum(e.amount) AS part
    FROM charged AS l JOIN matched AS m ON m.line_id = l.id JOIN entries AS e ON e.fact_id = m.claim_id
    WHERE e.kind IN ('captured', 'refunded', 'reversed', 'disputed') AND e.amount > 0
    GROUP BY l.id, e.facility, e.revenue_owner
), shares AS (
    SELECT id, facility, revenue_owner, sum(part) OVER (PARTITION BY id) AS whole, part,
        sum(part) OVER (PARTITION BY id ORDER BY facility, revenue_owner) AS upto
    FROM earned
), borne AS (
    SELECT c.*, coalesce(s.facility, '') AS facility, coalesce(s.revenue_owner, '') AS revenue_owner,
        coalesce(s.whole, 1) AS whole, coalesce(s.part, 1) AS part, coalesce(s.upto, 1) AS upto
    FROM charged AS c LEFT JOIN shares AS s USING (id)
), lines AS (
    SELECT 'fee' AS rule, id, occurred_on AS day, provider, facility, revenue_owner, attempt_id, reference,
        div(fee * upto, whole) - div(fee * (upto - part), whole) AS amount FROM borne
    UNION ALL
    SELECT 'fee_tax', id, occurred_on, provider, facility, revenue_owner, attempt_id, reference,
        div(tax * upto, whole) - div(tax * (upto - part), whole) FROM borne
    UNION ALL
    SELECT 'line_transfer_fee', id, occurred_on, provider, '', '', attempt_id, reference, transfer_fee FROM charged
    UNION ALL
    SELECT 'adjustment', id, occurred_on, provider, '', '', attempt_id, reference, adjusted FROM charged
)
"""
_KINDS_OF_LINES: Final = (
    "SELECT DISTINCT provider, occurred_on AS day, brand FROM settlement_lines "
    "WHERE occurred_on = ANY(CAST(:days AS date[]))"
)
_LINE_FIGURES: Final = f"""{LINE_LINES}
SELECT rule, day, provider AS place, {fiscal_year_of("day")} AS belongs, facility, '' AS method, revenue_owner,
    '' AS revenue_account, 0 AS tax_rate_percent, provider, CAST(sum(amount) AS bigint) AS amount, '' AS words
FROM lines WHERE amount <> 0 GROUP BY rule, day, provider, facility, revenue_owner
"""

# A transfer is one voucher, of the day on which the last of its bank lines was booked. It is of the fiscal year of the
# last payments in it: what was paid by 31 March and is banked in April stays in the old year. A fee that is rounded
# over a whole payout is known with it. What nothing explains is unknown once a payout should have explained it.
_DEPOSIT_LINES: Final = f"""
WITH came AS (
    SELECT coalesce(d.group_id, d.bank_line_id) AS place, sum(b.amount) AS amount, max(b.booked_on) AS day,
        min(concat_ws(' ', nullif(b.payer, ''), nullif(b.summary, ''))) AS words
    FROM deposit_legs AS d JOIN bank_lines AS b ON b.id = d.bank_line_id WHERE d.stands GROUP BY 1
), due AS (
    SELECT coalesce(d.group_id, d.bank_line_id) AS place, p.provider, sum(p.net) AS net,
        sum(p.transfer_fee - coalesce(p.lines_transfer_fee, 0)) AS transfer_fee,
        sum(p.fee - p.lines_fee) AS fee, sum(p.tax - p.lines_tax) AS tax,
        max(p.last_day) AS last_day
    FROM deposit_legs AS d JOIN payouts AS p ON p.id = d.payout_id WHERE d.stands GROUP BY 1, 2
), whole AS (
    SELECT place, sum(net) AS net, CASE WHEN count(*) = 1 THEN min(provider) ELSE '' END AS provider,
        {fiscal_year_of("max(last_day)")} AS belongs FROM due GROUP BY place
), lines AS (
    SELECT part.rule, came.day, place, whole.belongs, due.provider, part.amount, came.words
    FROM came JOIN due USING (place) JOIN whole USING (place) CROSS JOIN LATERAL (VALUES
        ('deposited', due.net), ('transfer_fee', due.transfer_fee), ('payout_fee', due.fee), ('payout_fee_tax', due.tax)
    ) AS part (rule, amount)
    UNION ALL
    SELECT 'deposit_differs', came.day, place, whole.belongs, whole.provider, came.amount - whole.net, came.words
    FROM came JOIN whole USING (place)
    UNION ALL
    SELECT 'unknown_deposit', b.booked_on, b.id, {fiscal_year_of("b.booked_on")}, '', b.amount,
        concat_ws(' ', nullif(b.payer, ''), nullif(b.summary, ''))
    FROM account_reach AS r JOIN bank_lines AS b ON b.account = r.account AND b.booked_on <= r.unknown_until
    WHERE b.basis = 'statement' AND b.amount > 0 AND NOT b.cancelled
      AND NOT EXISTS (SELECT FROM deposit_legs AS d WHERE d.bank_line_id = b.id AND d.stands)
)
SELECT rule, day, CAST(place AS text) AS place, belongs, '' AS facility, '' AS method, '' AS revenue_owner,
    '' AS revenue_account, 0 AS tax_rate_percent, provider, CAST(amount AS bigint) AS amount, words
FROM lines WHERE amount <> 0
"""


def _figure(row: Any) -> Figure:
    return Figure(
        rule=row.rule,
        day=row.day,
        place=row.place,
        belongs=row.belongs,
        amount=Yen(row.amount),
        facility=row.facility,
        revenue_owner=row.revenue_owner,
        revenue_account=row.revenue_account,
        method=row.method,
        provider=row.provider,
        tax_rate_percent=row.tax_rate_percent,
        words=row.words,
    )


async def of_days(tx: Transaction, days: Collection[date]) -> list[Figure]:
    """Return what the ledger and providers' statements say of days."""
    wanted = sorted(days)
    if not wanted:
        return []
    found = [_figure(row) for row in await tx.execute(_ENTRY_FIGURES, days=wanted)]
    if await lay_down_terms(tx, wanted):
        found += [_figure(row) for row in await tx.execute(_LINE_FIGURES, days=wanted)]
        await forget_terms(tx)
    return found


async def lay_down_terms(tx: Transaction, days: Collection[date]) -> bool:
    """Lay down what contracts say of the lines of days, for LINE_LINES; return whether there are lines."""
    kinds = await tx.execute(_KINDS_OF_LINES, days=sorted(days))
    days_of_lines = [LineDay(row.provider, row.day, row.brand, new=False, moves=True) for row in kinds]
    if days_of_lines:
        await payouts.lay_down_terms(tx, days_of_lines, await contracts.terms(tx))
    return bool(days_of_lines)


async def of_deposits(tx: Transaction) -> list[Figure]:
    """Return what came to our bank: transfers that are known for what they are, and those that nobody knows yet."""
    return [_figure(row) for row in await tx.execute(_DEPOSIT_LINES)]
