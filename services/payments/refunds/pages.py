"""The payer's page about a refund: which account it goes to, what happens next and when."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.cards import holds_card_number
from kernel.money import total
from kernel.refusals import Refusal
from kernel.rows import Transaction
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from payments.charges import store as charges
from payments.charges.model import Charge, UnknownCharge
from payments.refunds import store
from payments.transfer_files import store as transfer_files
from payments.transfers import account as accounts
from payments.transfers import actions as transfers
from payments.transfers import store as transfer_rows
from payments.transfers.model import FAULTS
from payments.wiring import wiring_of

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
UNPROCESSABLE = 422
YUCHO = "yucho"
NOTHING = dict.fromkeys(accounts.FIELDS, "")


async def _charge(tx: Transaction, charge_id: UUID) -> Charge:
    charge = await charges.find(tx, charge_id)
    if charge is None:
        raise UnknownCharge
    return charge


@router.get("/pay/{charge_id}/refund")
async def refund_page(request: Request, charge_id: UUID, to: str = "") -> Response:
    """Ask for the bank account that a refund goes to, or tell how far it is."""
    return await _page(request, charge_id, to=to, typed={}, wrong={})


async def _page(
    request: Request, charge_id: UUID, *, to: str, typed: Mapping[str, str], wrong: Mapping[str, str]
) -> Response:
    wiring = wiring_of(request)
    at = wiring.clock.now()
    try:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            charge = await _charge(tx, charge_id)
            await transfer_rows.adopt(tx, charge_id, at=at)
            refunds = await store.of_charge(tx, charge_id)
            found = await transfer_rows.of_charge(tx, charge_id)
            days = {each.id: await transfer_files.day_of(tx, each.id) for each in found}
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    waiting = [each for each in found if each.state == "awaiting_account"]
    faults = [each for each in waiting if each.fault is not None]
    return wiring.pages.render(
        request,
        "refund.html",
        status=UNPROCESSABLE if wrong else 200,
        charge=charge,
        refunds=refunds,
        by_provider=[each for each in refunds if each.id not in {transfer.id for transfer in found}],
        transfers=[each for each in found if each.state != "awaiting_account"],
        days=days,
        waiting=waiting,
        amount=total(each.amount for each in waiting),
        fault=FAULTS[faults[-1].fault or "other"] if faults else None,
        fault_words=faults[-1].words if faults else "",
        yucho=to == YUCHO,
        typed=NOTHING | dict(typed),
        wrong=NOTHING | dict(wrong),
        any_wrong=bool(wrong),
    )


@router.post("/pay/{charge_id}/refund")
async def refund_form(request: Request, charge_id: UUID) -> Response:
    """Take the bank account: it is kept encrypted, and shown again only to whoever has to check it."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    form = await request.form()
    typed = {name: str(form.get(name, ""))[: accounts.TYPED_LENGTH_MAX] for name in accounts.FIELDS}
    to = str(form.get("to", ""))
    try:
        SignIn.require_own_page(request)
        account = accounts.read(typed, yucho=to == YUCHO)
        if isinstance(account, dict):
            shown = {name: "" if holds_card_number(value) else value for name, value in typed.items()}
            return await _page(request, charge_id, to=to, typed=shown, wrong=account)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await _charge(tx, charge_id)
            await transfer_rows.adopt(tx, charge_id, at=at)
            await transfers.submit(tx, wiring.data_keys, charge_id, account, at=at)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    return RedirectResponse(f"/pay/{charge_id}/refund", status_code=SEE_OTHER)
