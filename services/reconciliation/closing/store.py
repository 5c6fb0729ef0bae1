"""Closings in SQL: which stand, and new ones. Written only under the lock of their period."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.closing.model import Closing, Period, PeriodKind
from reconciliation.days.figures import DayRow, Totals

_LOCK: Final = "hashtextextended(:name, 9)"
_FIGURES: Final = tuple(each.name for each in fields(Totals))


async def lock(tx: Transaction, period: Period) -> None:
    """Let nobody else close or open a period, nor rely on its being open, until the transaction ends."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", name=f"{period.kind}:{period.first_day}")


async def hold(tx: Transaction, period: Period) -> None:
    """Let a period stay as it is, closed or open, until the transaction ends; others may hold it too."""
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})", name=f"{period.kind}:{period.first_day}")


async def is_closed(tx: Transaction, period: Period) -> bool:
    """Tell whether a closing of the period stands."""
    found = await tx.execute(
        "SELECT EXISTS (SELECT FROM standing_closings WHERE kind = :kind AND first_day = :first_day)",
        kind=period.kind,
        first_day=period.first_day,
    )
    return bool(found.scalar_one())


async def first_open_day(tx: Transaction, day: date) -> date:
    """Return the day itself if it is open, else the first open day after it."""
    found = await tx.execute(
        "SELECT min(c.day) FROM (SELECT CAST(:day AS date) AS day UNION ALL SELECT first_day + 1 "
        "FROM standing_closings WHERE kind = 'day' AND first_day >= :day) AS c WHERE NOT EXISTS "
        "(SELECT FROM standing_closings AS s WHERE s.kind = 'day' AND s.first_day = c.day)",
        day=day,
    )
    answer = found.scalar_one()
    assert isinstance(answer, date)  # noqa: S101 - the day after the last closed one is open
    return answer


def _figures(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] if name in {"sold_count", "admitted"} else Yen(given[name]) for name in _FIGURES}


def _rows(day: date, given: list[dict[str, Any]] | None) -> tuple[DayRow, ...] | None:
    if given is None:
        return None
    return tuple(DayRow(day=day, facility=row["facility"], method=row["method"], **_figures(row)) for row in given)


def _closing(row: Any) -> Closing:
    return Closing(
        Period(row.kind, row.first_day, row.last_day),
        row.version,
        Totals(**_figures(row.totals)),
        row.closed_by,
        row.closed_at,
        _rows(row.first_day, row.totals.get("rows")),
    )


async def standing(tx: Transaction, kind: PeriodKind, *, first: date, last: date) -> dict[date, Closing]:
    """Return the closings that stand of periods that begin in a range, by their first day."""
    answer = await tx.execute(
        "SELECT * FROM standing_closings WHERE kind = :kind AND first_day BETWEEN :first AND :last ORDER BY first_day",
        kind=kind,
        first=first,
        last=last,
    )
    return {row.first_day: _closing(row) for row in answer}


async def next_version(tx: Transaction, period: Period) -> int:
    """Return the version that the period's next closing has."""
    found = await tx.execute(
        "SELECT coalesce(max(version), 0) + 1 FROM closings WHERE kind = :kind AND first_day = :first_day",
        kind=period.kind,
        first_day=period.first_day,
    )
    return int(found.scalar_one())


def _numbers(figures: DayRow | Totals) -> dict[str, int]:
    return {name: getattr(value := getattr(figures, name), "amount", value) for name in _FIGURES}


def _kept(totals: Totals, rows: Sequence[DayRow] | None) -> str:
    kept: dict[str, Any] = _numbers(totals)
    if rows is not None:
        kept["rows"] = [{"facility": row.facility, "method": row.method, **_numbers(row)} for row in rows]
    return json.dumps(kept, ensure_ascii=False)


async def add(tx: Transaction, closing: Closing) -> None:
    """Write a closing; a second one of the same version fails."""
    await tx.execute(
        "INSERT INTO closings (kind, first_day, last_day, version, totals, closed_by, closed_at) "
        "VALUES (:kind, :first_day, :last_day, :version, CAST(:totals AS jsonb), :by, :at)",
        kind=closing.period.kind,
        first_day=closing.period.first_day,
        last_day=closing.period.last_day,
        version=closing.version,
        totals=_kept(closing.totals, closing.rows),
        by=closing.closed_by,
        at=closing.closed_at,
    )
