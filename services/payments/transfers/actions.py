"""What is done with transfers: take the payer's account, check it, approve it, send it, forget it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from kernel.refusals import Forbidden
from kernel.rows import Database, Transaction
from payments.charges import store as charges
from payments.charges.model import Attempt, Charge
from payments.methods.protocol import BankAccount, Method, RefundFinding, RefundWanted, RefusedError
from payments.refunds import actions as refunds
from payments.refunds import store as refund_rows
from payments.refunds.store import Refund
from payments.transfers import account as accounts
from payments.transfers import model, store
from payments.transfers.model import Answer, Fault, Route, Transfer, UnknownTransfer
from payments.transfers.sealing import CannotOpenError, Keyring, Sealed

log = logging.getLogger(__name__)

BATCH_MAX = 50
DIGITS_SHOWN = 3
TOKEN_PREFIX = "token-"  # noqa: S105 - how `momiji token` names whom it was made for


class TokenIsNobody(Forbidden):
    """A token that anybody with the installation's secrets can print twice is not two people."""

    slug = "token-is-nobody"
    advice = "Sign in with your own name: a token does not say who you are, and two people must look at this."


@dataclass(frozen=True, slots=True)
class Held:
    """A transfer with all that it belongs to, locked in this order: charge, refund, transfer."""

    charge: Charge
    refund: Refund
    attempt: Attempt
    transfer: Transfer


def require_person(name: str, *, production: bool) -> str:
    """Return the name of who acts. Raises TokenIsNobody where real money moves."""
    if production and name.startswith(TOKEN_PREFIX):
        raise TokenIsNobody
    return name


async def held(tx: Transaction, transfer_id: UUID) -> Held:
    """Lock a transfer and what it belongs to. Raises UnknownTransfer."""
    known = await store.find(tx, transfer_id)
    charge = None if known is None else await charges.find(tx, known.charge_id, lock=True)
    refund = None if charge is None else await refund_rows.find(tx, transfer_id, lock=True)
    attempt = None if refund is None else await charges.attempt(tx, refund.attempt_id)
    transfer = None if refund is None else await store.find(tx, transfer_id, lock=True)
    if charge is None or refund is None or attempt is None or transfer is None:
        raise UnknownTransfer
    return Held(charge, refund, attempt, transfer)


async def submit(tx: Transaction, keys: Keyring, charge_id: UUID, account: BankAccount, *, at: datetime) -> int:
    """Keep the account that a payer named for every refund of a charge that waits for one; return how many."""
    await charges.find(tx, charge_id, lock=True)
    waiting = [each for each in await store.of_charge(tx, charge_id, lock=True) if each.state == "awaiting_account"]
    end = account.number[-DIGITS_SHOWN:]
    for each in waiting:
        sealed = keys.seal(accounts.to_bytes(account), subject=_subject(each.id))
        newer = model.submit(each, sealed, bank_name=account.bank_name, number_end=end, at=at)
        await store.save(tx, newer)
        await store.note(tx, each.id, "submitted", bank=account.bank_name, end=end, at=at)
    return len(waiting)


async def open_account(tx: Transaction, transfer_id: UUID, *, by: str, at: datetime) -> Transfer:
    """Let somebody read the account to check or approve it. Raises TransferMoved or SamePerson."""
    newer = model.open_account((await held(tx, transfer_id)).transfer, by)
    await store.save(tx, newer)
    kind = "opened" if newer.state == "awaiting_check" else "opened_to_approve"
    await store.note(tx, transfer_id, kind, actor=by, at=at)
    return newer


async def show_account(
    tx: Transaction, keys: Keyring, transfer: Transfer, *, by: str, at: datetime
) -> BankAccount | None:
    """Return the account for one of the two who act, and write down that they saw it; None for anybody else.

    Raises CannotOpenError if its key is gone.
    """
    if not model.may_see(transfer, by) or transfer.sealed is None:
        return None
    account = unsealed(keys, transfer.id, transfer.sealed)
    await store.note(tx, transfer.id, "shown", actor=by, at=at)
    await store.audit(tx, "transfer.account_shown", str(transfer.id), actor=by, at=at)
    return account


async def propose(tx: Transaction, transfer_id: UUID, *, by: str, at: datetime) -> Transfer:
    """Staff one finds the account good. Raises TransferMoved or AccountUnread."""
    newer = model.propose((await held(tx, transfer_id)).transfer, by, at=at)
    await store.save(tx, newer)
    await store.note(tx, transfer_id, "proposed", actor=by, at=at)
    return newer


async def approve(
    tx: Transaction, transfer_id: UUID, *, by: str, route_of: Callable[[str], Route], at: datetime
) -> Transfer:
    """Staff two lets it leave: by the agency at once, or with the next file.

    Raises TransferMoved, SamePerson or AccountUnread.
    """
    deal = await held(tx, transfer_id)
    newer = model.approve(deal.transfer, by, route_of(deal.attempt.method), at=at)
    await store.save(tx, newer)
    await store.note(tx, transfer_id, "approved", actor=by, at=at)
    if newer.route == "agency":
        await refunds.release(tx, deal.refund, at=at)
    return newer


async def send_back(tx: Transaction, transfer_id: UUID, fault: Fault, words: str, *, by: str, at: datetime) -> Transfer:
    """Ask the payer again, with a reason. Raises TransferMoved or AccountUnread."""
    deal = await held(tx, transfer_id)
    newer = model.send_back(deal.transfer, by, fault, words, at=at)
    await store.save(tx, newer)
    await note_asked_again(tx, deal, at=at)
    await store.note(tx, transfer_id, "sent_back", actor=by, words=newer.words or model.FAULTS[fault], at=at)
    return newer


async def note_asked_again(tx: Transaction, deal: Held, *, at: datetime) -> None:
    """Write into the charge's own history that the payer is asked for an account again."""
    await charges.note(tx, deal.charge.id, "refund_account_needed", amount=deal.refund.amount, at=at)


async def reject(tx: Transaction, transfer_id: UUID, words: str, *, by: str, at: datetime) -> Transfer:
    """End a refund without a transfer: it failed, and a case keeps its money in sight.

    Raises TransferMoved or WordsMissing.
    """
    newer = model.reject((await held(tx, transfer_id)).transfer, words, at=at)
    await store.save(tx, newer)
    await store.note(tx, transfer_id, "rejected", actor=by, words=newer.words, at=at)
    await refunds.conclude_within(tx, transfer_id, RefundFinding("failed", problem="rejected_by_staff"), at=at)
    return newer


async def move_on(database: Database, method: Method, keys: Keyring, transfer_id: UUID, *, at: datetime) -> str:
    """Send an approved transfer to its agency, or ask what became of it; then write it down.

    It is marked as sent and committed before the call, so that after a crash the agency is asked before anything else.
    """
    async with database.transaction("transfer") as tx:
        deal = await held(tx, transfer_id)
        account = None
        match deal.transfer.state:
            case "approved" if deal.transfer.route == "agency" and deal.transfer.sealed is not None:
                account = unsealed(keys, transfer_id, deal.transfer.sealed)
                await store.save(tx, model.dispatch(deal.transfer, at=at))
                await store.note(tx, transfer_id, "sent", method=deal.attempt.method, at=at)
                await refunds.mark_sent(tx, deal.refund, at=at)
            case "sent":
                pass
            case _:
                return "waits for people"
    refund = deal.refund
    asked = RefundWanted(refund.id, deal.attempt, refund.amount, refund.provider_id, refund.requested_at)
    if account is None:
        return await _write_answer(database, transfer_id, await method.query_refund(asked), at=at)
    try:
        finding = await method.refund(asked, replace(account, holder_kana=accounts.full_width(account.holder_kana)))
    except RefusedError:
        return await _write_answer(database, transfer_id, None, at=at)
    return await _write_answer(database, transfer_id, finding, at=at)


async def _write_answer(database: Database, transfer_id: UUID, finding: RefundFinding | None, *, at: datetime) -> str:
    """Write down what the agency said; None: it refused the account."""
    answer: Answer = "refused" if finding is None else finding.state
    async with database.transaction("transfer") as tx:
        deal = await held(tx, transfer_id)
        if deal.transfer.state != "sent":
            return "unchanged"
        newer = model.answered(deal.transfer, answer, at=at)
        await store.save(tx, newer)
        if newer.state == "awaiting_account":
            await note_asked_again(tx, deal, at=at)
        name = deal.attempt.method
        match answer:
            case "refused":
                await store.note(tx, transfer_id, "refused", method=name, at=at)
                await refunds.wait_again(tx, deal.refund, "needs_bank_account", at=at)
            case "not_there":
                again = newer.state == "approved"
                await store.note(tx, transfer_id, "sent_again" if again else "forgotten", method=name, at=at)
                await refunds.wait_again(tx, deal.refund, "requested" if again else "needs_bank_account", at=at)
            case _ if finding is not None:
                if answer in {"settled", "failed"}:
                    kind = "transferred" if answer == "settled" else "failed"
                    await store.note(tx, transfer_id, kind, method=name, at=at)
                await refunds.conclude_within(tx, transfer_id, finding, at=at)
    return answer


async def forget_idle(database: Database, *, at: datetime) -> int:
    """Delete accounts that were kept too long; return how many."""
    async with database.transaction("transfers") as tx:
        found = await store.idle(tx, at=at, limit=BATCH_MAX)
    for transfer_id in found:
        async with database.transaction("transfers") as tx:
            deal = await held(tx, transfer_id)
            newer = model.forget(deal.transfer, at=at)
            if newer == deal.transfer:
                continue
            await store.save(tx, newer)
            await store.note(tx, transfer_id, "forgotten", at=at)
            if newer.state == "awaiting_account":
                await note_asked_again(tx, deal, at=at)
                await refunds.wait_again(tx, deal.refund, "needs_bank_account", at=at)
    return len(found)


async def reseal(database: Database, keys: Keyring) -> int:
    """Seal under the newest key what lies under an older one; return how many. What no key opens stays as it is."""
    done = 0
    async with database.transaction("transfers") as tx:
        for transfer_id, sealed in await store.under_older_keys(tx, keys.older, limit=BATCH_MAX):
            subject = _subject(transfer_id)
            try:
                newer = keys.seal(keys.open(sealed, subject=subject), subject=subject)
            except CannotOpenError as problem:
                log.warning("a bank account cannot be opened", extra={"transfer": subject, "problem": str(problem)})
                continue
            await store.reseal(tx, transfer_id, newer)
            done += 1
    return done


def unsealed(keys: Keyring, transfer_id: UUID, sealed: Sealed) -> BankAccount:
    """Return a transfer's account. Raises CannotOpenError."""
    return accounts.from_bytes(keys.open(sealed, subject=_subject(transfer_id)))


def _subject(transfer_id: UUID) -> str:
    return str(transfer_id)
