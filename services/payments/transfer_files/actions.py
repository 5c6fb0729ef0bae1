"""What is done with transfer files: make one, hand it out, withdraw it, note what the bank made of it."""

from __future__ import annotations

import hashlib
import logging
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

import holidays

from kernel.clock import business_date
from kernel.money import Yen
from kernel.refusals import Conflict, Invalid, NotFound
from kernel.rows import Database, Transaction
from payments.methods.protocol import BankAccount, RefundFinding
from payments.refunds import actions as refunds
from payments.transfer_files import store
from payments.transfer_files.store import KeptFile
from payments.transfers import account as accounts
from payments.transfers import actions as transfers
from payments.transfers import model, zengin
from payments.transfers import store as transfer_rows
from payments.transfers.model import Fault
from payments.transfers.sealing import CannotOpenError, Keyring
from payments.transfers.zengin import Payer

log = logging.getLogger(__name__)

BATCH_MAX = 50
ROWS_AT_ONCE_MAX = 1_000  # of one file: they are locked together while it is made
AHEAD_MAX = timedelta(days=30)
LEAD_DAYS = 2  # business days that banks want the file in advance, as a proposal
BANK_NAME_MAX = 15


class UnknownFile(NotFound):
    """There is no such file."""

    slug = "unknown-transfer-file"
    advice = "There is no such transfer file. Look at the list of files."


class NothingApproved(Conflict):
    """No transfer waits for a file."""

    slug = "transfer-file-empty"
    advice = "No approved transfer waits for a file. Approve some first."


class PayerMissing(Conflict):
    """Our own account is not set."""

    slug = "transfer-payer-missing"
    advice = "The paying account is not set. Set the MOMIJI_TRANSFER_… settings first."


class NotABusinessDay(Invalid):
    """Banks do not work on that day, or it is past or too far away."""

    slug = "transfer-day-impossible"
    advice = "Banks carry out transfers on business days only. Choose one from tomorrow to 30 days ahead."


class FileClosed(Conflict):
    """The file was carried out, withdrawn, or its bytes were deleted."""

    slug = "transfer-file-closed"
    advice = "This file is closed, or its bank data was deleted. Load the page again to see what became of it."


class FileOut(Conflict):
    """Somebody has the file: it may be at the bank."""

    slug = "transfer-file-out"
    advice = "This file was downloaded and may be at the bank. Note the rows that the bank returned instead."


class DataKeyMissing(Conflict):
    """The key that a file was sealed with is not set any more."""

    slug = "data-key-missing"
    advice = "This bank data cannot be decrypted: its key is missing from MOMIJI_PAYMENTS_DATA_KEYS. Put it back."


@lru_cache(maxsize=8)
def bank_holidays(year: int) -> frozenset[date]:
    """Return the days of a year and the next on which Japan's banks are closed, besides weekends."""
    return frozenset(holidays.country_holidays("JP", years=[year, year + 1], categories=("public", "bank")))


def proposed_day(at: datetime) -> date:
    """Return the day that is proposed for a file made now."""
    today = business_date(at)
    return zengin.next_business_day(today, bank_holidays(today.year), days=LEAD_DAYS)


async def make(
    tx: Transaction, keys: Keyring, payer: Payer | None, *, file_id: UUID, on: date, by: str, at: datetime
) -> KeptFile:
    """Put the approved transfers that go by file into one, the oldest charges first.

    Raises PayerMissing, NotABusinessDay or NothingApproved.
    """
    if payer is None:
        raise PayerMissing
    today = business_date(at)
    if not today < on <= today + AHEAD_MAX or not zengin.is_business_day(on, bank_holidays(on.year)):
        raise NotABusinessDay
    number = await store.next_number(tx)
    rows: list[zengin.Row] = []
    members: list[tuple[UUID, Yen]] = []
    for transfer_id in await store.ready(tx, limit=ROWS_AT_ONCE_MAX):
        transfer = (await transfers.held(tx, transfer_id)).transfer
        if transfer.state != "approved" or transfer.route != "file" or transfer.sealed is None:
            continue
        try:
            account = transfers.unsealed(keys, transfer_id, transfer.sealed)
        except CannotOpenError as problem:  # one account does not hold up the others; its page says what is wrong
            log.warning("left out of a file", extra={"transfer": str(transfer_id), "problem": str(problem)})
            continue
        place = len(rows) + 1
        rows.append(_row(account, transfer, number, place))
        members.append((transfer_id, transfer.amount))
        await transfer_rows.save(tx, model.put_in_file(transfer, at=at))
        await transfer_rows.note(tx, transfer_id, "in_file", actor=by, file=number, row=place, at=at)
    if not rows:
        raise NothingApproved
    body = zengin.write(payer, rows, on=on)
    made = KeptFile(
        id=file_id,
        number=number,
        transfer_on=on,
        made_at=at,
        made_by=by,
        count=len(rows),
        amount=zengin.read(body).amount,  # read back: a file that we could not read is not handed out
        sha256=hashlib.sha256(body).hexdigest(),
        sealed=keys.seal(body, subject=_subject(file_id)),
        downloaded_at=None,
        done_at=None,
        done_by=None,
        withdrawn_at=None,
        purged_at=None,
        returned=0,
        waiting=len(rows),
    )
    await store.add(tx, made, members)
    return made


def _row(account: BankAccount, transfer: model.Transfer, number: int, place: int) -> zengin.Row:
    return zengin.Row(
        account.bank_code,
        _name(account.bank_name),
        account.branch_code,
        _name(account.branch_name),
        account.kind,
        account.number,
        account.holder_kana,
        transfer.amount,
        str(number).zfill(10),
        str(place).zfill(10),
    )


def _name(said: str) -> str:
    """Return a bank's name if it was written in kana: the codes count, and the names may be left blank."""
    return (accounts.kana(said) or "")[:BANK_NAME_MAX].rstrip(" ")


async def download(tx: Transaction, keys: Keyring, file_id: UUID, *, by: str, at: datetime) -> tuple[KeptFile, bytes]:
    """Return a file's bytes, the same each time, and write down who took them.

    Raises UnknownFile, FileClosed or DataKeyMissing.
    """
    kept = await _locked(tx, file_id)
    if kept.sealed is None or kept.withdrawn_at is not None:
        raise FileClosed
    try:
        body = keys.open(kept.sealed, subject=_subject(file_id))
    except CannotOpenError as problem:
        raise DataKeyMissing from problem
    await store.mark(tx, file_id, "downloaded_at", at=at)
    await transfer_rows.audit(tx, "transfer_file.downloaded", str(file_id), actor=by, at=at)
    return kept, body


async def mark_done(tx: Transaction, file_id: UUID, *, by: str, at: datetime) -> KeptFile:
    """Note that the bank carried the file out; the worker settles what it did not return. Raises FileClosed."""
    kept = await _locked(tx, file_id)
    if kept.done_at is not None or kept.withdrawn_at is not None or kept.downloaded_at is None:
        raise FileClosed
    await store.mark_done(tx, file_id, by=by, at=at)
    await transfer_rows.audit(tx, "transfer_file.done", str(file_id), actor=by, at=at)
    return kept


async def withdraw(tx: Transaction, file_id: UUID, *, by: str, at: datetime) -> KeptFile:
    """Take a file back that nobody has downloaded; its transfers wait for another one. Raises FileOut, FileClosed."""
    before = await store.find(tx, file_id)
    rows = [] if before is None else await store.rows_of(tx, file_id, limit=before.count)
    # Charges before files: the order in which everybody locks.
    waiting = [await transfers.held(tx, each.transfer_id) for each in rows if each.outcome is None]
    kept = await _locked(tx, file_id)
    if kept.downloaded_at is not None:
        raise FileOut
    if kept.withdrawn_at is not None:
        raise FileClosed
    await store.mark(tx, file_id, "withdrawn_at", at=at)
    for each in waiting:
        await transfer_rows.save(tx, model.out_of_file(each.transfer, at=at))
        await store.end_row(tx, each.transfer.id, "withdrawn")
        await transfer_rows.note(tx, each.transfer.id, "withdrawn", actor=by, file=kept.number, at=at)
    return kept


async def note_returned(
    tx: Transaction, file_id: UUID, row: int, fault: Fault, words: str, *, by: str, at: datetime
) -> None:
    """Note that the bank returned one row (振込不能): its payer is asked again. Raises UnknownFile or FileClosed."""
    transfer_id = await store.transfer_in_row(tx, file_id, row)
    if transfer_id is None:
        raise FileClosed
    deal = await transfers.held(tx, transfer_id)
    kept = await _locked(tx, file_id)
    if kept.done_at is not None or await store.transfer_in_row(tx, file_id, row) is None:
        raise FileClosed
    newer = model.returned_by_bank(deal.transfer, fault, words, at=at)
    await transfer_rows.save(tx, newer)
    await transfers.note_asked_again(tx, deal, at=at)
    await store.end_row(tx, transfer_id, "returned")
    said = newer.words or model.FAULTS[fault]
    await transfer_rows.note(tx, transfer_id, "returned", actor=by, words=said, at=at)


async def settle_done(database: Database, *, at: datetime) -> int:
    """Settle the refunds of files that the bank has carried out; return how many."""
    async with database.transaction("transfer_files") as tx:
        found = await store.done_waiting(tx, limit=BATCH_MAX)
    for transfer_id in found:
        async with database.transaction("transfer_files") as tx:
            deal = await transfers.held(tx, transfer_id)
            if deal.transfer.state != "in_file":
                continue
            await transfer_rows.save(tx, model.done_by_bank(deal.transfer, at=at))
            await store.end_row(tx, transfer_id, "transferred")
            await transfer_rows.note(tx, transfer_id, "transferred", at=at)
            await refunds.conclude_within(tx, transfer_id, RefundFinding("settled", by_us=True), at=at)
    return len(found)


async def tidy(database: Database, keys: Keyring, *, at: datetime) -> None:
    """Delete the bytes of files that are over, and seal the others under the newest key."""
    async with database.transaction("transfer_files") as tx:
        await store.purge(tx, at=at, idle=model.IDLE_MAX)
        for file_id, sealed in await store.under_older_keys(tx, keys.older, limit=BATCH_MAX):
            try:
                body = keys.open(sealed, subject=_subject(file_id))
            except CannotOpenError as problem:
                log.warning("a transfer file cannot be opened", extra={"file": str(file_id), "problem": str(problem)})
                continue
            await store.reseal(tx, file_id, keys.seal(body, subject=_subject(file_id)))


async def _locked(tx: Transaction, file_id: UUID) -> KeptFile:
    kept = await store.find(tx, file_id, lock=True)
    if kept is None:
        raise UnknownFile
    return kept


def _subject(file_id: UUID) -> str:
    return f"file {file_id}"
