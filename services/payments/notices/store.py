"""Rows of batches of notices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from payments.charges.model import Part
from payments.notices.model import Batch, Notice

NOTICE_CHANNEL = "momiji_notices"
Made = tuple[Notice, UUID | None, str, str]


async def add(tx: Transaction, batch: Batch, notices: Sequence[Notice]) -> None:
    """Insert a batch with its rows, and wake the worker."""
    await tx.execute(
        "INSERT INTO notice_batches (id, system, total, created_at) VALUES (:id, :system, :total, :at)",
        id=batch.id,
        system=batch.system,
        total=batch.total,
        at=batch.created_at,
    )
    await tx.execute(
        "INSERT INTO notice_rows (batch_id, row, notice) "
        "SELECT :id, (each ->> 'row')::integer, each - 'row' FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS each",
        id=batch.id,
        rows=json.dumps([_to_json(each) for each in notices], ensure_ascii=False),
    )
    await tx.wake(NOTICE_CHANNEL)


async def amounts(tx: Transaction, system: str, references: Sequence[str]) -> dict[str, Yen]:
    """Return what is charged already under references of a system."""
    rows = await tx.execute(
        "SELECT reference, amount FROM charges WHERE caller = :system AND reference = ANY(:references)",
        system=system,
        references=list(references),
    )
    return {row.reference: Yen(row.amount) for row in rows}


async def unfinished(tx: Transaction) -> tuple[UUID, str] | None:
    """Lock and return (id, system) of the oldest batch that is not done; another worker takes the next."""
    found = await tx.execute(
        "SELECT id, system FROM notice_batches WHERE done_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    row = found.one_or_none()
    return None if row is None else (row.id, row.system)


async def waiting(tx: Transaction, batch_id: UUID, *, limit: int) -> list[Notice]:
    """Return rows of a batch that are no charges yet, first to last."""
    rows = await tx.execute(
        "SELECT row, notice FROM notice_rows WHERE batch_id = :id AND charge_id IS NULL AND problem IS NULL "
        "ORDER BY row LIMIT :limit",
        id=batch_id,
        limit=limit,
    )
    return [_to_notice(row.row, row.notice) for row in rows]


async def save(tx: Transaction, batch_id: UUID, made: Sequence[tuple[int, UUID | None, str | None]]) -> None:
    """Write down for rows which charge came of them, or why none did."""
    await tx.execute(
        "UPDATE notice_rows r SET charge_id = m.charge_id, problem = m.problem "
        "FROM jsonb_to_recordset(CAST(:made AS jsonb)) AS m(row integer, charge_id uuid, problem text) "
        "WHERE r.batch_id = :id AND r.row = m.row",
        id=batch_id,
        made=json.dumps([{"row": row, "charge_id": str(c) if c else None, "problem": p} for row, c, p in made]),
    )


async def finish(tx: Transaction, batch_id: UUID, *, at: datetime) -> None:
    """Mark a batch as done."""
    await tx.execute("UPDATE notice_batches SET done_at = :at WHERE id = :id", id=batch_id, at=at)


async def batches(
    tx: Transaction, *, system: str | None, batch_id: UUID | None = None, before: UUID | None = None, limit: int
) -> list[Batch]:
    """Return batches with their progress, newest first: of one system, or of all."""
    rows = await tx.execute(
        "SELECT b.*, (SELECT count(*) FROM notice_rows r WHERE r.batch_id = b.id AND r.charge_id IS NOT NULL) AS made, "
        "(SELECT count(*) FROM notice_rows r WHERE r.batch_id = b.id AND r.problem IS NOT NULL) AS failed "
        "FROM notice_batches b WHERE (CAST(:system AS text) IS NULL OR system = :system) "
        "AND (CAST(:id AS uuid) IS NULL OR id = :id) AND (CAST(:before AS uuid) IS NULL OR id < :before) "
        "ORDER BY id DESC LIMIT :limit",
        system=system,
        id=batch_id,
        before=before,
        limit=limit,
    )
    return [Batch(row.id, row.system, row.total, row.created_at, row.done_at, row.made, row.failed) for row in rows]


async def result(tx: Transaction, batch_id: UUID) -> list[Made]:
    """Return (notice, charge, the charge's status, problem) for each row of a batch, first to last."""
    rows = await tx.execute(
        "SELECT r.row, r.notice, r.charge_id, c.status, r.problem FROM notice_rows r "
        "LEFT JOIN charges c ON c.id = r.charge_id WHERE r.batch_id = :id ORDER BY r.row",
        id=batch_id,
    )
    return [(_to_notice(row.row, row.notice), row.charge_id, row.status or "", row.problem or "") for row in rows]


def _to_json(notice: Notice) -> dict[str, Any]:
    part = notice.part
    return {
        "row": notice.row,
        "reference": notice.reference,
        "amount": notice.amount.amount,
        "description": notice.description,
        "expires_at": notice.expires_at.isoformat(),
        "facility": part.facility,
        "product": part.product,
        "owner": part.revenue_owner,
        "account": part.revenue_account,
        "tax": part.tax_rate_percent,
        "return_url": notice.return_url,
        "locale": notice.locale,
    }


def _to_notice(row: int, kept: dict[str, Any]) -> Notice:
    amount = Yen(kept["amount"])
    return Notice(
        row=row,
        reference=kept["reference"],
        amount=amount,
        description=kept["description"],
        expires_at=datetime.fromisoformat(kept["expires_at"]),
        part=Part(kept["facility"], kept["product"], kept["owner"], kept["account"], kept["tax"], amount),
        return_url=kept["return_url"],
        locale=kept["locale"],
    )
