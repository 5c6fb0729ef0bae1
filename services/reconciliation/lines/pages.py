"""Pages of a statement and of each of its lines: where figures lead to in the end."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from kernel.access import Principal
from kernel.telemetry import correlation_id
from reconciliation.days.wording import provider_name
from reconciliation.deposits import store as deposits
from reconciliation.deposits.pages import RULE_WORDS as DEPOSIT_RULES
from reconciliation.lines import store
from reconciliation.lines.model import UnknownLine
from reconciliation.mappings import actions as mappings
from reconciliation.payouts import store as payouts
from reconciliation.records.wording import BASES, LINE_KINDS
from reconciliation.staff.desk import for_reader
from reconciliation.statements import store as statements
from reconciliation.statements.model import UnknownStatement
from reconciliation.wiring import Wiring

router = APIRouter(include_in_schema=False)

LINES_SHOWN_MAX = 200
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
        async with wiring.database.transaction(correlation_id.get()) as tx:
            line = await store.find_line(tx, line_id)
            if line is None:
                raise UnknownLine
            file = await statements.find(tx, line.file_id)
        return wiring.pages.render(
            request,
            "line.html",
            principal=principal,
            line=line,
            file=file,
            kinds=LINE_KINDS,
            rules=RULES,
            provider=provider_name,
        )

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
            matched = await store.is_matched(tx, file_id)
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
