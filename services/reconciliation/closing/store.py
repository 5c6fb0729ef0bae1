"""Closings in SQL: which stand, and new ones. Written only under the lock of their period."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from kernel.access import Role
from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.closing.model import Closing, Period, PeriodKind
from reconciliation.closing.reopening import Asked, Decided, Person, Reopening
from reconciliation.days.figures import DayRow, Totals

_FIGURES: Final = tuple(each.name for each in fields(Totals))
_LOCK: Final = "hashtextextended(:name, 9)"
_SUMS: Final = "totals - 'rows'"
# One lock for all months, years and reopenings, which whoever books never takes: it is taken before any day's.
_LONGER: Final = "longer"


async def lock(tx: Transaction, period: Period) -> None:
    """Let nobody else close or open a period, nor rely on a day's being open, until the transaction ends."""
    name = f"day:{period.first_day}" if period.kind == "day" else _LONGER
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", name=name)


async def lock_reopenings(tx: Transaction) -> None:
    """Let nobody else ask, decide, or close a month or year until the transaction ends."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", name=_LONGER)


async def hold(tx: Transaction, day: date) -> None:
    """Let a day stay as it is, closed or open, until the transaction ends; others may hold it too."""
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})", name=f"day:{day}")


async def closed(tx: Transaction, *, first: date, last: date) -> set[Period]:
    """Return every period with a closing that stands and with a day of a range."""
    answer = await tx.execute(
        "SELECT kind, first_day, last_day FROM standing_closings WHERE first_day <= :last AND last_day >= :first",
        first=first,
        last=last,
    )
    return {Period(row.kind, row.first_day, row.last_day) for row in answer}


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


async def standing(
    tx: Transaction, kind: PeriodKind, *, first: date, last: date, with_rows: bool = False
) -> dict[date, Closing]:
    """Return the closings that stand of periods that begin in a range, by their first day."""
    answer = await tx.execute(
        "SELECT kind, first_day, last_day, version, closed_by, closed_at, "
        f"{'totals' if with_rows else _SUMS} AS totals FROM standing_closings "
        "WHERE kind = :kind AND first_day BETWEEN :first AND :last ORDER BY first_day",
        kind=kind,
        first=first,
        last=last,
    )
    return {row.first_day: _closing(row) for row in answer}


async def find(tx: Transaction, period: Period) -> Closing | None:
    """Return the closing of a period that stands."""
    found = await standing(tx, period.kind, first=period.first_day, last=period.first_day, with_rows=True)
    return found.get(period.first_day)


async def versions(tx: Transaction, period: Period) -> list[Closing]:
    """Return every closing that a period ever had, the newest first."""
    answer = await tx.execute(
        f"SELECT kind, first_day, last_day, version, closed_by, closed_at, {_SUMS} AS totals FROM closings "
        "WHERE kind = :kind AND first_day = :first_day ORDER BY version DESC",
        kind=period.kind,
        first_day=period.first_day,
    )
    return [_closing(row) for row in answer]


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


def _reopening(row: Any) -> Reopening:
    period = Period(row.kind, row.first_day, row.last_day)
    asked = Asked(row.id, period, row.version, row.reason, Person(row.asked_by, Role(row.asked_as)), row.asked_at)
    if row.decision is None:
        return asked
    return Decided.of(asked, row.decision, Person(row.decided_by, Role(row.decided_as)), row.decided_at)


_REOPENINGS: Final = "SELECT r.*, c.last_day FROM reopenings AS r JOIN closings AS c USING (kind, first_day, version) "


async def asked(tx: Transaction) -> list[Asked]:
    """Return every reopening that nobody has decided about, the oldest first."""
    answer = await tx.execute(_REOPENINGS + "WHERE r.decision IS NULL ORDER BY r.asked_at, r.id")
    return [each for each in map(_reopening, answer) if not isinstance(each, Decided)]


async def decided(tx: Transaction, *, first: date, last: date) -> list[Decided]:
    """Return the reopenings that were decided about, of periods with a day of a range, the newest first."""
    answer = await tx.execute(
        _REOPENINGS + "WHERE r.decision IS NOT NULL AND r.first_day <= :last AND c.last_day >= :first "
        "ORDER BY r.decided_at DESC, r.id",
        first=first,
        last=last,
    )
    return [each for each in map(_reopening, answer) if isinstance(each, Decided)]


async def reopening(tx: Transaction, reopening_id: UUID) -> Reopening | None:
    """Return one reopening."""
    row = (await tx.execute(_REOPENINGS + "WHERE r.id = :id", id=reopening_id)).one_or_none()
    return None if row is None else _reopening(row)


async def ask(tx: Transaction, asked: Asked) -> None:
    """Write down that somebody asks to open a closing."""
    await tx.execute(
        "INSERT INTO reopenings (id, kind, first_day, version, reason, asked_by, asked_as, asked_at) "
        "VALUES (:id, :kind, :first_day, :version, :reason, :by, :role, :at)",
        id=asked.id,
        kind=asked.period.kind,
        first_day=asked.period.first_day,
        version=asked.version,
        reason=asked.reason,
        by=asked.asked_by.name,
        role=asked.asked_by.role.value,
        at=asked.asked_at,
    )


async def decide(tx: Transaction, decided: Decided) -> None:
    """Write down what somebody decided."""
    await tx.execute(
        "UPDATE reopenings SET decision = :decision, decided_by = :by, decided_as = :role, decided_at = :at "
        "WHERE id = :id",
        id=decided.id,
        decision=decided.decision,
        by=decided.decided_by.name,
        role=decided.decided_by.role.value,
        at=decided.decided_at,
    )


async def reopen(tx: Transaction, period: Period, reopening_id: UUID) -> None:
    """Let the closing of a period that stands stand no more."""
    await tx.execute(
        "INSERT INTO reopened_closings (kind, first_day, version, reopening_id) "
        "SELECT kind, first_day, version, :id FROM standing_closings WHERE kind = :kind AND first_day = :first_day",
        id=reopening_id,
        kind=period.kind,
        first_day=period.first_day,
    )


async def opened_at(tx: Transaction, *, first: date, last: date) -> dict[Period, datetime]:
    """Return when each period with a day of a range was last opened again."""
    answer = await tx.execute(
        "SELECT c.kind, c.first_day, c.last_day, max(r.decided_at) AS at FROM reopened_closings AS o "
        "JOIN closings AS c USING (kind, first_day, version) JOIN reopenings AS r ON r.id = o.reopening_id "
        "WHERE c.first_day <= :last AND c.last_day >= :first GROUP BY c.kind, c.first_day, c.last_day",
        first=first,
        last=last,
    )
    return {Period(row.kind, row.first_day, row.last_day): row.at for row in answer}
