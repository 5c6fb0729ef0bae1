"""Payouts in SQL: lines are summed set-based, and what they add up to is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.matching.model import Taken
from reconciliation.matching.scratch import ALIKE, planned
from reconciliation.payouts.model import LineOfPayout, LineTerms, Payout, PayoutKept, Sums, days_of
from reconciliation.provider_contracts.model import FeeTerm, Terms

_ROUNDED: Final = (
    "CASE {how} WHEN 'down' THEN ({number}) / {parts} WHEN 'up' THEN ({number} + {parts} - 1) / {parts} "
    "ELSE (2 * ({number}) + {parts}) / (2 * {parts}) END"
)
_FEE: Final = (
    f"({_ROUNDED.format(how='t.rounding', number='abs(l.gross) * t.basis_points', parts='10000::bigint')} + t.fixed)"
)
_TAX: Final = _ROUNDED.format(how="t.tax_rounding", number=f"{_FEE} * t.tax_percent", parts="100::bigint")
_TERMS: Final = "l.kind = 'charge' OR (l.kind = 'refund' AND t.refunds = 'returned')"
# What the terms say of one line (t: its terms). Without any, nothing is said.
_SAID: Final = {
    "fee": f"CASE WHEN {_TERMS} THEN sign(l.gross)::bigint * {_FEE} ELSE 0 END",
    "tax": f"CASE WHEN {_TERMS} THEN sign(l.gross)::bigint * {_TAX} ELSE 0 END",
    "exact": f"CASE WHEN {_TERMS} THEN l.gross * t.basis_points ELSE 0 END",
}
# A line that states a fee counts as it says, also where the terms are what is usually known.
_BY_TERMS: Final = "t.known_by = 'terms' AND t.rounded = '{rounded}' AND l.fee = 0 AND l.tax = 0"
# What the provider keeps of one line, as far as it is known line by line.
KEPT_OF_LINE: Final = {
    name: f"CASE WHEN {_BY_TERMS.format(rounded='line')} THEN {_SAID[name]} ELSE l.{name} END"
    for name in ("fee", "tax")
}
_SUMS: Final = f"""
SELECT l.provider, t.contract, l.payout <> '' AS named,
       CASE WHEN l.payout <> '' THEN l.payout WHEN l.kind = 'payout' THEN t.paid ELSE t.period END AS key,
       min(l.occurred_on) AS first_day, max(l.occurred_on) AS last_day, max(l.arrives_on) AS told_on,
       coalesce(sum(l.number) FILTER (WHERE l.kind <> 'payout'), 0)::bigint AS lines,
       coalesce(sum(l.number * l.gross) FILTER (WHERE l.kind NOT IN ('payout', 'fee', 'transfer_fee')), 0)::bigint
           AS gross,
       (coalesce(sum(l.number * {KEPT_OF_LINE["fee"]}) FILTER (WHERE l.kind <> 'payout'), 0)
        - coalesce(sum(l.number * l.gross) FILTER (WHERE l.kind = 'fee'), 0))::bigint AS lines_fee,
       coalesce(sum(l.number * {KEPT_OF_LINE["tax"]}) FILTER (WHERE l.kind <> 'payout'), 0)::bigint AS lines_tax,
       coalesce(sum(l.number * {_SAID["exact"]}) FILTER (WHERE {_BY_TERMS.format(rounded="payout")}), 0)::bigint
           AS exact_fee,
       (-sum(l.number * l.gross) FILTER (WHERE l.kind = 'transfer_fee'))::bigint AS lines_transfer_fee,
       (-sum(l.number * (l.gross - l.fee - l.tax)) FILTER (WHERE l.kind = 'payout'))::bigint AS stated_net
FROM alike_lines AS l
JOIN line_terms AS t ON t.provider = l.provider AND t.day = l.occurred_on AND t.brand = l.brand
WHERE t.method = ''
GROUP BY 1, 2, 3, 4
"""
_JUDGED: Final = f"""
SELECT * FROM (
    SELECT l.*, {_SAID["fee"]} AS expected_fee, {_SAID["tax"]} AS expected_tax, l.fee + l.tax AS kept, t.tolerance
    FROM {{lines}}
    JOIN line_terms AS t ON t.provider = l.provider AND t.day = l.occurred_on AND t.brand = l.brand
    WHERE t.known_by = 'lines' AND t.basis_points IS NOT NULL AND l.kind IN ('charge', 'refund') AND {{which}}
) AS judged WHERE abs(kept - expected_fee - expected_tax) > tolerance
"""
_ANY: Final = "t.method = ''"
# Those that are alike are judged as one, and the lines themselves looked for only where something is wrong.
_BY_LINES: Final = (
    f"({_JUDGED.format(lines='alike_lines AS l', which=_ANY)}) AS judged "
    f"JOIN settlement_lines AS l USING ({ALIKE}) WHERE l.file_id = ANY(CAST(:files AS uuid[]))"
)
_FINDINGS: Final = """
INSERT INTO fee_findings (line_id, expected_fee, expected_tax, difference)
SELECT id, expected_fee, expected_tax, kept - expected_fee - expected_tax FROM {judged}
ON CONFLICT (line_id) DO UPDATE SET expected_fee = EXCLUDED.expected_fee, expected_tax = EXCLUDED.expected_tax,
    difference = EXCLUDED.difference
"""
_WITH_METHODS: Final = (
    "match_legs AS m JOIN settlement_lines AS l ON l.id = m.line_id "
    "JOIN LATERAL (SELECT c.method FROM claims AS c WHERE c.attempt_id = l.attempt_id LIMIT 1) AS c ON true"
)
_COLUMNS: Final = (
    *("id", "contract", "provider", "key", "arrives_on", "first_day", "last_day", "lines", "gross", "fee", "tax"),
    *("transfer_fee", "net", "stated_net", "account", "missed_after", "named", "told_on", "lines_fee", "lines_tax"),
    *("exact_fee", "lines_transfer_fee"),
)


async def set_terms(tx: Transaction, terms: Sequence[LineTerms]) -> None:
    """Lay down how lines become payouts, as `line_terms`: a row with method '' for each, and more where it differs."""
    await tx.execute(
        "CREATE TEMPORARY TABLE line_terms (provider text, day date, brand text, method text, contract text, "
        "period text, paid text, known_by text, rounded text, refunds text, tolerance integer, basis_points bigint, "
        "fixed bigint, rounding text, tax_percent bigint, tax_rounding text, "
        # Whatever the planner thinks of a table that is new, it never looks through all of it for each line.
        "PRIMARY KEY (provider, day, brand, method)) ON COMMIT DROP"
    )
    rows = [row for each in terms for row in _rows_of(each)]
    if rows:
        # All in one statement: a row for each provider and day is some thousand round trips otherwise.
        await tx.execute(
            "INSERT INTO line_terms SELECT * FROM jsonb_populate_recordset(CAST(NULL AS line_terms), "
            "CAST(:rows AS jsonb))",
            rows=json.dumps(rows, default=str),
        )
    await tx.execute("ANALYZE line_terms")


def _rows_of(each: LineTerms) -> Iterable[dict[str, Any]]:
    row = {
        "provider": each.provider,
        "day": each.day,
        "brand": each.brand,
        "contract": each.contract,
        "period": each.period,
        "paid": each.paid,
        "known_by": each.known_by,
        "rounded": each.rounded,
        "refunds": each.refunds,
        "tolerance": each.tolerance,
    }
    for method, term in {"": each.term, **each.by_method}.items():
        yield row | {"method": method} | _term(term)


def _term(term: FeeTerm | None) -> dict[str, Any]:
    names = ("basis_points", "fixed", "rounding", "tax_percent", "tax_rounding")
    return {name: None if term is None else getattr(term, name) for name in names}


async def forget_terms(tx: Transaction) -> None:
    """Drop what only this transaction's step needed."""
    await tx.execute("DROP TABLE IF EXISTS line_terms")


async def sums_of_lines(tx: Transaction) -> list[Sums]:
    """Return what the lines that are summed up add up to, by payout."""
    return [_sums(row) for row in await tx.execute(_SUMS)]


def _sums(row: Any) -> Sums:
    return Sums(
        provider=row.provider,
        contract=row.contract,
        key=row.key,
        named=row.named,
        first_day=row.first_day,
        last_day=row.last_day,
        told_on=row.told_on,
        lines=row.lines,
        gross=Yen(row.gross),
        lines_fee=Yen(row.lines_fee),
        lines_tax=Yen(row.lines_tax),
        exact_fee=row.exact_fee,
        stated_net=None if row.stated_net is None else Yen(row.stated_net),
        lines_transfer_fee=None if row.lines_transfer_fee is None else Yen(row.lines_transfer_fee),
    )


async def known_sums(tx: Transaction, named: Iterable[tuple[str, str, str]]) -> list[Sums]:
    """Return what payouts, by provider, contract and key, were made of so far."""
    wanted = list(named)
    rows = await tx.execute(
        "SELECT p.* FROM payouts AS p JOIN unnest(CAST(:providers AS text[]), CAST(:contracts AS text[]), "
        "CAST(:keys AS text[])) AS given (provider, contract, key) USING (provider, contract, key)",
        providers=[each[0] for each in wanted],
        contracts=[each[1] for each in wanted],
        keys=[each[2] for each in wanted],
    )
    return [_sums(row) for row in rows]


async def keep(tx: Transaction, payouts: Iterable[Payout], terms: dict[str, Terms]) -> list[UUID]:
    """Write payouts; return the ids of those that are new or changed."""
    rows = [_row(each, terms.get(each.sums.provider)) for each in payouts]
    if not rows:
        return []
    await tx.execute("CREATE TEMPORARY TABLE made (LIKE payouts) ON COMMIT DROP")
    values = ", ".join(f":{name}" for name in _COLUMNS)
    await tx.session.execute(f"INSERT INTO made ({', '.join(_COLUMNS)}) VALUES ({values})", rows)
    names, news = (", ".join(f"{table}{name}" for name in _COLUMNS) for table in ("p.", "EXCLUDED."))
    changed = await tx.execute(
        f"INSERT INTO payouts AS p ({', '.join(_COLUMNS)}) SELECT {', '.join(_COLUMNS)} FROM made "
        f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = EXCLUDED.{name}' for name in _COLUMNS)} "
        f"WHERE ({names}) IS DISTINCT FROM ({news}) RETURNING p.id"
    )
    await tx.execute("DROP TABLE made")
    return list(changed.scalars())


def _row(payout: Payout, terms: Terms | None) -> dict[str, Any]:
    sums = payout.sums
    first, last = days_of(sums, terms)
    return {
        "id": payout.id,
        "contract": sums.contract,
        "provider": sums.provider,
        "key": sums.key,
        "arrives_on": payout.arrives_on,
        "first_day": first,
        "last_day": last,
        "lines": sums.lines,
        "gross": sums.gross.amount,
        "fee": payout.fee.amount,
        "tax": payout.tax.amount,
        "transfer_fee": payout.transfer_fee.amount,
        "net": payout.net.amount,
        "stated_net": None if sums.stated_net is None else sums.stated_net.amount,
        "account": payout.account,
        "missed_after": payout.missed_after,
        "named": sums.named,
        "told_on": sums.told_on,
        "lines_fee": sums.lines_fee.amount,
        "lines_tax": sums.lines_tax.amount,
        "exact_fee": sums.exact_fee,
        "lines_transfer_fee": None if sums.lines_transfer_fee is None else sums.lines_transfer_fee.amount,
    }


async def remove_others(tx: Transaction, provider: str, keys: Iterable[tuple[str, str]]) -> list[UUID]:
    """Remove the payouts of a provider that are not among these contracts and keys; return their ids."""
    kept = list(keys)
    gone = await tx.execute(
        "DELETE FROM payouts AS p WHERE p.provider = :provider AND NOT EXISTS (SELECT FROM "
        "unnest(CAST(:contracts AS text[]), CAST(:keys AS text[])) AS k (contract, key) "
        "WHERE k.contract = p.contract AND k.key = p.key) RETURNING p.id",
        provider=provider,
        contracts=[each[0] for each in kept],
        keys=[each[1] for each in kept],
    )
    return list(gone.scalars())


async def judge_fees(tx: Transaction, taken: Taken, *, run_id: UUID | None, by_method: bool) -> None:
    """Find lines of files, which are summed up, whose fee is not as agreed.

    `by_method`: some terms depend on the method, which the claims say: so of the lines that a run matched, or
    (run_id None) of all that are matched.
    """
    async with planned(tx, many=True):  # Never the lines of a file again for each of those that are wrong.
        await tx.execute(_FINDINGS.format(judged=_BY_LINES), files=list(taken.files))
    if by_method:
        which = "t.method = c.method AND m.stands AND (CAST(:run_id AS uuid) IS NULL OR m.run_id = :run_id)"
        judged = f"({_JUDGED.format(lines=_WITH_METHODS, which=which)}) AS judged"
        await tx.execute(_FINDINGS.format(judged=judged), run_id=run_id)


async def forget_findings(tx: Transaction, provider: str) -> None:
    """Forget what was found about a provider's fees: its contract is another now."""
    await tx.execute(
        "DELETE FROM fee_findings AS f USING settlement_lines AS l WHERE l.id = f.line_id AND l.provider = :provider",
        provider=provider,
    )


async def files_of(tx: Transaction, provider: str) -> Taken:
    """Return every file with lines of a provider that matching has seen."""
    found = await tx.execute(
        "SELECT DISTINCT file_id FROM settlement_lines "
        "WHERE provider = :provider AND file_id IN (SELECT file_id FROM matched_files)",
        provider=provider,
    )
    return Taken(tuple(found.scalars()), many=True)


_KEPT: Final = (
    "SELECT p.*, coalesce(d.group_id, d.bank_line_id) AS match_id FROM payouts AS p "
    "LEFT JOIN deposit_legs AS d ON d.payout_id = p.id AND d.stands"
)


def _payout(row: Any) -> PayoutKept:
    return PayoutKept(
        id=row.id,
        contract=row.contract,
        provider=row.provider,
        key=row.key,
        arrives_on=row.arrives_on,
        first_day=row.first_day,
        last_day=row.last_day,
        lines=row.lines,
        gross=Yen(row.gross),
        fee=Yen(row.fee),
        tax=Yen(row.tax),
        transfer_fee=Yen(row.transfer_fee),
        net=Yen(row.net),
        stated_net=None if row.stated_net is None else Yen(row.stated_net),
        account=row.account,
        missed_after=row.missed_after,
        named=row.named,
        match_id=row.match_id,
    )


async def find(tx: Transaction, payout_id: UUID) -> PayoutKept | None:
    """Return a payout."""
    row = (await tx.execute(f"{_KEPT} WHERE p.id = :id", id=payout_id)).one_or_none()
    return None if row is None else _payout(row)


async def some(tx: Transaction, payouts: Iterable[UUID]) -> list[PayoutKept]:
    """Return some payouts, by the day of their arrival."""
    rows = await tx.execute(f"{_KEPT} WHERE p.id = ANY(:ids) ORDER BY p.arrives_on, p.id", ids=list(payouts))
    return [_payout(row) for row in rows]


async def between(
    tx: Transaction,
    *,
    first: date,
    last: date,
    provider: str | None = None,
    after: tuple[date, UUID] | None = None,
    limit: int,
) -> list[PayoutKept]:
    """Return payouts that arrive within days, by day, of a provider or of all, after a place in that order."""
    day, payout_id = after or (None, None)
    rows = await tx.execute(
        f"{_KEPT} WHERE p.arrives_on BETWEEN :first AND :last "
        "AND (CAST(:provider AS text) IS NULL OR p.provider = :provider) "
        "AND (CAST(:day AS date) IS NULL OR (p.arrives_on, p.id) > (CAST(:day AS date), CAST(:id AS uuid))) "
        "ORDER BY p.arrives_on, p.id LIMIT :limit",
        first=first,
        last=last,
        provider=provider,
        day=day,
        id=payout_id,
        limit=limit,
    )
    return [_payout(row) for row in rows]


async def lines_of(tx: Transaction, payout: PayoutKept, *, after: UUID | None, limit: int) -> list[LineOfPayout]:
    """Return the lines that a payout is made of, by id, after one of them."""
    rows = await tx.execute(
        "SELECT * FROM settlement_lines WHERE provider = :provider AND kind <> 'payout' "
        "AND occurred_on BETWEEN :first AND :last AND (payout = :key OR (payout = '' AND NOT :named)) "
        "AND (CAST(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :limit",
        provider=payout.provider,
        first=payout.first_day,
        last=payout.last_day,
        key=payout.key,
        named=payout.named,
        after=after,
        limit=limit,
    )
    return [
        LineOfPayout(
            id=row.id,
            kind=row.kind,
            reference=row.reference,
            key=row.key,
            occurred_on=row.occurred_on,
            gross=Yen(row.gross),
            fee=Yen(row.fee),
            tax=Yen(row.tax),
            net=Yen(row.net),
            brand=row.brand,
        )
        for row in rows
    ]
