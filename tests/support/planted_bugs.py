"""Bugs planted on purpose: each was made in a real payment system, and the money test must find every one of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from sqlalchemy import text

from kernel import inbox
from kernel.money import Yen
from payments import rounds
from payments.charges import actions, model, store
from payments.charges.model import Paid, Unallocated, Unchanged
from payments.methods.paypay.adapter import PayPay
from payments.methods.protocol import RefundFinding
from payments.refunds import actions as refunds
from ticketing.orders import actions as orders
from ticketing.orders import model as order_model
from ticketing.orders.model import Cancelled, Nothing


def patched(place, name, make):
    """Return a context in which an attribute is what `make` makes of the true one."""

    @contextmanager
    def plant():
        true = getattr(place, name)
        setattr(place, name, make(true))
        try:
            yield
        finally:
            setattr(place, name, true)

    return plant


def _second_payment_is_ignored(judge):
    def bad(charge, attempt, finding, **more):
        outcome = judge(charge, attempt, finding, **more)
        return Unchanged() if isinstance(outcome, Unallocated) and outcome.cause == "paid_twice" else outcome

    return bad


def _late_money_is_ignored(judge):
    def bad(charge, attempt, finding, **more):
        late = attempt.state in {"expired", "declined"} and isinstance(finding, Paid)
        return Unchanged() if late else judge(charge, attempt, finding, **more)

    return bad


def _a_message_is_proof(_read):
    async def bad(wired, attempt, *, named=False):
        paid = Paid(attempt.amount, wired.clock.now())
        return await actions.apply(wired.database, wired.method(attempt.method), attempt, paid, at=wired.clock.now())

    return bad


def _nothing_is_reserved(_given_back):
    async def bad(tx, attempt_id):
        return Yen(0)

    return bad


def _each_try_is_a_new_refund(refund):
    async def bad(self, wanted, account):
        return await refund(self, replace(wanted, id=uuid4()), account)

    return bad


def _a_lost_answer_means_refunded(conclude):
    async def bad(database, refund_id, finding, *, at):
        believed = RefundFinding("settled") if finding.state == "no_answer" else finding
        return await conclude(database, refund_id, believed, at=at)

    return bad


def _a_lost_answer_means_not_refunded(conclude):
    async def bad(database, refund_id, finding, *, at):
        believed = RefundFinding("failed") if finding.state == "no_answer" else finding
        return await conclude(database, refund_id, believed, at=at)

    return bad


def _nobody_is_told(_open_case):
    async def bad(tx, charge, attempt, kind, amount, **more):
        return

    return bad


def _a_capture_in_two_transactions(apply):
    async def bad(database, method, attempt_id, finding, *, at):
        if isinstance(finding, Paid):
            async with database.transaction("first") as tx:
                attempt = await store.attempt(tx, attempt_id)
                newer = replace(attempt, state="captured", captured=finding.amount, captured_at=finding.at)
                await store.save_attempt(tx, newer, next_poll_at=None)
            async with database.transaction("second") as tx:
                await store.save_attempt(tx, attempt, next_poll_at=None)
        return await apply(database, method, attempt_id, finding, at=at)

    return bad


def _a_question_is_forgotten_by_a_crash(_due):
    async def bad(tx, methods, **bounds):
        due = await _due(tx, methods, **bounds)
        ids = [each.id for each in due]
        await tx.execute("UPDATE attempts SET next_poll_at = NULL WHERE id = ANY(:ids)", ids=ids)
        return due

    return bad


def _every_delivery_counts(_remember):
    return text("SELECT unnest(CAST(:ids AS uuid[])) WHERE CAST(:consumer AS text) IS NOT NULL")


def _a_cancelled_order_gives_nothing_back(_give_back):
    async def bad(*_args):
        return

    return bad


def _late_money_of_a_cancelled_order_is_dropped(on_capture):
    def bad(order, **more):
        return Nothing() if isinstance(order, Cancelled) else on_capture(order, **more)

    return bad


PLANTED = {
    "the second payment of a charge is ignored": patched(model, "judge", _second_payment_is_ignored),
    "money that comes after the end is ignored": patched(model, "judge", _late_money_is_ignored),
    "a capture in two transactions": patched(actions, "apply", _a_capture_in_two_transactions),
    "a webhook is taken for proof": patched(rounds, "_attempt", _a_message_is_proof),
    "a refund reserves nothing": patched(store, "given_back", _nothing_is_reserved),
    "each try is a new refund": patched(PayPay, "refund", _each_try_is_a_new_refund),
    "a lost answer means refunded": patched(refunds, "conclude", _a_lost_answer_means_refunded),
    "a lost answer means not refunded": patched(refunds, "conclude", _a_lost_answer_means_not_refunded),
    "nobody is told of money without a place": patched(actions, "open_case", _nobody_is_told),
    "a question is forgotten by a crash": patched(store, "due_attempts", _a_question_is_forgotten_by_a_crash),
    "every delivery of an event counts": patched(inbox, "_REMEMBER", _every_delivery_counts),
    "a cancelled order gives nothing back": patched(orders, "_give_back", _a_cancelled_order_gives_nothing_back),
    "late money of a cancelled order is dropped": patched(
        order_model, "on_capture", _late_money_of_a_cancelled_order_is_dropped
    ),
}
