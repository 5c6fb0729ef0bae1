"""What reconciliation publishes: statements, closed days and periods, discrepancies."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from kernel.contracts.envelope import Fact, Moment, YenField


class StatementIngested(Fact):
    """A file of a bank or a provider was taken, whole. `amount`: by how much its new lines change what is with us."""

    TYPE: ClassVar[str] = "reconciliation.statement.ingested.v1"
    AGGREGATE: ClassVar[str] = "statement"

    statement_id: UUID
    format: str
    sha256: str
    first_day: date | None
    last_day: date | None
    line_count: int
    new_count: int
    amount: YenField
    received_by: str
    received_at: Moment


class DayClosed(Fact):
    """A business day is closed with these totals."""

    TYPE: ClassVar[str] = "reconciliation.day.closed.v1"
    AGGREGATE: ClassVar[str] = "day"

    day: date
    sold: YenField
    captured: YenField
    refunded: YenField
    admitted_count: int
    closed_by: str
    closed_at: Moment


class PeriodClosed(Fact):
    """A month or a fiscal year (`kind`) is closed; the totals are those of its days as they were closed."""

    TYPE: ClassVar[str] = "reconciliation.period.closed.v1"
    AGGREGATE: ClassVar[str] = "period"

    kind: str
    first_day: date
    last_day: date
    sold: YenField
    captured: YenField
    refunded: YenField
    reversed: YenField
    unallocated: YenField
    admitted_count: int
    closed_by: str
    closed_at: Moment


class DiscrepancyRaised(Fact):
    """Something does not agree; a person is told. `again`: it was raised before, and is back or has another amount."""

    TYPE: ClassVar[str] = "reconciliation.discrepancy.raised.v1"
    AGGREGATE: ClassVar[str] = "discrepancy"

    discrepancy_id: UUID
    kind: str
    day: date
    facility: str
    amount: YenField
    raised_at: Moment
    order_id: str = ""
    number: str = ""
    provider: str = ""
    again: bool = False


class DiscrepancyResolved(Fact):
    """A person found out why, and said so. `approved_by`: the second person, where the amount needs one."""

    TYPE: ClassVar[str] = "reconciliation.discrepancy.resolved.v1"
    AGGREGATE: ClassVar[str] = "discrepancy"

    discrepancy_id: UUID
    kind: str
    reason: str
    resolved_by: str
    resolved_at: Moment
    cause: str = ""
    approved_by: str = ""


class DiscrepancyVanished(Fact):
    """It agrees by itself: what was missing came."""

    TYPE: ClassVar[str] = "reconciliation.discrepancy.vanished.v1"
    AGGREGATE: ClassVar[str] = "discrepancy"

    discrepancy_id: UUID
    kind: str
    vanished_at: Moment
