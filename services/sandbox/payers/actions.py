"""What a payer does with a payment: pay, refuse, leave, or make trouble."""

from __future__ import annotations

from enum import StrEnum

from kernel.refusals import Invalid
from sandbox.gmopg.model import GmopgError
from sandbox.komoju.model import KomojuError
from sandbox.payers.finder import Found, NothingToPay
from sandbox.paypay.model import PayPayError
from sandbox.stripe.model import CannotError, CardOutcome
from sandbox.wiring import Sandbox


class Outcome(StrEnum):
    """What the payer does."""

    PAY = "pay"
    DECLINE = "decline"
    ABANDON = "abandon"
    PAY_LATE = "pay_late"
    PAY_TWICE = "pay_twice"
    DISPUTE = "dispute"
    REVERSE = "reverse"  # the bank takes a Pay-easy payment back at its window


ONLY_PAY_EASY = "A bank takes only Pay-easy payments back at its window."


class NotPayable(Invalid):
    """The payment's state does not allow it."""

    slug = "not-payable"
    advice = "The payment {payment} cannot do this: {reason}"


def act(sandbox: Sandbox, found: Found, outcome: Outcome, reason: str = "generic_decline") -> str:
    """Do it, and return the payment's status in the provider's own word. Raises NothingToPay, NotPayable."""
    try:
        match found.provider:
            case "stripe":
                return _at_stripe(sandbox, found.payment, outcome, reason)
            case "paypay":
                return _at_paypay(sandbox, found.payment, outcome)
            case "komoju":
                return _at_komoju(sandbox, found.payment, outcome)
            case _:
                return _at_gmopg(sandbox, found.payment, outcome)
    except (CannotError, PayPayError, KomojuError, GmopgError) as refused:
        raise NotPayable(payment=found.payment, reason=str(refused)) from None


def _unknown(sandbox: Sandbox, found: str) -> NothingToPay:
    return NothingToPay(url=found, reason="it is not known here", base=sandbox.settings.base)


def _at_stripe(sandbox: Sandbox, payment: str, outcome: Outcome, reason: str) -> str:
    desk = sandbox.stripe
    session = desk.store.sessions.get(payment)
    if session is None:
        raise _unknown(sandbox, payment)
    match outcome:
        case Outcome.ABANDON:
            return session.status
        case Outcome.DECLINE:
            return desk.try_card(session, CardOutcome.DECLINED, reason)[1].status
        case Outcome.REVERSE:
            raise NotPayable(payment=payment, reason=ONLY_PAY_EASY)
        case Outcome.PAY_LATE:
            return desk.force_paid(session)[1].status
        case Outcome.PAY | Outcome.PAY_TWICE | Outcome.DISPUTE:
            session, intent = desk.try_card(session, CardOutcome.APPROVED)
            if outcome is Outcome.PAY_TWICE:
                desk.announce_again(session)
            charge = desk.store.charges.get(intent.latest_charge or "")
            if outcome is Outcome.DISPUTE and charge is not None:
                return f"disputed:{desk.dispute(charge).id}"
            return intent.status


def _at_paypay(sandbox: Sandbox, payment: str, outcome: Outcome) -> str:
    desk = sandbox.paypay
    code = desk.store.by_code(payment)
    if code is None:
        raise _unknown(sandbox, payment)
    match outcome:
        case Outcome.ABANDON:
            return code.status
        case Outcome.DECLINE:
            return desk.decline(code).status
        case Outcome.DISPUTE:
            raise NotPayable(payment=payment, reason="PayPay has no disputes; choose a card payment.")
        case Outcome.REVERSE:
            raise NotPayable(payment=payment, reason=ONLY_PAY_EASY)
        case Outcome.PAY | Outcome.PAY_LATE | Outcome.PAY_TWICE:
            paid = desk.pay(code, late=outcome is Outcome.PAY_LATE)
            if outcome is Outcome.PAY_TWICE:
                desk.notify(paid)
            return paid.status


def _at_komoju(sandbox: Sandbox, payment: str, outcome: Outcome) -> str:
    desk = sandbox.komoju
    found = desk.store.payments.get(payment)
    if found is None:
        raise _unknown(sandbox, payment)
    match outcome:
        case Outcome.ABANDON:
            return found.status
        case Outcome.DECLINE:
            return desk.end(found, "failed").status
        case Outcome.DISPUTE:
            raise NotPayable(payment=payment, reason="Pay-easy has no disputes; choose a card payment.")
        case Outcome.REVERSE:
            return desk.take_back(found).status
        case Outcome.PAY_LATE:
            if found.status == "authorized":
                found = desk.end(found, "expired")
            return desk.pay(found, late=True).status
        case Outcome.PAY | Outcome.PAY_TWICE:
            paid = desk.pay(found)
            if outcome is Outcome.PAY_TWICE:
                desk.pay_again(paid)
            return paid.status


def _at_gmopg(sandbox: Sandbox, receipt: str, outcome: Outcome) -> str:
    desk = sandbox.gmopg
    found = next(iter(desk.store.trades.by("receipt", receipt)), None)
    if found is None:
        raise _unknown(sandbox, receipt)
    match outcome:
        case Outcome.ABANDON:
            return found.status
        case Outcome.DECLINE:
            return desk.end(found, "PAYFAIL").status
        case Outcome.DISPUTE:
            raise NotPayable(payment=receipt, reason="Pay-easy has no disputes; choose a card payment.")
        case Outcome.REVERSE:
            return desk.take_back(found).status
        case Outcome.PAY_LATE:
            if found.status == "REQSUCCESS":
                found = desk.end(found, "EXPIRED")
            return desk.pay(found, late=True).status
        case Outcome.PAY | Outcome.PAY_TWICE:
            paid = desk.pay(found)
            if outcome is Outcome.PAY_TWICE:
                desk.announce(paid)  # Its numbers can be paid once; only the notice comes twice.
            return paid.status
