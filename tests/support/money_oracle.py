"""What must hold of money after every step, judged from the provider's own books and from what our databases say."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Book:
    """What a provider took and gave back under one of our references."""

    captured: int = 0
    refunded: int = 0
    reversed: int = 0

    @property
    def net(self) -> int:
        return self.captured - self.refunded - self.reversed


def books_of(sandbox) -> dict[str, Book]:
    """Return the providers' books by our reference: the attempt's id."""
    books: dict[str, Book] = defaultdict(Book)

    def add(reference, captured, refunded, taken_back=0):
        before = books[reference]
        books[reference] = Book(before.captured + captured, before.refunded + refunded, before.reversed + taken_back)

    for charge in sandbox.stripe.store.charges:
        if charge.succeeded:
            add(charge.metadata.get("attempt"), charge.amount, charge.refunded)
    for code in sandbox.paypay.store.codes:
        if code.paid:
            add(code.id, code.amount, code.refunded)
    for payment in sandbox.komoju.store.payments:
        if payment.captured_at is not None:
            taken_back = payment.total - payment.refunded if payment.status == "cancelled" else 0
            add(payment.external_order_num, payment.total, payment.refunded, taken_back)
    return books


def violations(world, *, settled: bool) -> list[str]:
    """Return everything that is wrong with the money now, in words.

    What a provider knows and we do not yet is allowed only while somebody is going to ask: a question or a message
    waits, or a case is open. Once all is `settled` nothing of the kind is left to wait for.
    """
    books = books_of(world.sandbox)
    charges = {row["id"]: row for row in world.query("payments", "SELECT * FROM charges")}
    attempts = world.query("payments", "SELECT * FROM attempts")
    refunds = world.query("payments", "SELECT * FROM refunds")
    cases = world.query("payments", "SELECT * FROM cases")
    orders = world.query("ticketing", "SELECT * FROM orders")
    valid = {
        row["order_id"]: row["number"]
        for row in world.query(
            "ticketing",
            "SELECT order_id, count(*) AS number FROM tickets WHERE status IN ('valid', 'admitted') GROUP BY 1",
        )
    }
    unread = {
        row["reference"]
        for row in world.query("payments", "SELECT reference FROM provider_messages WHERE processed_at IS NULL")
    }
    unread |= {found for letter in world.letters for found in _ids_in(letter.body.decode())}
    travelling = _travelling(world)
    wrong = []
    ours = {str(each["id"]) for each in attempts}
    wrong += [f"money under {reference}, which is no attempt of ours" for reference in books if reference not in ours]
    for attempt in attempts:
        wrong += _of_attempt(attempt, books, refunds, cases, unread, settled=settled)
    by_reference = {row["reference"]: row for row in charges.values() if row["caller"] == "ticketing"}
    for order in orders:
        charge = by_reference.get(str(order["id"]))
        wrong += _of_order(order, charge, attempts, books, cases, valid, travelling | unread)
    if settled:
        wrong += _of_disputes(world, cases)
    for charge in charges.values():
        wrong += _of_charge(charge, attempts, refunds, cases, orders, travelling)
    return wrong


def _of_disputes(world, cases) -> list[str]:
    """Each dispute is known as the bank has it; while it is not decided, a person was told."""
    known = {each["provider_id"]: each for each in world.query("payments", "SELECT * FROM disputes")}
    wrong = []
    for each in world.sandbox.stripe.store.disputes:
        ours = known.get(each.id)
        if ours is None or ours["status"] != each.status:
            wrong.append(f"dispute {each.id} is {each.status}, we know {ours and ours['status']}")
        elif not any(case["kind"] == "disputed" and case["attempt_id"] == ours["attempt_id"] for case in cases):
            wrong.append(f"dispute {each.id}: no case was opened")
    return wrong


def _ids_in(said: str) -> set[str]:
    """Return everything in a message that may be an id. A webhook that is the last hope is never lost here."""
    return set(re.findall(r"[A-Za-z0-9_-]{20,}", said))


def _travelling(world) -> set[str]:
    """Return the charges about which an event is still on its way between the services."""
    found = set()
    for queue in world.queues.values():
        for event in queue:
            found |= _ids_in(event.body.decode())
    for service in ("ticketing", "payments"):
        rows = world.query(service, "SELECT payload FROM outbox WHERE position > %s", world.read[service])
        for row in rows:
            found |= {str(row["payload"].get("charge_id")), str(row["payload"].get("reference"))}
    return found


def _of_attempt(attempt, books, refunds, cases, unread, *, settled) -> list[str]:
    wrong = []
    name = f"attempt {str(attempt['id'])[-6:]} by {attempt['method']} ({attempt['state']})"
    book = books.get(str(attempt["id"]), Book())
    known = attempt["captured_amount"] or 0
    own = [each for each in refunds if each["attempt_id"] == attempt["id"]]
    given = sum(each["amount"] for each in own if each["state"] == "settled")
    sent = sum(each["amount"] for each in own if each["state"] in {"settled", "sent"})
    open_cases = [each for each in cases if each["attempt_id"] == attempt["id"] and each["state"] != "closed"]
    watched = (
        attempt["next_poll_at"] is not None
        or bool(unread & {str(attempt["id"]), attempt["provider_id"]})
        or any(each["kind"] == "outcome_unknown" for each in open_cases)
    )
    if known > book.captured:
        wrong.append(f"{name}: {known} yen are believed, the provider took {book.captured}")
    # All of it went again before anybody looked: a bank took it back, or PayPay's code was cancelled while its outcome
    # was unknown, which gives late money back at once (decision 0122).
    gone = book.reversed == book.captured or (not known and book.net == 0)
    if known < book.captured - book.reversed and not watched and not gone:
        wrong.append(f"{name}: the provider took {book.captured} yen, {known} are known, and nobody asks")
    if given > book.refunded:
        wrong.append(f"{name}: {given} yen are believed to be back, the provider gave {book.refunded}")
    if book.refunded > sent and not gone:
        wrong.append(f"{name}: the provider gave {book.refunded} yen back, {sent} were asked for")
    if sum(each["amount"] for each in own if each["state"] != "failed") > known:
        wrong.append(f"{name}: more is promised back than the {known} yen that came")
    if any(each["state"] in {"requested", "sent"} and each["next_poll_at"] is None for each in own):
        wrong.append(f"{name}: a refund is under way and nobody moves it on")
    if settled:
        taken_back = attempt["state"] == "reversed"
        if known != book.captured - book.reversed and not gone:
            wrong.append(f"{name}: settled with {known} yen known of {book.captured - book.reversed}")
        if given != book.refunded and not gone:
            wrong.append(f"{name}: settled with {given} yen back of {book.refunded}")
        if taken_back != (gone and book.reversed > 0) and (known or taken_back):
            wrong.append(f"{name}: the bank took {book.reversed} yen back")
    return wrong


def _of_order(order, charge, attempts, books, cases, valid, travelling) -> list[str]:
    name = f"order {order['number']}"
    wrong = []
    paid_for = order["status"] == "confirmed" and order["total"] > 0
    if (order["status"] == "confirmed") != (order["id"] in valid):
        wrong.append(f"{name} is {order['status']} with {valid.get(order['id'], 0)} tickets")
    if not paid_for:
        return wrong
    payer = None
    if charge is not None:
        payer = next((each for each in attempts if each["id"] == charge["captured_by"]), None)
    if payer is None:
        wrong.append(f"{name} is confirmed and no charge of it was captured")
        return wrong
    book = books.get(str(payer["id"]), Book())
    told = bool({str(charge["id"]), str(payer["id"]), payer["provider_id"]} & travelling) or any(
        each["charge_id"] == charge["id"] and each["kind"] == "reversed" for each in cases
    )
    if book.net < order["total"] and not (book.reversed and (told or payer["next_poll_at"] is not None)):
        wrong.append(f"{name} is confirmed for {order['total']} yen and the provider holds {book.net}")
    return wrong


def _of_charge(charge, attempts, refunds, cases, orders, travelling) -> list[str]:
    name = f"charge {str(charge['id'])[-6:]} ({charge['status']})"
    own = [each for each in attempts if each["charge_id"] == charge["id"]]
    own_cases = [each for each in cases if each["charge_id"] == charge["id"]]
    own_refunds = [each for each in refunds if each["charge_id"] == charge["id"]]
    came = sum(each["captured_amount"] or 0 for each in own)
    taken_back = sum(each["captured_amount"] or 0 for each in own if each["state"] == "reversed")
    wrong = []
    if came > charge["amount"] and not own_cases:
        wrong.append(f"{name}: {came} yen came for {charge['amount']}, and no case was opened")
    back = sum(each["amount"] for each in own_refunds if each["state"] == "settled")
    held = came - taken_back - back
    if str(charge["id"]) in travelling or charge["reference"] in travelling:
        return wrong
    order = next((each for each in orders if str(each["id"]) == charge["reference"]), None)
    keeps = 0
    if charge["caller"] != "ticketing" or order is None:
        keeps = charge["captured_amount"] or 0
    elif order["status"] == "confirmed":
        keeps = order["total"]
    promised = sum(
        each["amount"] for each in own_refunds if each["state"] in {"requested", "sent", "needs_bank_account"}
    )
    looked_at = sum(each["amount"] for each in own_cases if each["state"] == "open" or each["resolution"] == "by_hand")
    if held > keeps + promised + looked_at:
        wrong.append(f"{name}: {held} yen lie here; an order keeps {keeps}, refunds take {promised}, cases {looked_at}")
    return wrong
