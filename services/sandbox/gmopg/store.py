"""Where the agency's trades are kept, and by what they are found."""

from __future__ import annotations

from sandbox.gmopg.model import Trade
from sandbox.journal import Journal


class GmopgStore:
    """All shelves of the agency's stand-in; a trade's id is its OrderID, unique in the shop for ever."""

    def __init__(self, journal: Journal) -> None:
        self.trades = journal.shelf(
            "gmopg_trade", Trade, access=lambda each: each.access_id, receipt=lambda each: each.receipt_no or None
        )
