"""Makes the world of a plan in a DuckDB: what our books say of each payment, what its provider says, and the truth.

Everything is drawn from MD5 sums of the seed, a word and a number, so that it is the same on every machine. The truth
is kept as `deed`: one movement of money of one payment. A claim and a line are partners if, and only if, they are of
the same deed.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Final, get_args

import duckdb

from console.bench.reconciling.goods import GOODS
from console.bench.reconciling.plan import (
    BANK_ONLY,
    CARD_ONLY,
    PARKS,
    QUIET_DAYS,
    SHARES_PERCENT,
    TERMS,
    Plan,
    Provider,
    Terms,
)

JAPAN_HOURS: Final = 9
DAY_SECONDS: Final = 86_400
PARKS_PAY: Final = "paypay_parks"
LATE_DAYS: Final = 20  # more than any provider may be late

# The steps of a payment; its number and a step make a deed.
CHARGE, REFUND, DISPUTE, DISPUTE_WON, REVERSAL, BY_HAND, STRANGER = range(7)
STEPS: Final = 8


def make(plan: Plan, *, scratch: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB with the tables payments, claims, lines and faults; `scratch`: where it may keep its file.

    payments: one row each, with all that was drawn. claims: as our books have them, with their deed. lines: as
    providers tell them, each with its deed and the day on which it occurred. faults: kind, deed, amount.
    """
    connection = duckdb.connect(str(scratch / "world.duckdb") if scratch else ":memory:")
    connection.execute("SET enable_progress_bar = false")
    _days(connection, plan)
    _goods(connection)
    connection.execute(_payments(plan))
    connection.execute(_claims(plan))
    connection.execute(_lines(plan))
    connection.execute(_faults())
    return connection


def _days(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    connection.execute("CREATE TABLE days (place INTEGER, day DATE)")
    places = [day for day, weight in plan.weights() for _ in range(weight)]
    connection.execute(
        "INSERT INTO days SELECT unnest(range(len($1))), unnest($1)", [[each.isoformat() for each in places]]
    )


def _goods(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "CREATE TABLE goods (place INTEGER, facility VARCHAR, product VARCHAR, category VARCHAR, price INTEGER, "
        "owner VARCHAR, account VARCHAR)"
    )
    rows = [each for each in GOODS for _ in range(each.weight)]
    connection.executemany(
        "INSERT INTO goods VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (place, each.facility, each.product, each.category, each.price, each.owner, each.account)
            for place, each in enumerate(rows)
        ],
    )


def id_sql(drawn: str, at: str) -> str:
    """Return the SQL of a UUIDv7 of a moment: such as the system makes, so that indexes grow as they do in truth.

    `drawn`: an expression of 32 hexadecimal digits.
    """
    return (
        f"CAST(concat(format('{{:012x}}', epoch_ms({at})), '7', substr({drawn}, 14, 3), '8', substr({drawn}, 18)) "
        "AS UUID)"
    )


def _drawn(plan: Plan, word: str, number: str = "i") -> str:
    return f"md5(concat('{plan.seed}:{word}:', {number}))"


def _role_sql(plan: Plan) -> str:
    """Return the CASE of a payment's role by its number. A number says nothing else: everything else is drawn."""
    branches, first = [], 0
    for role, count in plan.roles:
        first += count
        branches.append(f"WHEN i < {first} THEN '{role}'")
    return f"CASE {' '.join(branches)} END"


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{each}'" for each in words)


def _payments(plan: Plan) -> str:
    limits = accumulate(SHARES_PERCENT.values())
    shares = " ".join(
        f"WHEN drawn_b % 100 < {limit} THEN '{method}'" for method, limit in zip(SHARES_PERCENT, limits, strict=True)
    )
    providers = " ".join(f"WHEN '{each.method}' THEN '{each.provider}'" for each in TERMS if each.provider != PARKS_PAY)
    all_places = sum(weight for _, weight in plan.weights())
    early = sum(weight for number, (_, weight) in enumerate(plan.weights()) if number < plan.days - QUIET_DAYS)
    return f"""
CREATE TABLE payments AS
WITH drawn AS (
    SELECT i, {_role_sql(plan)} AS role, md5_number_lower(concat('{plan.seed}:a:', i)) AS drawn_a,
           md5_number_lower(concat('{plan.seed}:b:', i)) AS drawn_b
    FROM range({plan.payments}) AS r (i)
), placed AS (
    SELECT *, CASE WHEN role IN ({_words(CARD_ONLY)}) OR (role = 'other_fee' AND drawn_b % 2 = 0) THEN 'stripe_card'
                   WHEN role IN ({_words(BANK_ONLY)}) OR role = 'other_fee' THEN 'payeasy_komoju'
                   {shares} END AS method,
           drawn_a % CASE role WHEN 'plain' THEN {all_places} ELSE {early} END AS day_place,
           (drawn_a // 1000003) % (SELECT count(*) FROM goods) AS good_place,
           1 + CAST((drawn_b // 1000) % 4 AS INTEGER) AS quantity,
           CAST((drawn_b // 4099) % {DAY_SECONDS} AS INTEGER) AS second
    FROM drawn
), timed AS (
    SELECT p.*, g.facility, g.product, g.category, g.owner, g.account, g.price * p.quantity AS amount,
           CASE role WHEN 'not_yet_told' THEN TIMESTAMP '{plan.last}' + INTERVAL 1 DAY
                     ELSE CAST(d.day AS TIMESTAMP) END
           + to_seconds(CASE role WHEN 'told_next_day' THEN {DAY_SECONDS} - 20 WHEN 'not_yet_told' THEN second // 2
                                  ELSE second END) - INTERVAL {JAPAN_HOURS} HOUR AS paid_at
    FROM placed AS p JOIN days AS d ON d.place = p.day_place JOIN goods AS g ON g.place = p.good_place
)
SELECT i, role, CASE WHEN method = 'paypay' AND facility IN ({_words(PARKS)}) THEN '{PARKS_PAY}'
                    ELSE CASE method {providers} END END AS provider, method, facility, product, category, owner,
       account, quantity, amount, paid_at, {id_sql(_drawn(plan, "attempt"), "paid_at - INTERVAL 90 SECOND")} AS attempt,
       {id_sql(_drawn(plan, "charge"), "paid_at - INTERVAL 95 SECOND")} AS charge,
       {id_sql(_drawn(plan, "order"), "paid_at - INTERVAL 100 SECOND")} AS order_id,
       CAST(drawn_b % 7 AS INTEGER) AS small, 1 + CAST((drawn_a // 7919) % 30 AS INTEGER) AS later_days
FROM timed ORDER BY i
"""


# One row for each deed that our books have: payment, step, copy, kind, amount, moment.
_OURS: Final = f"""
SELECT i, {CHARGE} AS step, 0 AS copy, 'charge' AS kind, amount, paid_at AS moment FROM payments
    WHERE role <> 'stranger'
UNION ALL SELECT i, {CHARGE}, 1, 'charge', 100 + small, paid_at + INTERVAL 1 SECOND FROM payments
    WHERE role = 'in_two_claims'
UNION ALL SELECT i, {REFUND}, 0, 'refund', -CASE role WHEN 'refunded_in_part' THEN (amount + 1) // 2 ELSE amount END,
    paid_at + to_days(later_days) FROM payments
    WHERE role IN ('refunded', 'refunded_in_part', 'refunded_twice', 'never_refunded', 'other_refund_amount')
UNION ALL SELECT i, {DISPUTE}, 0, 'dispute', -amount, paid_at + to_days(later_days) FROM payments
    WHERE role IN ({_words(CARD_ONLY)})
UNION ALL SELECT i, {DISPUTE_WON}, 0, 'dispute_won', amount, paid_at + to_days(later_days + 9) FROM payments
    WHERE role = 'disputed_and_won'
UNION ALL SELECT i, {REVERSAL}, 0, 'reversal', -amount, paid_at + to_days(1 + later_days % 3) FROM payments
    WHERE role IN ({_words(BANK_ONLY)})
"""


def _claims(plan: Plan) -> str:
    return f"""
CREATE TABLE claims AS
SELECT {id_sql(_drawn(plan, "claim", "concat(o.i, ':', step, ':', copy)"), "o.moment")} AS id,
       i * {STEPS} + step AS deed, o.kind, p.method, p.attempt, p.charge, p.order_id, p.facility, o.amount, o.moment,
       CAST(o.moment + INTERVAL {JAPAN_HOURS} HOUR AS DATE) AS business_date
FROM ({_OURS}) AS o JOIN payments AS p USING (i) ORDER BY o.moment, deed, copy
"""


# What a provider tells: the same deeds, with what goes wrong; `copy` tells lines of one deed apart.
_THEIRS: Final = f"""
SELECT i, {CHARGE} AS step, 0 AS copy, 'charge' AS kind,
       amount + CASE role WHEN 'in_two_claims' THEN 100 + small WHEN 'in_two_lines' THEN -100 - small
                          WHEN 'other_amount' THEN CASE WHEN small < 3 THEN 10 * (1 + small) ELSE 2 - small END
                          ELSE 0 END AS gross,
       CASE role WHEN 'told_late' THEN paid_at + to_days({LATE_DAYS})
                 WHEN 'told_next_day' THEN paid_at + INTERVAL 40 SECOND
                 ELSE paid_at - to_seconds(small) END AS moment
FROM payments WHERE role NOT IN ('never_charged', 'twin', 'not_yet_told')
UNION ALL SELECT i, {CHARGE}, 1, 'charge', 100 + small, paid_at + INTERVAL 1 SECOND FROM payments
    WHERE role = 'in_two_lines'
UNION ALL SELECT i, {CHARGE}, 1, 'charge', amount, paid_at + to_days(i % 2) + INTERVAL 5 SECOND FROM payments
    WHERE role = 'charged_twice'
UNION ALL SELECT i, {REFUND}, 0, 'refund', -CASE role WHEN 'refunded_in_part' THEN (amount + 1) // 2
                                                      WHEN 'other_refund_amount' THEN amount - 10 ELSE amount END,
    paid_at + to_days(later_days) + INTERVAL 30 SECOND FROM payments
    WHERE role IN ('refunded', 'refunded_in_part', 'refunded_twice', 'other_refund_amount')
UNION ALL SELECT i, {REFUND}, 1, 'refund', -amount, paid_at + to_days(later_days + i % 2) + INTERVAL 35 SECOND
    FROM payments WHERE role = 'refunded_twice'
UNION ALL SELECT i, {BY_HAND}, 0, 'refund', -amount, paid_at + to_days(later_days) FROM payments
    WHERE role = 'refunded_by_hand'
UNION ALL SELECT i, {DISPUTE}, 0, 'dispute', -amount, paid_at + to_days(later_days) FROM payments
    WHERE role IN ({_words(CARD_ONLY)})
UNION ALL SELECT i, {DISPUTE_WON}, 0, 'dispute_won', amount, paid_at + to_days(later_days + 9) FROM payments
    WHERE role = 'disputed_and_won'
UNION ALL SELECT i, {REVERSAL}, 0, CASE role WHEN 'reversed' THEN 'reversal' ELSE 'refund' END, -amount,
    paid_at + to_days(1 + later_days % 3) FROM payments WHERE role IN ({_words(BANK_ONLY)})
UNION ALL SELECT i, {STRANGER}, 0, 'charge', amount, paid_at FROM payments WHERE role = 'twin'
"""
_STRANGE: Final = f"(p.role = 'stranger' OR step = {STRANGER})"


def fee_sql(gross: str, terms: Iterable[Terms] = TERMS) -> str:
    """Return the SQL of what a provider keeps of so much, by its terms."""
    rates = (
        f"WHEN '{each.provider}' THEN ({gross} * {each.fee_rate} + {0 if each.down else 5000}) // 10000"
        for each in terms
    )
    return f"CASE provider {' '.join(rates)} END"


def tax_sql(fee: str, terms: Iterable[Terms] = TERMS) -> str:
    """Return the SQL of the tax on a fee, by its provider's terms."""
    rates = (
        f"WHEN '{each.provider}' THEN ({fee} * {each.tax_percent} + {0 if each.down else 50}) // 100" for each in terms
    )
    return f"CASE provider {' '.join(rates)} END"


def _lines(plan: Plan) -> str:
    stated = _words(tuple(each.provider for each in TERMS if each.stated))
    stray = id_sql(_drawn(plan, "stray", "concat(i, ':', step)"), "moment")
    return f"""
CREATE TABLE lines AS
WITH told AS (
    SELECT t.*, p.provider, p.role, p.attempt, p.small, {_STRANGE} AS strange,
           CAST(t.moment + INTERVAL {JAPAN_HOURS} HOUR AS DATE) AS day
    FROM ({_THEIRS}) AS t JOIN payments AS p USING (i)
), priced AS (
    SELECT *, CASE WHEN kind = 'charge' AND provider IN ({stated}) THEN {fee_sql("gross")}
                   + CASE WHEN role = 'other_fee' THEN 1 + small ELSE 0 END ELSE 0 END AS fee
    FROM told
)
SELECT i * {STEPS} + step AS deed, i * 100 + step * 10 + copy AS number, provider, kind,
       CASE WHEN strange AND i % 3 = 2 THEN concat('POS-', i) WHEN strange THEN CAST({stray} AS VARCHAR)
            ELSE CAST(attempt AS VARCHAR) END AS reference,
       gross, fee, {tax_sql("fee")} AS tax, moment, day, CAST('' AS VARCHAR) AS payout, CAST(NULL AS DATE) AS arrives_on
FROM priced WHERE day <= DATE '{plan.last}' ORDER BY provider, day, number
"""


def _faults() -> str:
    """Return the labels that follow from the roles: what a person must be shown, once for each deed."""
    return f"""
CREATE TABLE faults AS SELECT kind, concat('deed:', deed) AS subject, CAST(amount AS BIGINT) AS amount FROM (
SELECT 'missing_here' AS kind, deed, gross AS amount FROM lines JOIN payments AS p ON p.i = deed // {STEPS}
    WHERE p.role = 'stranger' OR deed % {STEPS} IN ({BY_HAND}, {STRANGER})
UNION ALL SELECT 'paid_again_at_provider', i * {STEPS} + {CHARGE}, amount FROM payments WHERE role = 'charged_twice'
UNION ALL SELECT 'paid_again_at_provider', i * {STEPS} + {REFUND}, -amount FROM payments WHERE role = 'refunded_twice'
UNION ALL SELECT 'missing_at_provider', i * {STEPS} + {CHARGE}, amount FROM payments
    WHERE role IN ('never_charged', 'twin')
UNION ALL SELECT 'missing_at_provider', i * {STEPS} + {REFUND}, -amount FROM payments WHERE role = 'never_refunded'
UNION ALL SELECT 'provider_amount_differs', c.deed, l.gross - c.amount FROM claims AS c JOIN lines AS l USING (deed)
    JOIN payments AS p ON p.i = c.deed // {STEPS}
    WHERE (p.role = 'other_amount' AND c.deed % {STEPS} = {CHARGE})
       OR (p.role = 'other_refund_amount' AND c.deed % {STEPS} = {REFUND})
UNION ALL SELECT 'booked_late', i * {STEPS} + {CHARGE}, amount FROM payments WHERE role = 'told_late'
UNION ALL SELECT 'fee_differs', deed, fee + tax - {fee_sql("gross")} - {tax_sql(fee_sql("gross"))}
    FROM (SELECT l.*, p.role FROM lines AS l JOIN payments AS p ON p.i = deed // {STEPS})
    WHERE role = 'other_fee' AND kind = 'charge')
"""


assert set(get_args(Provider)) == {each.provider for each in TERMS}  # noqa: S101 - assertions in pairs
