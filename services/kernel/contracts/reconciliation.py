"""What reconciliation publishes: statements, closed days and periods, discrepancies."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from kernel.contracts.envelope import Fact, Moment, YenField


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


class DiscrepancyRaised(Fact):
    """Something does not agree; a person is told."""

    TYPE: ClassVar[str] = "reconciliation.discrepancy.raised.v1"
    AGGREGATE: ClassVar[str] = "discrepancy"

    discrepancy_id: UUID
    kind: str
    day: date
    facility: str
    amount: YenField
    raised_at: Moment


class DiscrepancyResolved(Fact):
    """A person found out why, and said so."""

    TYPE: ClassVar[str] = "reconciliation.discrepancy.resolved.v1"
    AGGREGATE: ClassVar[str] = "discrepancy"

    discrepancy_id: UUID
    kind: str
    reason: str
    resolved_by: str
    resolved_at: Moment
