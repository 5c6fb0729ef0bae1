"""Lines of statements with what they are matched with, read only."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.lines.model import BankLineSeen, ProviderLine, TakenBack

_LINES: Final = (
    "SELECT l.*, coalesce(m.rule, '') AS rule, coalesce(m.difference, 0) AS difference, "
    "coalesce(m.group_id, m.line_id) AS match_id, "
    "coalesce(c.order_id, '') AS order_id, coalesce(p.number, '') AS number FROM settlement_lines AS l "
    "LEFT JOIN match_legs AS m ON m.line_id = l.id AND m.stands "
    "LEFT JOIN LATERAL (SELECT k.order_id FROM claims AS k WHERE k.id = m.claim_id "
    "OR (m.claim_id IS NULL AND m.group_id IS NOT NULL AND k.attempt_id = l.attempt_id) LIMIT 1) AS c ON true "
    "LEFT JOIN order_positions AS p ON p.order_id = c.order_id "
)
_BANK_LINES: Final = (
    "SELECT b.*, coalesce(d.group_id, d.bank_line_id) AS match_id, coalesce(d.rule, '') AS rule FROM bank_lines AS b "
    "LEFT JOIN deposit_legs AS d ON d.bank_line_id = b.id AND d.stands "
)


def _line(row: Any) -> ProviderLine:
    return ProviderLine(
        id=row.id,
        file_id=row.file_id,
        record=row.record,
        provider=row.provider,
        kind=row.kind,
        word=row.word,
        reference=row.reference,
        key=row.key,
        gross=Yen(row.gross),
        fee=Yen(row.fee),
        tax=Yen(row.tax),
        net=Yen(row.net),
        payout=row.payout,
        arrives_on=row.arrives_on,
        occurred_on=row.occurred_on,
        rule=row.rule,
        difference=Yen(row.difference),
        order_id=row.order_id,
        number=row.number,
        match_id=row.match_id,
    )


def _bank_line(row: Any) -> BankLineSeen:
    return BankLineSeen(
        id=row.id,
        file_id=row.file_id,
        record=row.record,
        basis=row.basis,
        account=row.account,
        booked_on=row.booked_on,
        value_on=row.value_on,
        amount=Yen(row.amount),
        payer=row.payer,
        bank=row.bank,
        branch=row.branch,
        summary=row.summary,
        edi=row.edi,
        reference=row.reference,
        match_id=row.match_id,
        rule=row.rule,
    )


async def lines_of(tx: Transaction, file_id: UUID, *, after: int, limit: int) -> list[ProviderLine]:
    """Return the lines that a file was the first to have, by their rows, after one of them."""
    rows = await tx.execute(
        f"{_LINES} WHERE l.file_id = :id AND l.record > :after ORDER BY l.record LIMIT :limit",
        id=file_id,
        after=after,
        limit=limit,
    )
    return [_line(row) for row in rows]


async def find_line(tx: Transaction, line_id: UUID) -> ProviderLine | None:
    """Return one line of a provider."""
    row = (await tx.execute(f"{_LINES} WHERE l.id = :id", id=line_id)).one_or_none()
    return None if row is None else _line(row)


async def matched_together(tx: Transaction, match_id: UUID, *, limit: int) -> list[ProviderLine]:
    """Return the lines of a match of several, by their rows."""
    rows = await tx.execute(
        f"{_LINES} WHERE l.id IN (SELECT g.line_id FROM match_legs AS g WHERE g.group_id = :id AND g.stands) "
        "ORDER BY l.occurred_on, l.record, l.id LIMIT :limit",
        id=match_id,
        limit=limit,
    )
    return [_line(row) for row in rows]


async def taken_back(tx: Transaction, line_id: UUID, *, limit: int) -> list[TakenBack]:
    """Return the matches of a line that people took back, the newest first."""
    rows = await tx.execute(
        "SELECT r.reversed_by, r.reversed_at, r.reason FROM match_reversals AS r JOIN match_legs AS m "
        "ON NOT m.stands AND m.line_id = :id AND (r.group_id = m.group_id OR (r.line_id = m.line_id "
        "AND r.claim_id = m.claim_id)) ORDER BY r.reversed_at DESC LIMIT :limit",
        id=line_id,
        limit=limit,
    )
    return [TakenBack(row.reversed_by, row.reversed_at, row.reason) for row in rows]


async def bank_lines_of(tx: Transaction, file_id: UUID, *, after: int, limit: int) -> list[BankLineSeen]:
    """Return the bookings that a file was the first to have, by their records, after one of them."""
    rows = await tx.execute(
        f"{_BANK_LINES} WHERE b.file_id = :id AND b.record > :after ORDER BY b.record, b.id LIMIT :limit",
        id=file_id,
        after=after,
        limit=limit,
    )
    return [_bank_line(row) for row in rows]


async def find_bank_line(tx: Transaction, line_id: UUID) -> BankLineSeen | None:
    """Return one booking of a bank."""
    row = (await tx.execute(f"{_BANK_LINES} WHERE b.id = :id", id=line_id)).one_or_none()
    return None if row is None else _bank_line(row)
