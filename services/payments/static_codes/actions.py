"""What is done with the codes that lie on counters: register, check a scanned one, retire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from kernel.access import Principal
from kernel.refusals import Conflict
from kernel.rows import Transaction
from payments.staff.store import audit
from payments.static_codes import model, store
from payments.static_codes.model import Judged, StaticCode
from payments.static_codes.reading import Checked

CODES_MAX = 2_000


class TooManyStaticCodes(Conflict):
    """There is no room for another code."""

    slug = "too-many-static-codes"
    advice = "There are {count} counter codes already, which is the most. Ask Momiji's administrator."


async def register(tx: Transaction, code: StaticCode, *, at: datetime) -> None:
    """Keep a code as its issuer gave it. Raises StaticCodeKnown or TooManyStaticCodes."""
    if await store.count(tx) >= CODES_MAX:
        raise TooManyStaticCodes(count=CODES_MAX)
    if not await store.add(tx, code):
        before = next(iter(await store.known(tx, text=code.text, number="")), None)
        raise model.StaticCodeKnown(counter=f"{before.name_ja} {before.counter}" if before else code.number)
    details = {"facility": code.facility, "counter": code.counter, "number": code.number}
    await audit(tx, code.registered_by, "static_code.registered", f"static_code:{code.id}", at=at, **details)


async def judge(
    tx: Transaction, checked: Checked, *, expected: StaticCode | None, principal: Principal, at: datetime
) -> Judged:
    """Tell what a scanned code is, and write down that it was looked at."""
    number = checked.code.jpqr if checked.code else None
    # What has a fault was registered nowhere, and may hold what no database takes.
    known = await store.known(tx, text=checked.text, number=str(number or "")) if checked.code else []
    judged = model.judge(checked, expected=expected, known=known, theirs=principal.may_see)
    if judged.verdict == "right" and judged.known is not None:
        await store.checked(tx, judged.known.id, actor=principal.name, at=at)
    subject = judged.known or expected
    said = {"verdict": judged.verdict, "number": str(number or "")}
    await audit(
        tx, principal.name, "static_code.checked", f"static_code:{subject.id if subject else ''}", at=at, **said
    )
    return judged


async def find(tx: Transaction, code_id: UUID, *, principal: Principal, lock: bool = False) -> StaticCode:
    """Return a code of one of the reader's facilities. Raises UnknownStaticCode."""
    found = await store.find(tx, code_id, lock=lock)
    if found is None or not principal.may_see(found.facility):
        raise model.UnknownStaticCode
    return found


async def retire(tx: Transaction, code_id: UUID, *, principal: Principal, at: datetime) -> None:
    """End the use of a code. Raises UnknownStaticCode or StaticCodeRetired."""
    before = await find(tx, code_id, principal=principal, lock=True)
    await store.retire(tx, model.retire(before, actor=principal.name, at=at))
    await audit(tx, principal.name, "static_code.retired", f"static_code:{code_id}", at=at, number=before.number)
