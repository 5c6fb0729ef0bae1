"""Orders whose money takes every way that payments knows, each told to its end: nothing is left to be settled."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from kernel.clock import JAPAN
from kernel.contracts import payments, ticketing
from kernel.money import Yen, tax_within
from support.ledger_data import Story

PARTS = (
    ("hpam", "collection", "manager-hpam", "一般会計・使用料及び手数料・使用料・教育使用料・施設使用料", 510),
    ("shukkeien", "garden", "manager-shukkeien", "一般会計・使用料及び手数料・使用料・土木使用料・施設使用料", 350),
    ("history-museum", "permanent", "hiroshima", "一般会計・使用料及び手数料・使用料・教育使用料・施設使用料", 290),
)
PROVIDER_OF = {"stripe_card": "stripe", "paypay": "paypay", "payeasy_komoju": "komoju"}


class Tale:
    """One order, or a fee of another system, whose facts are told one after the other, minutes or months apart."""

    def __init__(self, dice: random.Random, at: datetime, *, caller: str = "ticketing") -> None:
        self.story, self.dice, self.at, self.caller = Story(dice), dice, at, caller
        self.order_id, self.charge_id = self.story.id(), self.story.id()
        self.reference = str(self.order_id) if caller == "ticketing" else f"permit-{self.dice.randrange(10**9)}"
        self.method = dice.choice(list(PROVIDER_OF))
        chosen = dice.sample(PARTS, k=dice.randint(1, 2))
        self.facility = chosen[0][0]
        self.lines = tuple(
            ticketing.OrderLine(
                facility=facility, product=product, category="adult", quantity=(count := dice.randint(1, 3)),
                unit_price=Yen(price), amount=Yen(price * count), tax_rate_percent=10, revenue_owner=owner,
                revenue_account=account,
            )
            for facility, product, owner, account, price in chosen
        )  # fmt: skip
        self.total = Yen(sum(each.amount.amount for each in self.lines))
        self.first = self.story.id()

    @property
    def events(self):
        return self.story.events

    def later(self, **span: int) -> Tale:
        self.at += timedelta(**(span or {"minutes": self.dice.randint(1, 50)}))
        return self

    def tell(self, fact, subject) -> None:
        self.story.tell(fact, subject, self.at)
        self.later()

    def _order(self) -> dict:
        return {
            "order_id": self.order_id, "number": "00000-00000", "authority": "hiroshima", "facility": self.facility,
            "visit_date": self.at.astimezone(JAPAN).date(), "method": self.method, "lines": self.lines,
            "total": self.total, "tax": tax_within(self.total, 10),
        }  # fmt: skip

    def _shares(self, amount: Yen) -> tuple[payments.Allocation, ...]:
        left, shares = amount.amount, []
        for line in self.lines:
            part = min(left, line.amount.amount)
            if part:
                shares.append(
                    payments.Allocation(
                        facility=line.facility, product=line.product, revenue_owner=line.revenue_owner,
                        revenue_account=line.revenue_account, tax_rate_percent=10, amount=Yen(part),
                    )
                )  # fmt: skip
                left -= part
        return tuple(shares)

    def _charge(self) -> dict:
        return {
            "charge_id": self.charge_id, "reference": self.reference, "caller": self.caller, "method": self.method,
            "amount": self.total, "facility": self.facility, "allocations": self._shares(self.total),
        }  # fmt: skip

    def captured(self) -> Tale:
        self.tell(
            payments.ChargeCaptured(
                **self._charge(), attempt_id=self.first, captured=self.total, provider_reference="p",
                captured_at=self.at,
            ),
            self.charge_id,
        )  # fmt: skip
        return self

    def confirmed(self) -> Tale:
        fact = ticketing.OrderConfirmed(
            **self._order(), confirmed_at=self.at, received_at=self.at, charge_id=self.charge_id
        )
        self.tell(fact, self.order_id)
        return self

    def paid(self) -> Tale:
        return self.captured().confirmed() if self.caller == "ticketing" else self.captured()

    def cancelled(self, reason: str = "visitor_cancelled") -> Tale:
        fact = ticketing.OrderCancelled(**self._order(), cancelled_at=self.at, reason=reason, was_paid=True)
        self.tell(fact, self.order_id)
        return self

    def expired(self) -> Tale:
        self.tell(ticketing.OrderExpired(**self._order(), expired_at=self.at), self.order_id)
        return self

    def asked_back(self, reason: str = "visitor_cancelled") -> UUID:
        refund_id = self.story.id()
        fact = ticketing.RefundRequested(
            refund_id=refund_id, order_id=self.order_id, charge_id=self.charge_id, number="00000-00000",
            facility=self.facility, method=self.method, amount=self.total, reason=reason, lines=self.lines,
            requested_at=self.at,
        )  # fmt: skip
        self.tell(fact, self.order_id)
        return refund_id

    def _refund(self, refund_id: UUID | None, amount: Yen | None, attempt: UUID | None) -> dict:
        amount = amount or self.total
        return {
            "refund_id": refund_id or self.story.id(), "charge_id": self.charge_id,
            "attempt_id": attempt or self.first, "reference": self.reference, "method": self.method,
            "facility": self.facility, "amount": amount, "allocations": self._shares(amount),
        }  # fmt: skip

    def refunded(
        self, refund_id: UUID | None = None, *, amount: Yen | None = None, attempt: UUID | None = None,
        by_us: bool = False,
    ) -> Tale:  # fmt: skip
        whole = self._refund(refund_id, amount, attempt)
        self.tell(payments.RefundSettled(**whole, by_us=by_us, settled_at=self.at), whole["refund_id"])
        return self

    def refund_failed(self, refund_id: UUID) -> Tale:
        whole = self._refund(refund_id, None, None)
        self.tell(payments.RefundFailed(**whole, reason="refused", failed_at=self.at), refund_id)
        return self

    def unallocated(
        self, amount: Yen, cause: str, attempt: UUID | None, *, allocated: bool = True
    ) -> Tale:  # fmt: skip
        charge = self._charge() if allocated else self._charge() | {"allocations": ()}
        fact = payments.ChargeUnallocated(
            **charge, attempt_id=attempt, captured=amount, cause=cause, unallocated_at=self.at
        )
        self.tell(fact, self.charge_id)
        return self

    def reversed(self, amount: Yen | None = None, *, kind=payments.ChargeReversed, attempt=None) -> Tale:
        fact = kind(
            **self._charge(), attempt_id=attempt or self.first, reversed=amount or self.total, reversed_at=self.at
        )
        self.tell(fact, self.charge_id)
        return self

    def disputed(self, *, won: bool) -> Tale:
        dispute = {
            "dispute_id": self.story.id(), "charge_id": self.charge_id, "attempt_id": self.first,
            "method": self.method, "reference": self.reference, "facility": self.facility, "amount": self.total,
            "reason": "fraudulent",
        }  # fmt: skip
        self.tell(payments.DisputeOpened(**dispute, opened_at=self.at), dispute["dispute_id"])
        self.later(days=self.dice.randint(1, 60))
        self.tell(payments.DisputeClosed(**dispute, won=won, closed_at=self.at), dispute["dispute_id"])
        return self


def _paid_twice(tale: Tale) -> UUID:
    second = tale.story.id()
    tale.unallocated(tale.total, "paid_twice", second)
    return second


def cancelled_and_refunded(tale: Tale) -> None:
    tale.paid().later(days=tale.dice.randint(0, 20)).cancelled()
    tale.refunded(tale.asked_back())


def refunded_by_us(tale: Tale) -> None:
    tale.paid().cancelled("closure")
    tale.refunded(tale.asked_back("closure"), by_us=True)


def paid_too_late(tale: Tale) -> None:
    tale.captured().expired()
    refund = tale.asked_back("paid_too_late")
    tale.unallocated(tale.total, "paid_too_late", None).refunded(refund)


def paid_too_late_and_refunded_by_a_person(tale: Tale) -> None:
    tale.captured().expired()
    refund = tale.asked_back("paid_too_late")
    tale.unallocated(tale.total, "paid_too_late", None).refund_failed(refund).refunded(by_us=True)


def paid_twice_and_given_back(tale: Tale) -> None:
    second = _paid_twice(tale.paid())
    tale.refunded(attempt=second)


def paid_twice_and_cancelled(tale: Tale) -> None:
    second = _paid_twice(tale.paid())
    tale.cancelled()
    tale.refunded(tale.asked_back()).later(days=1).refunded(attempt=second)


def paid_twice_and_one_taken_back(tale: Tale) -> None:
    second = _paid_twice(tale.paid())
    tale.later(days=1).reversed(kind=payments.UnallocatedReversed, attempt=second)


def overpaid_by_one_payment(tale: Tale) -> None:
    more = Yen(tale.dice.randint(1, 999))
    tale.paid().unallocated(more, "amount_differs", tale.first, allocated=tale.dice.random() < 0.5)
    tale.refunded(amount=more)


def overpaid_and_taken_back(tale: Tale) -> None:
    more = Yen(tale.dice.randint(1, 999))
    tale.paid().unallocated(more, "amount_differs", tale.first)
    tale.reversed(tale.total + more).cancelled("payment_reversed")


def underpaid_and_given_back(tale: Tale) -> None:
    part = Yen(tale.dice.randint(1, tale.total.amount - 1))
    tale.unallocated(part, "amount_differs", tale.first).expired().refunded(amount=part)


def taken_back_by_the_bank(tale: Tale) -> None:
    tale.paid().reversed().cancelled("payment_reversed")


def cancelled_before_the_bank_took_it_back(tale: Tale) -> None:
    tale.paid().cancelled()
    tale.refund_failed(tale.asked_back()).later(days=1).reversed()


def late_and_taken_back(tale: Tale) -> None:
    tale.captured().expired()
    tale.asked_back("paid_too_late")
    tale.unallocated(tale.total, "paid_too_late", None).reversed()


def refund_failed_and_made_by_a_person(tale: Tale) -> None:
    tale.paid().cancelled()
    tale.refund_failed(tale.asked_back()).later(days=2).refunded(by_us=True)


ENDS: dict[str, Callable[[Tale], None]] = {
    "kept": lambda tale: tale.paid(),
    "cancelled_and_refunded": cancelled_and_refunded,
    "refunded_by_us": refunded_by_us,
    "paid_too_late": paid_too_late,
    "paid_too_late_and_refunded_by_a_person": paid_too_late_and_refunded_by_a_person,
    "paid_twice_and_given_back": paid_twice_and_given_back,
    "paid_twice_and_cancelled": paid_twice_and_cancelled,
    "paid_twice_and_one_taken_back": paid_twice_and_one_taken_back,
    "overpaid_by_one_payment": overpaid_by_one_payment,
    "overpaid_and_taken_back": overpaid_and_taken_back,
    "underpaid_and_given_back": underpaid_and_given_back,
    "taken_back_by_the_bank": taken_back_by_the_bank,
    "cancelled_before_the_bank_took_it_back": cancelled_before_the_bank_took_it_back,
    "late_and_taken_back": late_and_taken_back,
    "refund_failed_and_made_by_a_person": refund_failed_and_made_by_a_person,
    "dispute_won": lambda tale: tale.paid().disputed(won=True),
    "dispute_lost": lambda tale: tale.paid().disputed(won=False),
}
OF_OTHER_SYSTEMS: dict[str, Callable[[Tale], None]] = {
    "fee_kept": lambda tale: tale.captured(),
    "fee_refunded": lambda tale: tale.captured().refunded(),
    "fee_refunded_by_us": lambda tale: tale.captured().refunded(by_us=True),
    "fee_taken_back": lambda tale: tale.captured().reversed(),
    "fee_paid_twice": lambda tale: tale.captured().refunded(attempt=_paid_twice(tale)),
    "fee_overpaid": overpaid_by_one_payment,
    "fee_disputed": lambda tale: tale.captured().disputed(won=False),
}


def tale(end: str, dice: random.Random, at: datetime) -> Tale:
    """Return one order's facts, told to an end of either table."""
    of_others = end in OF_OTHER_SYSTEMS
    told = Tale(dice, at, caller="permits" if of_others else "ticketing")
    (OF_OTHER_SYSTEMS if of_others else ENDS)[end](told)
    return told
