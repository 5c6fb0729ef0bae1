"""Verifying the journal: its chain from the first voucher on, and that it says what its sources say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, Literal

from kernel.money import ZERO, Yen
from kernel.rows import Transaction
from reconciliation.journal import progress, sources, store
from reconciliation.journal.actions import DAYS_AT_ONCE
from reconciliation.journal.model import (
    GENESIS,
    AccountCode,
    UnbalancedError,
    balances,
    corrections,
    digest_of,
)
from reconciliation.journal.rules import drafts_of

FaultKind = Literal["missing", "unbalanced", "unreadable", "not_following", "changed", "other_than_known", "differs"]
# What is wrong, and what to do: gettext messages.
_COMPARE: Final = "It was changed past Momiji. Compare it with a backup, or with a journal that was exported before."
FAULTS: Final[Mapping[FaultKind, tuple[str, str]]] = {
    "missing": (
        "Voucher {number} is missing.",
        "It was deleted past Momiji. Restore a backup that has it, and find out who can write to the database.",
    ),
    "unbalanced": ("Voucher {number} does not balance.", _COMPARE),
    "unreadable": ("Voucher {number} cannot be read.", _COMPARE),
    "not_following": ("Voucher {number} does not follow the voucher before it.", _COMPARE),
    "changed": ("Voucher {number} is not what was sealed: its hash is another.", _COMPARE),
    "other_than_known": ("Voucher {number} has another hash than was written down before.", _COMPARE),
    "differs": (
        "{origin} is booked otherwise than its facts and statements say.",
        "Entries, lines or postings were changed past Momiji. Replay the ledger ('momiji replay'), then verify again.",
    ),
}
DIFFERENCES_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong: a voucher by its number, or what an origin says."""

    kind: FaultKind
    number: int | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found. `vouchers` up to `number` with `head` are sound; `waiting`: origins that the next run books."""

    vouchers: int
    number: int
    head: bytes
    fault: Fault | None
    differing: tuple[str, ...] = ()
    waiting: int = 0
    balances: Mapping[AccountCode, Yen] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Tell whether nothing is wrong."""
        return self.fault is None


async def verify(
    tx: Transaction, *, known: Mapping[int, bytes], tell: Callable[[int], None] = lambda _: None
) -> Verified:
    """Verify the journal as it is at one moment; call it first in a transaction.

    `known`: hashes that somebody wrote down, by the number of their voucher, beside those of verifications before.
    """
    await store.see_one_moment(tx)
    known = {**await store.known_heads(tx), **known}
    found = await _walk(tx, known, tell)
    if found.fault is not None:
        return found
    differing, waiting = await _differences(tx)
    fault = Fault("differs", origin=differing[0]) if differing else None
    return replace(found, fault=fault, differing=tuple(differing[:DIFFERENCES_MAX]), waiting=waiting)


async def _walk(tx: Transaction, known: Mapping[int, bytes], tell: Callable[[int], None]) -> Verified:
    """Follow the chain to its end or to its first fault."""
    number, head = 0, GENESIS
    sums: dict[AccountCode, Yen] = {}
    async for lying in store.all_rows(tx):
        fault = _fault_of(lying, number, head, known)
        if fault is not None:
            return Verified(number, number, head, fault, balances=sums)
        voucher = store.voucher_of(lying)
        number, head = voucher.number, voucher.hash
        for account, amount in balances(voucher.draft.postings).items():
            sums[account] = sums.get(account, ZERO) + amount
        tell(number)
    lost = next((each for each in sorted(known) if each > number), None)
    fault = Fault("missing", lost) if lost is not None else None
    return Verified(number, number, head, fault, balances=sums)


def _fault_of(lying: store.Lying, before: int, head: bytes, known: Mapping[int, bytes]) -> Fault | None:
    row = lying.row
    if row.number != before + 1:
        return Fault("missing", before + 1)
    try:
        voucher = store.voucher_of(lying)
    except UnbalancedError:
        return Fault("unbalanced", row.number)
    except (ValueError, TypeError, KeyError):
        return Fault("unreadable", row.number)
    if voucher.previous_hash != head:
        return Fault("not_following", row.number)
    kind: FaultKind | None = None
    if digest_of(voucher) != voucher.hash:
        kind = "changed"
    elif known.get(row.number, voucher.hash) != voucher.hash:
        kind = "other_than_known"
    return Fault(kind, row.number) if kind else None


async def _differences(tx: Transaction) -> tuple[list[str], int]:
    """Return the origins that are booked otherwise than said, and how many wait for the next run."""
    new = await progress.news(tx, whole=False)
    days = sorted((await progress.news(tx, whole=True)).days)
    wrong: list[tuple[date, str]] = []
    waiting = 0
    for start in range(0, len(days), DAYS_AT_ONCE):
        some = days[start : start + DAYS_AT_ONCE]
        said, standing = drafts_of(await sources.of_days(tx, some)), await store.standing_of_days(tx, some)
        for each in corrections(said, standing):
            if each.draft.business_date in new.days:
                waiting += 1
            else:
                wrong.append((each.draft.business_date, each.draft.origin))
    for each in corrections(drafts_of(await sources.of_deposits(tx)), await store.standing_deposits(tx)):
        if new.deposits:
            waiting += 1
        else:
            wrong.append((each.draft.business_date, each.draft.origin))
    return list(dict.fromkeys(origin for _, origin in sorted(wrong))), waiting


async def keep(tx: Transaction, found: Verified, *, by: str, at: datetime) -> None:
    """Write down what was found: the next verification asks whether the head is still what it was."""
    await store.add_verification(
        tx,
        at=at,
        by=by,
        number=found.number,
        head=found.head,
        fault=found.fault.kind if found.fault else "",
        fault_number=found.fault.number if found.fault else None,
        fault_origin=found.fault.origin if found.fault else "",
        waiting=found.waiting,
    )
