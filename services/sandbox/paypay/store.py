"""Where PayPay's codes and refunds are kept, and by what they are found."""

from __future__ import annotations

from sandbox.journal import Journal
from sandbox.paypay.model import Code, Refund


class PayPayStore:
    """All shelves of the PayPay stand-in."""

    def __init__(self, journal: Journal) -> None:
        self.codes = journal.shelf(
            "paypay_code", Code, code=lambda each: each.code_id, payment=lambda each: each.payment_id
        )
        self.refunds = journal.shelf("paypay_refund", Refund, payment=lambda each: each.payment)

    def by_code(self, code_id: str) -> Code | None:
        """Return the code with PayPay's own id."""
        found = self.codes.by("code", code_id)
        return found[0] if found else None

    def by_payment(self, payment_id: str) -> Code | None:
        """Return the code that was paid as PayPay's payment id."""
        found = self.codes.by("payment", payment_id)
        return found[0] if found else None
