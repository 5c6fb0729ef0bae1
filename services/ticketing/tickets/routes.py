"""Pictures and papers of tickets, and the public keys that verify their codes."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from kernel.clock import business_date
from kernel.money import Yen, tax_within, total
from kernel.telemetry import correlation_id
from ticketing.orders.model import Confirmed, Order, UnknownOrder
from ticketing.orders.visitors import order_of_visitor
from ticketing.orders.ways import way_known
from ticketing.tickets import picture, store
from ticketing.tickets.document import OrderPaper, PaperTicket, RateTotal, Receipt
from ticketing.tickets.model import Ticket, UnknownTicket
from ticketing.wiring import Wiring, wiring_of

router = APIRouter(tags=["tickets"])


@router.get("/v1/keys")
async def keys(request: Request) -> Response:
    """Return the public keys of ticket codes; anybody may verify a ticket."""
    registry = wiring_of(request).keyring.current
    items = [
        {
            "id": key.id,
            "algorithm": "Ed25519",
            "public_key": b64encode(key.public_key).decode(),
            "valid_from": key.valid_from.isoformat(),
            "valid_until": key.valid_until.isoformat() if key.valid_until else None,
            "scope": "all" if key.scope == "all" else sorted(key.scope),
        }
        for key in registry.keys
    ]
    return JSONResponse({"scheme": "MMJ1", "keys": items}, headers={"cache-control": "public, max-age=300"})


@router.get("/v1/tickets/{ticket_id}.{kind}")
async def ticket_picture(
    request: Request,
    ticket_id: UUID,
    kind: Literal["svg", "png", "pdf"],
    x_order_key: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a ticket's code as SVG or PNG, or the ticket as a page to print, to whoever holds the order's key."""
    wiring = wiring_of(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        ticket = await store.find(tx, ticket_id)
        if ticket is None:
            raise UnknownTicket
        try:
            order = await order_of_visitor(request, tx, ticket.order_id, key=x_order_key)
        except UnknownOrder:
            raise UnknownTicket from None
    match kind:
        case "svg":
            made = picture.svg(ticket.code, level="L", title=f"{order.basket.number}-{ticket.position}")
            return _kept(made.encode(), "image/svg+xml")
        case "png":
            return _kept(await run_in_threadpool(picture.png, ticket.code, level="L"), "image/png")
        case "pdf":
            return await _paper(wiring, order, [ticket], whole=False)


@router.get("/v1/orders/{order_id}/tickets.pdf")
async def order_paper(
    request: Request, order_id: UUID, x_order_key: Annotated[str | None, Header()] = None
) -> Response:
    """Return all tickets of an order with its receipt as a PDF."""
    wiring = wiring_of(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        order = await order_of_visitor(request, tx, order_id, key=x_order_key)
        held = [ticket for ticket in await store.of_order(tx, order_id) if ticket.status != "voided"]
    if not held:
        raise UnknownTicket
    return await _paper(wiring, order, held, whole=True)


async def _paper(wiring: Wiring, order: Order, held: list[Ticket], *, whole: bool) -> Response:
    basket = order.basket
    language: Literal["ja", "en"] = "ja" if basket.locale == "ja" else "en"
    facility = wiring.books.current.get(basket.facility)

    def product_name(ticket: Ticket) -> str:
        product = facility.product(ticket.product) if facility else None
        return product.name.of(language) if product else ticket.product

    def category_name(ticket: Ticket) -> str:
        category = facility.category(ticket.category) if facility else None
        return category.name.of(language) if category else ticket.category

    paper = OrderPaper(
        order_number=basket.number,
        facility=facility.name.of(language) if facility else basket.facility,
        address=facility.address if facility else "",
        visit_date=basket.visit_date,
        slot=basket.slot,
        tickets=[PaperTicket(each.code, product_name(each), category_name(each), each.price) for each in held],
        language=language,
        receipt=_receipt(wiring, order, held, language) if whole else None,
    )
    words = wiring.pages.gettext_of(language)
    at = wiring.clock.now()
    made = await run_in_threadpool(lambda: wiring.printer.pdf(paper, words=words, at=at))
    return Response(
        made,
        media_type="application/pdf",
        headers={
            "cache-control": "private, no-store",
            "content-disposition": f'inline; filename="momiji-{basket.number}.pdf"',
        },
    )


def _receipt(wiring: Wiring, order: Order, held: list[Ticket], language: str) -> Receipt | None:
    """Return the receipt of a paid order whose money has one owner."""
    basket = order.basket
    owners = {line.revenue_owner for line in basket.lines if line.amount}
    if not isinstance(order, Confirmed) or len(owners) != 1 or len(held) != sum(each.quantity for each in basket.lines):
        return None
    facility = wiring.books.current.get(basket.facility)
    product = (
        next((each for each in facility.products if each.revenue_owner.code in owners), None) if facility else None
    )
    if product is None:
        return None
    sums: dict[int, Yen] = {}
    for rate in sorted({line.tax_rate_percent for line in basket.lines}):
        sums[rate] = total(line.amount for line in basket.lines if line.tax_rate_percent == rate)
    return Receipt(
        issuer=product.revenue_owner.name.of(language),
        registration_number=product.revenue_owner.registration_number,
        paid_on=business_date(order.received_at),
        method=way_known(wiring.rules.holds.ways, order.method).title(language),
        totals=[RateTotal(rate, amount, tax_within(amount, rate)) for rate, amount in sums.items()],
    )


def _kept(body: bytes, media_type: str) -> Response:
    """A ticket's code never changes; whoever may see it may keep it, so that it is there without a network."""
    headers = {"cache-control": "private, max-age=31536000, immutable", "vary": "Cookie, X-Order-Key"}
    return Response(body, media_type=media_type, headers=headers)
