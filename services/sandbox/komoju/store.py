"""Where KOMOJU's payments and refund requests are kept, and by what they are found."""

from __future__ import annotations

from sandbox.journal import Journal
from sandbox.komoju.model import Payment, RefundRequest


class KomojuStore:
    """All shelves of the KOMOJU stand-in."""

    def __init__(self, journal: Journal) -> None:
        self.payments = journal.shelf("komoju_payment", Payment, order=lambda each: each.external_order_num)
        self.requests = journal.shelf(
            "komoju_refund_request",
            RefundRequest,
            payment=lambda each: each.payment,
            open=lambda each: "open" if each.status == "pending" else None,
        )
