"""The agency's calls below /gmopg/payment: forms in Shift_JIS, ShopID and ShopPass in each, errors with status 200."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute

from sandbox.edge import bounded_body, sandbox_of, with_faults
from sandbox.gmopg.actions import ENCODING, moment
from sandbox.gmopg.model import GmopgError, Trade
from sandbox.wiring import Sandbox

AMOUNT_YEN_MAX = 999_999  # Pay-easy by card or net banking
FIELDS_MAX = 100
TERM_DAYS = 10
# What ExecTranPayEasy wants of a trade's words: bytes in Shift_JIS, and whether it must be there.
WORDS: Mapping[str, tuple[int, bool]] = {
    "CustomerName": (40, True),
    "CustomerKana": (40, True),
    "TelNo": (13, True),
    "MailAddress": (256, False),
    "ShopMailAddress": (256, False),
    **{f"RegisterDisp{number}": (32, False) for number in range(1, 9)},
    **{f"ReceiptsDisp{number}": (60, False) for number in range(1, 11)},
    "ReceiptsDisp11": (42, True),
    "ReceiptsDisp12": (12, True),
    "ReceiptsDisp13": (11, True),
    **{f"ClientField{number}": (100, False) for number in range(1, 4)},
}
PATTERNS = {
    "CustomerKana": r"[゠-ヿ　 ]+",
    "TelNo": r"[0-9-]{9,13}",
    "ReceiptsDisp12": r"[0-9-]{9,12}",
    "ReceiptsDisp13": r"\d\d:\d\d-\d\d:\d\d",
}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GmopgRoute(APIRoute):
    """A call to the agency; its first tag is the operation that faults name."""

    def get_route_handler(self) -> Handler:
        """Put the front door before the handler."""
        handler = super().get_route_handler()
        operation = str(self.tags[0]) if self.tags else "other"

        async def handle(request: Request) -> Response:
            try:
                return await _enter(request, operation, handler)
            except GmopgError as refused:
                return _refusal(*refused.codes)

        return handle


def _refusal(*codes: str) -> Response:
    said = {"ErrCode": "|".join(each[:3] for each in codes), "ErrInfo": "|".join(codes)}
    return _answer(said)


def _answer(said: Mapping[str, str]) -> Response:
    text = "&".join(f"{name}={value}" for name, value in said.items())
    return PlainTextResponse(text.encode(ENCODING, "replace"))


async def _enter(request: Request, operation: str, handler: Handler) -> Response:
    sandbox = sandbox_of(request)
    request.state.said = _read(await bounded_body(request))

    async def act(pause: float) -> Response:
        _require_shop(request.state.said, sandbox)
        await asyncio.sleep(pause)
        return await handler(request)

    return await with_faults(
        sandbox,
        "gmopg",
        operation,
        act,
        error=lambda: PlainTextResponse("Internal Server Error", status_code=500),
        maintenance=lambda: PlainTextResponse("Service Unavailable", status_code=503),
        unauthorized=lambda: _refusal("E01030002"),
        too_many=lambda: _refusal("E92000001"),
    )


def _read(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding=ENCODING, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError:
        raise GmopgError("E01FORM") from None
    return dict(pairs)


def _require_shop(said: Mapping[str, str], sandbox: Sandbox) -> None:
    for name, code in (("ShopID", "E01010001"), ("ShopPass", "E01020001")):
        if not said.get(name):
            raise GmopgError(code)
    right = sandbox.settings.gmopg_shop_id, sandbox.settings.gmopg_shop_pass.get_secret_value()
    typed = said["ShopID"], said["ShopPass"]
    if not all(hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(right, typed, strict=True)):
        raise GmopgError("E01030002")


def _order_id(said: Mapping[str, str]) -> str:
    found = said.get("OrderID", "")
    if not found:
        raise GmopgError("E01040001")
    if not re.fullmatch(r"[0-9A-Za-z-]{1,27}", found):
        raise GmopgError("E01040013")
    return found


def _yen(said: Mapping[str, str], name: str, *, least: int) -> int:
    text = said.get(name, "") or ("0" if not least else "")
    if not text:
        raise GmopgError("E01060001")
    if not re.fullmatch(r"\d{1,7}", text) or not least <= int(text) <= AMOUNT_YEN_MAX:
        raise GmopgError(f"M01{name}")
    return int(text)


def _trade(request: Request) -> Trade:
    """Return the trade that AccessID, AccessPass and OrderID name together."""
    said = request.state.said
    for name, code in (("AccessID", "E01090001"), ("AccessPass", "E01100001")):
        if not said.get(name):
            raise GmopgError(code)
    trade = sandbox_of(request).gmopg.store.trades.get(_order_id(said))
    known = trade is not None and hmac.compare_digest(
        f"{trade.access_id}{trade.access_pass}".encode(), f"{said['AccessID']}{said['AccessPass']}".encode()
    )
    if trade is None or not known:
        raise GmopgError("E01110002")
    return trade


router = APIRouter(prefix="/gmopg/payment", route_class=GmopgRoute, include_in_schema=False)


@router.post("/EntryTranPayEasy.idPass", tags=["open"])
async def entry(request: Request) -> Response:
    """Register a trade; an OrderID is taken once for ever."""
    said = request.state.said
    order_id, amount, tax = _order_id(said), _yen(said, "Amount", least=1), _yen(said, "Tax", least=0)
    if amount + tax > AMOUNT_YEN_MAX:
        raise GmopgError("M01Amount")
    trade = sandbox_of(request).gmopg.register(order_id, amount, tax)
    return _answer({"AccessID": trade.access_id, "AccessPass": trade.access_pass})


@router.post("/ExecTranPayEasy.idPass", tags=["open"])
async def execute(request: Request) -> Response:
    """Issue the numbers of a registered trade, once."""
    said, desk = request.state.said, sandbox_of(request).gmopg
    trade = _trade(request)
    wrong = [f"M01{name}" for name, (length, needed) in WORDS.items() if not _fits(said, name, length, needed=needed)]
    days = said.get("PaymentTermDay", "") or str(TERM_DAYS)
    if not re.fullmatch(r"\d{1,2}", days):
        wrong.append("M01PaymentTermDay")
    if wrong:
        raise GmopgError(*wrong)
    issued = desk.issue(trade, days=int(days), shown=said.get("RegisterDisp1", ""))
    numbers = desk.numbers(issued)
    del numbers["FinishDate"]
    return _answer({"OrderID": issued.id, **numbers, "TranDate": moment(issued.processed)})


def _fits(said: Mapping[str, str], name: str, length: int, *, needed: bool) -> bool:
    text = said.get(name, "")
    if not text:
        return not needed
    return len(text.encode(ENCODING, "replace")) <= length and bool(re.fullmatch(PATTERNS.get(name, r".+"), text))


@router.post("/SearchTradeMulti.idPass", tags=["query"])
async def search(request: Request) -> Response:
    """Tell how a trade stands, by the shop's OrderID."""
    said, desk = request.state.said, sandbox_of(request).gmopg
    if said.get("PayType") != "4":
        raise GmopgError("M01PayType")
    trade = desk.store.trades.get(_order_id(said))
    if trade is None:
        raise GmopgError("E01110002")
    return _answer(
        {
            "OrderID": trade.id,
            "Status": trade.status,
            "ProcessDate": moment(trade.processed),
            "AccessID": trade.access_id,
            "AccessPass": trade.access_pass,
            "Amount": str(trade.amount),
            "Tax": str(trade.tax),
            "PayType": "4",
            **desk.numbers(trade),
        }
    )


@router.post("/PayEasyCancel.idPass", tags=["expire"])
async def cancel(request: Request) -> Response:
    """Cancel numbers that nobody has paid."""
    trade = sandbox_of(request).gmopg.end(_trade(request), "CANCEL")
    return _answer({"OrderID": trade.id, "Status": trade.status})


@router.api_route("/{rest:path}", methods=["GET", "POST"], tags=["other"])
async def unknown(request: Request, rest: str) -> Response:
    """Refuse what the agency, or this sandbox, does not have."""
    return PlainTextResponse(f"There is no {request.method} /gmopg/payment/{rest} here.", status_code=404)
