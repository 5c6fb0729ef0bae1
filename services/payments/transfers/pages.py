"""Staff's pages of refunds by bank transfer: the queues, and one transfer with what may be done with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import ALL_FACILITIES, Principal, Role
from kernel.cards import holds_card_number
from kernel.refusals import Forbidden, Refusal, Unauthenticated
from kernel.rows import Transaction
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from payments.charges import store as charges
from payments.transfer_files import actions as files
from payments.transfer_files import store as file_rows
from payments.transfers import account as accounts
from payments.transfers import actions, model, store
from payments.transfers.model import FAULTS, Fault, State, Transfer, UnknownTransfer
from payments.transfers.sealing import CannotOpenError
from payments.wiring import Wiring, wiring_of

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
SHOWN_MAX = 200
FILES_SHOWN_MAX = 20
QUEUES: Final[dict[str, tuple[State, ...]]] = {
    "check": ("awaiting_check",),
    "approve": ("awaiting_approval",),
    "send": ("approved",),
    "sent": ("sent", "in_file"),
    "payer": ("awaiting_account",),
    "over": ("transferred", "rejected"),
}
QUEUE_NAMES: Final[dict[str, str]] = {
    "check": "To check",
    "approve": "To approve",
    "send": "To send",
    "sent": "Sent",
    "payer": "Waiting for the payer",
    "over": "Over",
}
STATE_NAMES: Final[dict[State, str]] = {
    "awaiting_account": "waits for the payer's account",
    "awaiting_check": "to be checked",
    "awaiting_approval": "to be approved",
    "approved": "approved",
    "sent": "at the agency",
    "in_file": "in a file",
    "transferred": "transferred",
    "rejected": "not transferred",
}
KIND_NAMES: Final[dict[str, str]] = {"normal": "Ordinary", "checking": "Current", "savings": "Savings"}


@dataclass(frozen=True, slots=True)
class Staff:
    """Who reads or acts: accounting and admin act, auditors read."""

    principal: Principal
    acts: bool

    @property
    def facilities(self) -> list[str] | None:
        """The facilities that are theirs; None: all."""
        mine = self.principal.facilities
        return None if ALL_FACILITIES in mine else sorted(mine)


Page = Callable[[Wiring, Staff], Awaitable[Response]]


async def for_staff(request: Request, page: Page, *, acts: bool = False, everywhere: bool = False) -> Response:
    """Answer somebody signed in; send others to sign in, and refusals to a page that says what to do.

    `acts`: it changes something or shows bank data; `everywhere`: it is about all facilities at once.
    """
    wiring = wiring_of(request)
    try:
        if request.method == "POST":
            SignIn.require_own_page(request)
        principal = wiring.sign_in.principal(request, at=wiring.clock.now())
        may_act = principal.role in {Role.ACCOUNTING, Role.ADMIN}
        principal.require(Role.ACCOUNTING, Role.AUDITOR)
        if acts and not may_act:
            raise Forbidden
        if everywhere:
            principal.require_facility(ALL_FACILITIES)
        if acts:
            actions.require_person(principal.name, production=wiring.settings.production)
        return await page(wiring, Staff(principal, may_act))
    except Unauthenticated:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(target)}", status_code=SEE_OTHER)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)


@router.get("/operations/transfers")
async def overview(request: Request, queue: str = "check") -> Response:
    """List one queue of transfers, and the files."""
    shown = queue if queue in QUEUES else "check"

    async def page(wiring: Wiring, staff: Staff) -> Response:
        everywhere = staff.facilities is None
        async with wiring.database.transaction(correlation_id.get()) as tx:
            counts = await store.counts(tx, staff.facilities)
            rows = await store.queue(tx, QUEUES[shown], staff.facilities, limit=SHOWN_MAX)
            made = await file_rows.newest(tx, limit=FILES_SHOWN_MAX) if everywhere else []
            ready = await file_rows.count_ready(tx) if everywhere else 0
        return wiring.pages.render(
            request,
            "transfers.html",
            staff=staff,
            shown=shown,
            queues=QUEUE_NAMES,
            counts={name: sum(counts.get(state, 0) for state in states) for name, states in QUEUES.items()},
            rows=[(each, reference, _title(wiring, request, method)) for each, reference, method in rows],
            states=STATE_NAMES,
            limit=SHOWN_MAX,
            files=made,
            ready=ready,
            proposed=files.proposed_day(wiring.clock.now()),
        )

    return await for_staff(request, page)


def _title(wiring: Wiring, request: Request, method: str) -> str:
    known = wiring.methods.get(method)
    tag = "ja" if language_of(request).tag == "ja" else "en"
    return method if known is None else str(getattr(known.capabilities.title, tag))


async def _mine(tx: Transaction, staff: Staff, transfer_id: UUID) -> Transfer:
    """Return a transfer of somebody's facilities. Raises UnknownTransfer or Forbidden."""
    transfer = await store.find(tx, transfer_id)
    charge = None if transfer is None else await charges.find(tx, transfer.charge_id)
    if transfer is None or charge is None:
        raise UnknownTransfer
    staff.principal.require_facility(charge.facility)
    return transfer


@router.get("/operations/transfers/{transfer_id}")
async def one(request: Request, transfer_id: UUID) -> Response:
    """Show a transfer: its history, what may be done, and the account to the two who act."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        at, name = wiring.clock.now(), staff.principal.name
        account, unreadable = None, False
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await _mine(tx, staff, transfer_id)
            deal = await actions.held(tx, transfer_id)
            if staff.acts:
                try:
                    account = await actions.show_account(tx, wiring.data_keys, deal.transfer, by=name, at=at)
                except CannotOpenError:
                    unreadable = True
            history = await store.history(tx, transfer_id)
            day = await file_rows.day_of(tx, transfer_id)
        transfer = deal.transfer
        return wiring.pages.render(
            request,
            "transfer.html",
            staff=staff,
            transfer=transfer,
            state=STATE_NAMES[transfer.state],
            charge=deal.charge,
            method=_title(wiring, request, deal.attempt.method),
            by_file=wiring.refund_route(deal.attempt.method) == "file",
            day_of_file=day,
            account=account,
            holder="" if account is None else accounts.full_width(account.holder_kana),
            kind="" if account is None else KIND_NAMES[account.kind],
            unreadable=unreadable,
            checks=model.is_same(name, transfer.checker),
            approves=model.is_same(name, transfer.approver),
            faults=FAULTS,
            lines=[(when, _line(wiring, request, kind, fields)) for when, kind, fields in history],
        )

    return await for_staff(request, page)


def _line(wiring: Wiring, request: Request, kind: str, fields: dict[str, object]) -> str:
    """Return one line of a history in the reader's language."""
    said = {**fields}
    if "method" in said:
        said["method"] = _title(wiring, request, str(said["method"]))
    if "words" in said:
        said["words"] = wiring.pages.message(request, str(said["words"]))  # one of FAULTS, or what a person wrote
    return wiring.pages.text(request, store.SENTENCES.get(kind, kind), **said)


@router.post("/operations/transfers/{transfer_id}/{step}")
async def act(request: Request, transfer_id: UUID, step: str) -> Response:
    """Do one step: open the account, propose, approve, send back or reject."""
    form = {name: str(value)[: model.WORDS_LENGTH_MAX] for name, value in (await request.form()).items()}
    # A number in a remark would outlive the account that it belongs to.
    words = "" if holds_card_number(form.get("words", "")) else form.get("words", "")
    fault: Fault = next((each for each in FAULTS if each == form.get("fault")), "other")

    async def page(wiring: Wiring, staff: Staff) -> Response:
        at, by = wiring.clock.now(), staff.principal.name
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await _mine(tx, staff, transfer_id)
            match step:
                case "open":
                    await actions.open_account(tx, transfer_id, by=by, at=at)
                case "propose":
                    await actions.propose(tx, transfer_id, by=by, at=at)
                case "approve":
                    await actions.approve(tx, transfer_id, by=by, route_of=wiring.refund_route, at=at)
                case "send-back":
                    await actions.send_back(tx, transfer_id, fault, words, by=by, at=at)
                case "reject":
                    await actions.reject(tx, transfer_id, words, by=by, at=at)
                case _:
                    raise UnknownTransfer
        return RedirectResponse(f"/operations/transfers/{transfer_id}", status_code=SEE_OTHER)

    return await for_staff(request, page, acts=True)
