"""Pages of a statement and of each of its lines: where figures lead to in the end."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal
from kernel.clock import new_id
from kernel.refusals import Forbidden, Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from reconciliation.days.wording import provider_name
from reconciliation.deposits import store as deposits
from reconciliation.deposits.pages import RULE_WORDS as DEPOSIT_RULES
from reconciliation.lines import store
from reconciliation.lines.model import UnknownLine
from reconciliation.mappings import actions as mappings
from reconciliation.matching import actions as matching
from reconciliation.matching.model import UnknownMatch
from reconciliation.payouts import store as payouts
from reconciliation.records.wording import BASES, LINE_KINDS
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.statements import store as statements
from reconciliation.statements.model import UnknownStatement
from reconciliation.wiring import Wiring, keeps_books, scope_of

router = APIRouter(include_in_schema=False)

LINES_SHOWN_MAX = 200
SHOWN_MAX = 50  # lines of one match, and matches of one line that were taken back
RULES = {
    "same_payment_same_kind": "Rule: same payment, same kind and amount",
    "same_payment_other_kind": "Rule: same payment and amount, another kind",
    "same_payment_in_sum": "Rule: same payment, the sums agree",
    "same_payment_other_amount": "Rule: same payment, another amount",
}


@router.get("/statements/lines/{line_id}")
async def line_page(request: Request, line_id: UUID) -> Response:
    """Show one line of a provider."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _line(wiring, request, principal, line_id)

    return await for_reader(request, page, everywhere=True)


async def _line(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    line_id: UUID,
    *,
    refusal: Refusal | None = None,
    reason: str = "",
) -> Response:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        line = await store.find_line(tx, line_id)
        if line is None:
            raise UnknownLine
        file = await statements.find(tx, line.file_id)
        alone = line.match_id in {None, line.id}
        others = [] if alone or not line.match_id else await store.matched_together(tx, line.match_id, limit=SHOWN_MAX)
        fallen = await store.taken_back(tx, line_id, limit=SHOWN_MAX)
    return wiring.pages.render(
        request,
        "line.html",
        status=200 if refusal is None else 422,
        principal=principal,
        may_decide=keeps_books(principal),
        line=line,
        others=[each for each in others if each.id != line.id],
        fallen=fallen,
        file=file,
        kinds=LINE_KINDS,
        rules=RULES,
        provider=provider_name,
        problem="" if refusal is None else wiring.pages.advice(request, refusal),
        reason=reason,
    )


@router.post("/statements/lines/{line_id}/take-back")
async def take_line_back(request: Request, line_id: UUID) -> Response:
    """Take the match of a provider's line back, for a reason; a refusal keeps what was typed."""
    form = await request.form()
    reason, match_id = str(form.get("reason", "")), str(form.get("match", ""))

    async def page(wiring: Wiring, principal: Principal) -> Response:
        SignIn.require_own_page(request)
        bookkeeper = wiring.bookkeeper(request)
        if scope_of(bookkeeper) is not None:
            raise Forbidden  # As by the API: a line is of no facility.
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                line = await store.find_line(tx, line_id)
                if line is None or line.match_id is None or str(line.match_id) != match_id:
                    raise UnknownMatch(id=match_id[:36])
                await matching.take_back(
                    tx,
                    line.match_id,
                    reversal_id=new_id(),
                    by=bookkeeper.name,
                    reason=reason,
                    at=wiring.clock.now(),
                )
        except Refusal as refusal:
            return await _line(wiring, request, principal, line_id, refusal=refusal, reason=reason)
        return RedirectResponse(f"/statements/lines/{line_id}", status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


@router.get("/statements/bank-lines/{line_id}")
async def bank_line_page(request: Request, line_id: UUID) -> Response:
    """Show one booking of a bank, and the payouts that it is."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            line = await store.find_bank_line(tx, line_id)
            if line is None:
                raise UnknownLine
            file = await statements.find(tx, line.file_id)
            match = await deposits.find_match(tx, line.match_id) if line.match_id else None
            due = await payouts.some(tx, match.payouts) if match else []
        return wiring.pages.render(
            request,
            "bank-line.html",
            principal=principal,
            line=line,
            file=file,
            match=match,
            due=due,
            bases=BASES,
            provider=provider_name,
            rules=DEPOSIT_RULES,
        )

    return await for_reader(request, page, everywhere=True)


@router.get("/statements/{file_id}")
async def statement_page(request: Request, file_id: UUID, after: int = 0) -> Response:
    """Show a file and its lines with what each is matched with."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            file = await statements.find(tx, file_id)
            if file is None:
                raise UnknownStatement(id=str(file_id))
            lines = await store.lines_of(tx, file_id, after=after, limit=LINES_SHOWN_MAX + 1)
            bookings = await store.bank_lines_of(tx, file_id, after=after, limit=LINES_SHOWN_MAX + 1)
            matched = await statements.is_matched(tx, file_id)
            formats = await mappings.formats(tx)
        shown = (lines or bookings)[:LINES_SHOWN_MAX]
        more = len(lines or bookings) > LINES_SHOWN_MAX
        chosen = formats.get(file.format.partition("@")[0])
        return wiring.pages.render(
            request,
            "statement.html",
            principal=principal,
            file=file,
            format=chosen,
            lines=lines[:LINES_SHOWN_MAX],
            bookings=bookings[:LINES_SHOWN_MAX],
            matched=matched,
            next_record=shown[-1].record if more else None,
            kinds=LINE_KINDS,
            rules=RULES,
            bank_rules=DEPOSIT_RULES,
        )

    return await for_reader(request, page, everywhere=True)
