"""Whose money it is, in two columns: the code for programs and for master data, the name for people."""

from __future__ import annotations

from typing import Final

from reconciliation.reports.model import Column, Names

OWNER: Final = Column("歳入帰属", "text", 26, "Revenue owner")
OWNER_COLUMNS: Final = (Column("歳入帰属コード", "text", 22, "Owner's code", paper=False, page=False), OWNER)


def owner_cells(code: str, names: Names) -> tuple[str, str]:
    """Return the cells of OWNER_COLUMNS."""
    return code, names.owner(code)
