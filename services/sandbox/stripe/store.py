"""Where Stripe's objects are kept, and by what they are found."""

from __future__ import annotations

from sandbox.journal import Journal
from sandbox.stripe.model import Balance, Charge, Dispute, Event, Intent, Payout, Refund, Session

UNPAID = "unpaid"  # the index key of balance transactions in no payout yet


class StripeStore:
    """All shelves of the Stripe stand-in."""

    def __init__(self, journal: Journal) -> None:
        self.sessions = journal.shelf("stripe_session", Session, intent=lambda each: each.payment_intent)
        self.intents = journal.shelf("stripe_intent", Intent)
        self.charges = journal.shelf("stripe_charge", Charge, intent=lambda each: each.payment_intent)
        self.refunds = journal.shelf(
            "stripe_refund",
            Refund,
            charge=lambda each: each.charge,
            intent=lambda each: each.payment_intent,
            open=lambda each: "open" if each.status == "pending" else None,
        )
        self.balance = journal.shelf("stripe_balance", Balance, payout=lambda each: each.payout or UNPAID)
        self.payouts = journal.shelf("stripe_payout", Payout)
        self.disputes = journal.shelf("stripe_dispute", Dispute, charge=lambda each: each.charge)
        self.events = journal.shelf("stripe_event", Event, type=lambda each: each.type)
