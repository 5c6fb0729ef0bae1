"""What happens at Stripe: sessions are opened, paid, expired; money is refunded, disputed, paid out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from kernel.clock import Clock
from sandbox.journal import Journal
from sandbox.settings import SandboxSettings
from sandbox.stripe import model, shapes
from sandbox.stripe.model import (
    Balance,
    CannotError,
    CardOutcome,
    Charge,
    Dispute,
    Event,
    Intent,
    Payout,
    Refund,
    Session,
)
from sandbox.stripe.store import UNPAID, StripeStore
from sandbox.webhooks import Sender

Later = Callable[[float, Callable[[], object]], object]


def _id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


class StripeDesk:
    """Every action at Stripe, by the merchant's API or by the payer's hand; each is one change of the journal."""

    def __init__(self, settings: SandboxSettings, clock: Clock, journal: Journal, sender: Sender, later: Later) -> None:
        self.store = StripeStore(journal)
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._sender = sender
        self._later = later

    def start(self) -> None:
        """Take up again what waits for its time: open sessions and pending refunds."""
        for session in self.store.sessions:
            if session.status == "open":
                self._watch(session)
        for refund in self.store.refunds.by("open", "open"):
            self._later(refund.settles_at - self._seconds(), partial(self.settle_refund, refund.id))

    def now(self) -> int:
        """The present as Stripe counts it."""
        return int(self._seconds())

    def open_session(self, session: Session) -> Session:
        """Open a Checkout Session; it ends by itself at its `expires_at`."""
        self.store.sessions.put(session)
        self._watch(session)
        return session

    def expire(self, session: Session) -> Session:
        """End an open session. Raises CannotError."""
        with self._journal.change():
            ended = self.store.sessions.put(model.expire(session))
            intent = self.store.intents.get(session.payment_intent or "")
            if intent is not None and intent.status not in {"succeeded", "canceled"}:
                self.store.intents.put(model.cancel(intent, reason="expired", at=self.now()))
            self._announce("checkout.session.expired", shapes.session(ended, self._settings.base))
            return ended

    def try_card(
        self, session: Session, outcome: CardOutcome, failure: str = "generic_decline"
    ) -> tuple[Session, Intent]:
        """Let the payer try a card on the hosted page; `failure` is the bank's code if it is declined.

        Raises CannotError unless the session is open.
        """
        if session.status == "open" and session.expires_at <= self.now():
            session = self.expire(session)
        if session.status != "open":
            raise CannotError(f"This Checkout Session has a status of {session.status} and cannot be paid.")
        with self._journal.change():
            intent = self.store.intents.get(session.payment_intent or "")
            if intent is None:
                intent = self._intent_of(session)
                session = self.store.sessions.put(replace(session, payment_intent=intent.id))
            intent = self.confirm(replace(intent, payment_method="pm_" + secrets.token_hex(12)), outcome, failure)
            return self.store.sessions.get(session.id) or session, intent

    def force_paid(self, session: Session) -> tuple[Session, Intent]:
        """Pay a session after it ended: not what Stripe does, but a fault that our side must survive."""
        if session.status == "complete":
            raise CannotError("This Checkout Session is already paid.")
        with self._journal.change():
            if session.status == "open":
                session = self.expire(session)
            reopened = self.store.sessions.put(replace(session, status="open", payment_intent=None))
            intent = self._intent_of(reopened)
            reopened = self.store.sessions.put(replace(reopened, payment_intent=intent.id))
            intent = self.confirm(intent, CardOutcome.APPROVED)
            return self.store.sessions.get(session.id) or reopened, intent

    def create_intent(self, intent: Intent) -> Intent:
        """Keep a new PaymentIntent."""
        return self.store.intents.put(intent)

    def confirm(self, intent: Intent, outcome: CardOutcome, failure: str = "generic_decline") -> Intent:
        """Send a card to the network; the intent's session, if any, follows. Raises CannotError."""
        model.confirmable(intent)
        if outcome is CardOutcome.CHALLENGED:
            return self.store.intents.put(model.challenge(intent))
        session = self.store.sessions.get(intent.session or "")
        succeeded = outcome is CardOutcome.APPROVED
        with self._journal.change():
            charge = self._charge(intent, session, succeeded=succeeded)
            if not succeeded:
                intent = self.store.intents.put(model.fail(intent, charge, failure))
                self._announce("payment_intent.payment_failed", shapes.intent(intent, self._settings.base))
                return intent
            intent = self.store.intents.put(model.succeed(intent, charge))
            self._announce("payment_intent.succeeded", shapes.intent(intent, self._settings.base))
            if session is not None:
                session = self.store.sessions.put(model.complete(session, intent))
                self._announce("checkout.session.completed", shapes.session(session, self._settings.base))
            return intent

    def cancel(self, intent: Intent, reason: str | None) -> Intent:
        """Cancel an intent. Raises CannotError."""
        return self.store.intents.put(model.cancel(intent, reason=reason, at=self.now()))

    def announce_again(self, session: Session) -> None:
        """Tell of the same completion in a second event with an id of its own."""
        with self._journal.change():
            self._announce("checkout.session.completed", shapes.session(session, self._settings.base))

    def refund(
        self, charge: Charge, amount: int | None, *, reason: str | None, metadata: dict[str, str], will_fail: bool
    ) -> Refund:
        """Begin a refund; it settles by itself a moment later. Raises CannotError."""
        charge, wanted = model.reserve_refund(charge, amount)
        with self._journal.change():
            refund = Refund(
                id=_id("re"),
                created=self.now(),
                amount=wanted,
                charge=charge.id,
                payment_intent=charge.payment_intent,
                settles_at=self._seconds() + self._settings.stripe_refund_seconds,
                reason=reason,
                metadata=metadata,
                will_fail=will_fail,
            )
            entry = self._book(-wanted, 0, "refund", "refund", refund.id)
            refund = self.store.refunds.put(replace(refund, balance_transaction=entry.id))
            self.store.charges.put(charge)
            self._announce("refund.created", shapes.refund(refund))
        self._later(self._settings.stripe_refund_seconds, lambda: self.settle_refund(refund.id))
        return refund

    def settle_refund(self, refund_id: str) -> None:
        """End a pending refund: succeeded, or failed with the money back in our balance."""
        refund = self.store.refunds.get(refund_id)
        if refund is None or refund.status != "pending":
            return
        with self._journal.change():
            if not refund.will_fail:
                refund = self.store.refunds.put(replace(refund, status="succeeded"))
                self._announce("refund.updated", shapes.refund(refund))
                return
            refund = self.store.refunds.put(replace(refund, status="failed"))
            charge = self.store.charges.get(refund.charge)
            if charge is not None:
                self.store.charges.put(replace(charge, refunded=charge.refunded - refund.amount))
            self._book(refund.amount, 0, "refund_failure", "refund_failure", refund.id)
            self._announce("refund.failed", shapes.refund(refund))

    def dispute(self, charge: Charge) -> Dispute:
        """Let the cardholder dispute a charge: the money and a fee are taken at once. Raises CannotError."""
        if not charge.succeeded or charge.dispute is not None:
            raise CannotError(f"Charge {charge.id} cannot be disputed (again).")
        with self._journal.change():
            dispute = Dispute(_id("du"), self.now(), charge.amount, charge.id, charge.payment_intent)
            entry = self._book(-charge.amount, model.DISPUTE_FEE_YEN, "adjustment", "dispute", dispute.id)
            dispute = self.store.disputes.put(replace(dispute, balance_transactions=(entry.id,)))
            self.store.charges.put(replace(charge, dispute=dispute.id))
            self._announce("charge.dispute.created", shapes.dispute(dispute))
            return dispute

    def close_dispute(self, dispute: Dispute, *, won: bool) -> Dispute:
        """End a dispute; if won, the money comes back. Raises CannotError."""
        if dispute.status != "needs_response":
            raise CannotError(f"This dispute is already {dispute.status}.")
        with self._journal.change():
            entries = dispute.balance_transactions
            if won:
                entries = (
                    *entries,
                    self._book(dispute.amount, 0, "adjustment", "dispute_reversal", dispute.id).id,
                )
            elif (charge := self.store.charges.get(dispute.charge)) is not None:
                self.store.charges.put(replace(charge, dispute_lost=True))
            ended = replace(dispute, status="won" if won else "lost", balance_transactions=entries)
            self.store.disputes.put(ended)
            self._announce("charge.dispute.closed", shapes.dispute(ended))
            return ended

    def pay_out(self, *, completed: bool = True) -> Payout | None:
        """Close the balance into one payout; None when there is nothing to pay out. Those of before are completed."""
        for before in [each for each in self.store.payouts if not each.completed]:
            with self._journal.change():
                done = self.store.payouts.put(replace(before, completed=True))
                self._announce("payout.reconciliation_completed", shapes.payout(done))
        entries = self.store.balance.by("payout", UNPAID)
        if not entries:
            return None
        with self._journal.change():
            payout = Payout(_id("po"), self.now(), sum(each.net for each in entries), completed)
            self.store.payouts.put(payout)
            for each in entries:
                self.store.balance.put(replace(each, payout=payout.id))
            own = self._book(-payout.amount, 0, "payout", "payout", payout.id)
            self.store.balance.put(replace(own, payout=payout.id))
            self._announce("payout.paid", shapes.payout(payout))
            if completed:
                self._announce("payout.reconciliation_completed", shapes.payout(payout))
            return payout

    def _intent_of(self, session: Session) -> Intent:
        intent_id = _id("pi")
        return self.store.intents.put(
            Intent(
                id=intent_id,
                created=self.now(),
                amount=session.amount,
                client_secret=f"{intent_id}_secret_{secrets.token_hex(8)}",
                session=session.id,
                payment_method="pm_" + secrets.token_hex(12),
                description=session.description,
                return_url=session.success_url,
                metadata=session.intent_metadata,
                method_type=session.method_type,
            )
        )

    def _charge(self, intent: Intent, session: Session | None, *, succeeded: bool) -> Charge:
        charge = Charge(
            id=_id("ch"),
            created=self.now(),
            amount=intent.amount,
            payment_intent=intent.id,
            succeeded=succeeded,
            description=intent.description,
            reference=session.client_reference_id if session else None,
            metadata=intent.metadata,
            method_type=intent.method_type,
        )
        if succeeded:
            fee = model.fee_of(intent.amount, self._settings.stripe_fee_basis_points)
            entry = self._book(intent.amount, fee, "charge", "charge", charge.id)
            charge = replace(charge, balance_transaction=entry.id, fee=fee)
        return self.store.charges.put(charge)

    def _book(self, amount: int, fee: int, kind: str, category: str, source: str) -> Balance:
        return self.store.balance.put(Balance(_id("txn"), self.now(), amount, fee, kind, category, source))

    def _announce(self, kind: str, data: dict[str, Any]) -> None:
        event = self.store.events.put(Event(_id("evt"), self.now(), kind, data))
        body = json.dumps(shapes.event(event), ensure_ascii=False, separators=(",", ":"))
        self._sender.send("stripe", event_id=event.id, event_type=kind, body=body)

    def _watch(self, session: Session) -> None:
        def end() -> None:
            found = self.store.sessions.get(session.id)
            if found is not None and found.status == "open":
                self.expire(found)

        self._later(session.expires_at - self._seconds(), end)

    def _seconds(self) -> float:
        return self._clock.now().timestamp()
