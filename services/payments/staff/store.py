"""The audit trail of what staff do: rows are only added."""

from __future__ import annotations

import json
from datetime import datetime

from kernel.rows import Transaction


async def audit(tx: Transaction, actor: str, action: str, subject: str, *, at: datetime, **details: str) -> None:
    """Write down who did what to what; never a secret and nothing personal."""
    await tx.execute(
        "INSERT INTO audit (at, actor, action, subject, details) "
        "VALUES (:at, :actor, :action, :subject, CAST(:details AS jsonb))",
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        details=json.dumps(details, ensure_ascii=False),
    )
