"""Rows of deposits: what is open on both sides, matches and who took them back, suggestions and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen, total
from kernel.rows import Transaction
from reconciliation.deposits.model import Came, Deposit, Due, Match, Reason, Rule, Suggestion
from reconciliation.deposits.names import plain
from reconciliation.provider_contracts.model import Terms

# A booking of a statement; a notice tells of it a second time.
_BOOKED: Final = "b.basis = 'statement' AND NOT b.cancelled AND b.amount <> 0"
_NOT_MATCHED: Final = "NOT EXISTS (SELECT FROM deposit_legs AS d WHERE d.{column} = {id} AND d.stands)"
_DUE: Final = "coalesce(p.stated_net, p.net)"  # what the provider says, else what its lines make
DUES_MAX: Final = 20_000
LINES_MAX: Final = 100_000


async def lock(tx: Transaction) -> None:
    """Let nobody else match deposits at the same time."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('deposits', 23))")


async def dues(tx: Transaction, terms: Mapping[str, Terms]) -> list[Due]:
    """Return the payouts that nothing explains, the newest first."""
    rows = await tx.execute(
        f"SELECT p.id, p.provider, p.contract, {_DUE} AS net, p.arrives_on, p.missed_after, p.account "
        "FROM payouts AS p "
        f"WHERE {_DUE} <> 0 AND {_NOT_MATCHED.format(column='payout_id', id='p.id')} "
        "ORDER BY p.arrives_on DESC, p.id LIMIT :limit",
        limit=DUES_MAX,
    )
    return [_due(row, terms.get(row.provider)) for row in rows]


def _due(row: Any, terms: Terms | None) -> Due:
    said = terms.on(row.arrives_on).definition if terms else None
    return Due(
        id=row.id,
        provider=row.provider,
        contract=row.contract,
        net=Yen(row.net),
        arrives_on=row.arrives_on,
        missed_after=row.missed_after,
        account=row.account,
        names=frozenset(filter(None, map(plain, said.names))) if said else frozenset(),
        group=said.together if said else "",
        fees=tuple(sorted({each.fee for each in said.transfer_fees} - {0})) if said else (),
    )


async def came(tx: Transaction, *, since: date) -> list[Came]:
    """Return the bookings from a day on that nothing explains, the newest first."""
    rows = await tx.execute(
        "SELECT b.id, b.account, b.booked_on, b.amount, b.payer, b.summary FROM bank_lines AS b "
        f"WHERE {_BOOKED} AND b.booked_on >= :since AND {_NOT_MATCHED.format(column='bank_line_id', id='b.id')} "
        "ORDER BY b.booked_on DESC, b.id LIMIT :limit",
        since=since,
        limit=LINES_MAX,
    )
    return [
        Came(row.id, row.account, row.booked_on, Yen(row.amount), plain(row.payer) or plain(row.summary))
        for row in rows
    ]


async def reach_of_accounts(tx: Transaction) -> dict[str, date]:
    """Return until which day the statements of each bank account tell."""
    rows = await tx.execute(
        "SELECT account, max(until) AS until FROM ("
        "SELECT account, max(last_day) AS until FROM bank_balances GROUP BY 1 UNION ALL "
        "SELECT account, max(booked_on) FROM bank_lines WHERE basis = 'statement' GROUP BY 1) AS told "
        "GROUP BY 1"
    )
    return {row.account: row.until for row in rows}


async def set_reach(tx: Transaction, reached: Sequence[tuple[str, date, date | None]]) -> None:
    """Keep until which day accounts tell, and until which day (None: none) a deposit that nothing explains is unknown.

    The account '' stands for any.
    """
    await tx.execute(
        "INSERT INTO account_reach AS r SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:until AS date[]), "
        "CAST(:unknown AS date[])) ON CONFLICT (account) DO UPDATE SET until = EXCLUDED.until, "
        "unknown_until = EXCLUDED.unknown_until "
        "WHERE (r.until, r.unknown_until) IS DISTINCT FROM (EXCLUDED.until, EXCLUDED.unknown_until)",
        accounts=[each[0] for each in reached],
        until=[each[1] for each in reached],
        unknown=[each[2] for each in reached],
    )


async def refused(tx: Transaction) -> set[UUID]:
    """Return the names of what people said does not belong together."""
    return set((await tx.execute("SELECT suggestion_id FROM deposit_refusals")).scalars())


async def add(
    tx: Transaction,
    *,
    bank_lines: Sequence[UUID],
    payouts: Sequence[UUID],
    group_id: UUID,
    rule: Rule,
    rule_version: int,
    run_id: UUID,
    difference: Yen,
    by: str,
    at: datetime,
    reason: str = "",
) -> UUID:
    """Write a match and return its id: of one with one the bank line's, else the group's.

    A bank line or a payout that is in another match fails by its unique index.
    """
    alone = len(bank_lines) == len(payouts) == 1
    pairs: list[tuple[UUID | None, UUID | None]] = [(bank_lines[0], payouts[0])] if alone else []
    if not alone:
        pairs = [*((each, None) for each in sorted(bank_lines)), *((None, each) for each in sorted(payouts))]
    rows = [
        {
            "line": line,
            "payout": payout,
            "group": None if alone else group_id,
            "rule": rule,
            "version": rule_version,
            "run": run_id,
            "difference": 0 if number else difference.amount,
            "by": by,
            "at": at,
            "reason": reason,
        }
        for number, (line, payout) in enumerate(pairs)
    ]
    await tx.session.execute(
        "INSERT INTO deposit_legs (bank_line_id, payout_id, group_id, rule, rule_version, run_id, difference, "
        "accepted_by, accepted_at, reason) VALUES (:line, :payout, :group, :rule, :version, :run, :difference, :by, "
        ":at, :reason)",
        rows,
    )
    return bank_lines[0] if alone else group_id


_MATCH: Final = (
    "SELECT coalesce(group_id, bank_line_id) AS id, array_agg(bank_line_id ORDER BY bank_line_id) "
    "FILTER (WHERE bank_line_id IS NOT NULL) AS bank_lines, array_agg(payout_id ORDER BY payout_id) "
    "FILTER (WHERE payout_id IS NOT NULL) AS payouts, min(rule) AS rule, min(rule_version) AS rule_version, "
    "sum(difference)::bigint AS difference, min(accepted_by) AS accepted_by, min(accepted_at) AS accepted_at, "
    "min(reason) AS reason FROM deposit_legs WHERE stands AND {which} GROUP BY 1 ORDER BY 1"
)


def _match(row: Any) -> Match:
    return Match(
        id=row.id,
        bank_lines=tuple(row.bank_lines),
        payouts=tuple(row.payouts),
        rule=row.rule,
        rule_version=row.rule_version,
        difference=Yen(row.difference),
        accepted_by=row.accepted_by,
        accepted_at=row.accepted_at,
        reason=row.reason,
    )


async def find_match(tx: Transaction, match_id: UUID) -> Match | None:
    """Return a match that stands."""
    which = "(group_id = :id OR (group_id IS NULL AND bank_line_id = :id))"
    row = (await tx.execute(_MATCH.format(which=which), id=match_id)).one_or_none()
    return None if row is None else _match(row)


async def some_matches(tx: Transaction, matches: Sequence[UUID]) -> list[Match]:
    """Return some matches that stand, in the order given."""
    which = (
        "coalesce(group_id, bank_line_id) IN (SELECT coalesce(group_id, bank_line_id) FROM deposit_legs "
        "WHERE stands AND (group_id = ANY(:ids) OR (group_id IS NULL AND bank_line_id = ANY(:ids))))"
    )
    rows = await tx.execute(_MATCH.format(which=which), ids=list(matches))
    return sorted(map(_match, rows), key=lambda each: matches.index(each.id))


async def matches_of_payouts(tx: Transaction, payouts: Iterable[UUID]) -> list[Match]:
    """Return the matches that stand and have one of some payouts."""
    which = (
        "coalesce(group_id, bank_line_id) IN (SELECT coalesce(group_id, bank_line_id) FROM deposit_legs "
        "WHERE stands AND payout_id = ANY(:payouts))"
    )
    return [_match(row) for row in await tx.execute(_MATCH.format(which=which), payouts=list(payouts))]


async def difference_now(tx: Transaction, match: Match) -> Yen | None:
    """Return what came over what is due by now; None if a payout of the match is no more."""
    payouts = await nets(tx, match.payouts)
    if len(payouts) < len(match.payouts):
        return None
    return total((await amounts(tx, match.bank_lines)).values()) - total(payouts.values())


async def amounts(tx: Transaction, bank_lines: Sequence[UUID]) -> dict[UUID, Yen]:
    """Return the amounts of bookings of statements."""
    rows = await tx.execute(
        f"SELECT b.id, b.amount FROM bank_lines AS b WHERE b.id = ANY(:ids) AND {_BOOKED}", ids=list(bank_lines)
    )
    return {row.id: Yen(row.amount) for row in rows}


async def nets(tx: Transaction, payouts: Sequence[UUID]) -> dict[UUID, Yen]:
    """Return what payouts bring by their providers' word, else by their lines."""
    rows = await tx.execute(f"SELECT p.id, {_DUE} AS net FROM payouts AS p WHERE p.id = ANY(:ids)", ids=list(payouts))
    return {row.id: Yen(row.net) for row in rows}


async def matched_already(tx: Transaction, bank_lines: Sequence[UUID], payouts: Sequence[UUID]) -> UUID | None:
    """Return one of some bank lines and payouts that is in a match already."""
    rows = await tx.execute(
        "SELECT coalesce(bank_line_id, payout_id) AS id FROM deposit_legs "
        "WHERE stands AND (bank_line_id = ANY(:lines) OR payout_id = ANY(:payouts)) LIMIT 1",
        lines=list(bank_lines),
        payouts=list(payouts),
    )
    return rows.scalar_one_or_none()


async def let_fall(tx: Transaction, match: Match, *, reversal_id: UUID, by: str, at: datetime, reason: str) -> None:
    """Let a match fall, and write down who did it ('': a rule) and why."""
    await tx.execute(
        "INSERT INTO deposit_reversals (id, match_id, bank_lines, payouts, reversed_by, reversed_at, reason) "
        "VALUES (:id, :match, :lines, :payouts, :by, :at, :reason)",
        id=reversal_id,
        match=match.id,
        lines=list(match.bank_lines),
        payouts=list(match.payouts),
        by=by,
        at=at,
        reason=reason,
    )
    await tx.execute(
        "UPDATE deposit_legs SET stands = false "
        "WHERE stands AND (group_id = :id OR (group_id IS NULL AND bank_line_id = :id))",
        id=match.id,
    )


async def refuse(
    tx: Transaction,
    suggestion_id: UUID,
    *,
    bank_lines: Sequence[UUID],
    payouts: Sequence[UUID],
    by: str,
    at: datetime,
    reason: str,
) -> None:
    """Keep that a person said that something does not belong together; the first word stands."""
    await tx.execute(
        "INSERT INTO deposit_refusals (suggestion_id, bank_lines, payouts, refused_by, refused_at, reason) "
        "VALUES (:id, :lines, :payouts, :by, :at, :reason) ON CONFLICT DO NOTHING",
        id=suggestion_id,
        lines=list(bank_lines),
        payouts=list(payouts),
        by=by,
        at=at,
        reason=reason,
    )


async def keep_suggestions(tx: Transaction, made: Iterable[Suggestion]) -> None:
    """Let these suggestions be all that there are; those that are there already are not touched."""
    rows = [
        {
            "id": each.id,
            "lines": list(each.bank_lines),
            "payouts": list(each.payouts),
            "provider": each.provider,
            "day": each.day,
            "amount": each.amount.amount,
            "difference": each.difference.amount,
            "score": each.score,
            "reasons": json.dumps([{"word": reason.word, "number": reason.number} for reason in each.reasons]),
        }
        for each in made
    ]
    await tx.execute("DELETE FROM deposit_suggestions WHERE NOT (id = ANY(:ids))", ids=[each["id"] for each in rows])
    if rows:
        await tx.session.execute(
            "INSERT INTO deposit_suggestions AS s (id, bank_lines, payouts, provider, day, amount, difference, score, "
            "reasons) VALUES (:id, :lines, :payouts, :provider, :day, :amount, :difference, :score, "
            "CAST(:reasons AS jsonb)) ON CONFLICT (id) DO UPDATE SET difference = EXCLUDED.difference, "
            "score = EXCLUDED.score, reasons = EXCLUDED.reasons "
            "WHERE (s.difference, s.score, s.reasons) IS DISTINCT FROM "
            "(EXCLUDED.difference, EXCLUDED.score, EXCLUDED.reasons)",
            rows,
        )


def _suggestion(row: Any) -> Suggestion:
    return Suggestion(
        bank_lines=tuple(row.bank_lines),
        payouts=tuple(row.payouts),
        provider=row.provider,
        day=row.day,
        amount=Yen(row.amount),
        difference=Yen(row.difference),
        score=row.score,
        reasons=tuple(Reason(each["word"], each["number"]) for each in row.reasons),
    )


async def find_suggestion(tx: Transaction, suggestion_id: UUID) -> Suggestion | None:
    """Return a suggestion."""
    row = (await tx.execute("SELECT * FROM deposit_suggestions WHERE id = :id", id=suggestion_id)).one_or_none()
    return None if row is None else _suggestion(row)


async def some_suggestions(tx: Transaction, suggestions: Sequence[UUID]) -> list[Suggestion]:
    """Return some suggestions, in the order given."""
    rows = await tx.execute("SELECT * FROM deposit_suggestions WHERE id = ANY(:ids)", ids=list(suggestions))
    return sorted(map(_suggestion, rows), key=lambda each: suggestions.index(each.id))


async def suggestions(tx: Transaction, *, after: tuple[int, date, UUID] | None = None, limit: int) -> list[Suggestion]:
    """Return suggestions, the likeliest first, after a place in that order."""
    score, day, suggestion_id = after or (None, None, None)
    rows = await tx.execute(
        "SELECT * FROM deposit_suggestions WHERE CAST(:score AS integer) IS NULL OR (-score, day, id) > "
        "(-CAST(:score AS integer), CAST(:day AS date), CAST(:id AS uuid)) ORDER BY score DESC, day, id LIMIT :limit",
        score=score,
        day=day,
        id=suggestion_id,
        limit=limit,
    )
    return [_suggestion(row) for row in rows]


_DEPOSIT: Final = (
    "SELECT b.id, b.account, b.booked_on, b.amount, b.payer, b.summary, coalesce(d.group_id, d.bank_line_id) "
    "AS match_id FROM bank_lines AS b LEFT JOIN deposit_legs AS d ON d.bank_line_id = b.id AND d.stands "
    f"WHERE {_BOOKED}"
)


async def deposits(
    tx: Transaction,
    *,
    first: date,
    last: date,
    matched: bool | None = None,
    after: tuple[date, UUID] | None = None,
    limit: int,
) -> list[Deposit]:
    """Return bookings of days, by day, after a place in that order; `matched`: such only, or (None) all."""
    day, line_id = after or (None, None)
    rows = await tx.execute(
        f"{_DEPOSIT} AND b.booked_on BETWEEN :first AND :last "
        "AND (CAST(:matched AS boolean) IS NULL OR (d.bank_line_id IS NOT NULL) = :matched) "
        "AND (CAST(:day AS date) IS NULL OR (b.booked_on, b.id) > (CAST(:day AS date), CAST(:id AS uuid))) "
        "ORDER BY b.booked_on, b.id LIMIT :limit",
        first=first,
        last=last,
        matched=matched,
        day=day,
        id=line_id,
        limit=limit,
    )
    return [_deposit(row) for row in rows]


async def deposits_of(tx: Transaction, bank_lines: Iterable[UUID]) -> list[Deposit]:
    """Return some bookings, by day."""
    rows = await tx.execute(f"{_DEPOSIT} AND b.id = ANY(:ids) ORDER BY b.booked_on, b.id", ids=list(bank_lines))
    return [_deposit(row) for row in rows]


def _deposit(row: Any) -> Deposit:
    return Deposit(row.id, row.account, row.booked_on, Yen(row.amount), row.payer, row.summary, row.match_id)
