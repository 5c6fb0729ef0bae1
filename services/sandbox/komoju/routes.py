"""KOMOJU's API below /komoju/api/v1: Pay-easy payments and refund requests, Basic auth, idempotency."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.edge import bounded_body, sandbox_of, with_faults
from sandbox.forms import parse
from sandbox.idempotency import fingerprint
from sandbox.komoju.actions import new_id, request_json
from sandbox.komoju.model import KomojuError, Payment, RefundRequest
from sandbox.wiring import Sandbox

KEY_CHARS_MAX = 100
AMOUNT_YEN_MAX = 999_999  # Pay-easy by card or net banking
PER_PAGE_MAX = 100
DEADLINE_SECONDS_MIN = 60
BANK_ID = "58091"  # an example 収納機関番号
ACCOUNT_DIGITS_SHOWN = 3

Text = Annotated[str, Field(min_length=1, max_length=255)]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KomojuRoute(APIRoute):
    """A route of KOMOJU's API; its first tag is the operation that faults name."""

    def get_route_handler(self) -> Handler:
        """Put the front door before the handler."""
        handler = super().get_route_handler()
        operation = str(self.tags[0]) if self.tags else "other"

        async def handle(request: Request) -> Response:
            try:
                return await _enter(request, operation, handler)
            except KomojuError as refused:
                return _answer(refused)

        return handle


def _answer(refused: KomojuError) -> JSONResponse:
    return JSONResponse(refused.body, status_code=refused.status)


async def _enter(request: Request, operation: str, handler: Handler) -> Response:
    sandbox = sandbox_of(request)
    body = await bounded_body(request)
    _require_key(request, sandbox)

    async def act(pause: float) -> Response:
        request.state.said = _read(request, body)
        if request.method != "POST":
            await asyncio.sleep(pause)
            return await _guarded(handler, request)
        return await _once(request, sandbox, body, handler, pause)

    return await with_faults(
        sandbox,
        "komoju",
        operation,
        act,
        error=lambda: _answer(KomojuError(500, "internal_server_error", "Something went wrong on our side.")),
        maintenance=lambda: _answer(KomojuError(503, "service_unavailable", "Server maintenance.")),
        unauthorized=lambda: _answer(KomojuError(401, "unauthorized", "The key is not known (a fault on purpose).")),
        too_many=lambda: _answer(KomojuError(429, "too_many_requests", "Too many requests.")),
    )


async def _guarded(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except ValidationError as refused:
        first = refused.errors()[0]
        place = [str(part) for part in first["loc"]]
        param = place[0] + "".join(f"[{part}]" for part in place[1:]) if place else None
        if first["type"] == "missing":
            raise KomojuError(422, "missing_parameter", f"A required parameter ({param}) is missing", param) from None
        raise KomojuError(422, "invalid_parameter", f"{param}: {first['msg']}.", param) from None


def _require_key(request: Request, sandbox: Sandbox) -> None:
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    try:
        name = base64.b64decode(said, validate=True).decode().partition(":")[0] if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        name = ""
    if not hmac.compare_digest(name.encode(), sandbox.settings.komoju_secret_key.get_secret_value().encode()):
        raise KomojuError(401, "unauthorized", "User authorization failed. Send the secret key as Basic user name.")


def _read(request: Request, body: bytes) -> Any:
    if not body:
        return {}
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return json.loads(body)
        return parse(body.decode())
    except ValueError:
        raise KomojuError(400, "bad_request", "The body is neither JSON nor a form that can be read.") from None


async def _once(request: Request, sandbox: Sandbox, body: bytes, handler: Handler, pause: float) -> Response:
    key = request.headers.get("x-komoju-idempotency", "")
    if not key:
        await asyncio.sleep(pause)
        return await _guarded(handler, request)
    if len(key) > KEY_CHARS_MAX or not key.isascii():
        raise KomojuError(400, "bad_request", f"Idempotency keys have at most {KEY_CHARS_MAX} ASCII characters.")
    mark = fingerprint(request.url.path.encode(), body)
    now = sandbox.komoju.now()
    found = sandbox.answers.find("komoju", key, now=now)
    if found is not None:
        if found.fingerprint != mark:
            raise KomojuError(422, "unprocessable_entity", "The idempotency key was used with another request.")
        return Response(found.body, status_code=found.status, media_type="application/json")
    if not sandbox.answers.begin("komoju", key):
        raise KomojuError(409, "conflict", "A request with this idempotency key is in progress. Try again later.")
    try:
        await asyncio.sleep(pause)
        with sandbox.journal.change():  # The deed and its answer are kept together or not at all.
            answer = await _guarded(handler, request)
            text = bytes(answer.body).decode()
            sandbox.answers.keep("komoju", key, mark, status=answer.status_code, body=text, now=now)
    finally:
        sandbox.answers.end("komoju", key)
    return answer


router = APIRouter(prefix="/komoju/api/v1", route_class=KomojuRoute, include_in_schema=False)


class PayEasy(BaseModel):
    """payment_details of a Pay-easy payment: every field is required."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["pay_easy"]
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=255)]
    phone: Annotated[str, Field(pattern=r"^\+?[0-9-]{9,15}$")]
    family_name: Text
    given_name: Text
    family_name_kana: Annotated[str, Field(pattern=r"^[゠-ヿ0-9０-９Ａ-Ｚ 　]+$", max_length=255)]
    given_name_kana: Annotated[str, Field(pattern=r"^[゠-ヿ0-9０-９Ａ-Ｚ 　]+$", max_length=255)]


class NewPayment(BaseModel):
    """The body of POST /payments. KOMOJU's amount is before `tax`."""

    model_config = ConfigDict(extra="ignore")
    payment_details: PayEasy
    amount: int = Field(ge=1, le=AMOUNT_YEN_MAX)
    currency: Literal["JPY"]
    tax: int = Field(default=0, ge=0, le=AMOUNT_YEN_MAX)
    external_order_num: Text | None = None
    description: Text | None = None
    locale: Literal["ja", "en", "ko", "zh_CN"] = "ja"
    metadata: dict[str, Any] = Field(default_factory=dict)
    # Not documented for payments, only for sessions; see docs/decisions/0022.
    expires_in_seconds: int | None = Field(default=None, ge=DEADLINE_SECONDS_MIN)


class NewRefundRequest(BaseModel):
    """The body of POST /payments/{id}/refund_request: a bank account and an amount."""

    model_config = ConfigDict(extra="ignore")
    customer_name: Text
    amount: int | None = Field(default=None, ge=1)
    description: Text | None = None
    bank_name: Text
    bank_code: Annotated[str, Field(pattern=r"^\d{4}$")]
    branch_name: Text
    branch_number: Annotated[str, Field(pattern=r"^\d{3}$")]
    account_type: Literal["normal", "checking", "savings"]
    account_number: Annotated[str, Field(pattern=r"^\d{7}$")]
    include_payment_method_fee: bool = False


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def _payment(request: Request, payment_id: str) -> Payment:
    found = sandbox_of(request).komoju.store.payments.get(payment_id)
    if found is None:
        raise KomojuError(404, "not_found", "The requested resource could not be found.")
    return found


@router.post("/payments", tags=["open"])
async def create_payment(request: Request) -> Response:
    """Issue the numbers of a Pay-easy payment."""
    sandbox = sandbox_of(request)
    said = NewPayment.model_validate(request.state.said)
    now = sandbox.komoju.now()
    wanted = said.expires_in_seconds or sandbox.settings.komoju_deadline_seconds
    payment = sandbox.komoju.issue(
        Payment(
            id=new_id(),
            created=now,
            amount=said.amount,
            tax=said.tax,
            bank_id=BANK_ID,
            customer_id=_digits(11),
            confirmation_id=_digits(6),
            deadline=now + min(wanted, sandbox.settings.komoju_deadline_seconds),
            email=said.payment_details.email,
            external_order_num=said.external_order_num,
            description=said.description,
            locale=said.locale,
            metadata=said.metadata,
        )
    )
    return JSONResponse(sandbox.komoju.as_json(payment))


@router.get("/payments", tags=["query"])
async def list_payments(request: Request) -> Response:
    """List payments, newest first; of one external_order_num if named."""
    desk, said = sandbox_of(request).komoju, request.query_params
    try:
        per_page, page = int(said.get("per_page", "10")), int(said.get("page", "1"))
    except ValueError:
        raise KomojuError(422, "invalid_parameter", "per_page and page are whole numbers.", "per_page") from None
    if not (1 <= per_page <= PER_PAGE_MAX and page >= 1):
        raise KomojuError(422, "invalid_parameter", f"per_page is 1 to {PER_PAGE_MAX}, page at least 1.", "per_page")
    order = said.get("external_order_num")
    rows = list(reversed(desk.store.payments.by("order", order))) if order else None
    total = len(rows) if rows is not None else len(desk.store.payments)
    shown = rows if rows is not None else desk.store.payments.newest(page * per_page)
    if (status := said.get("status")) is not None:
        shown = [each for each in shown if each.status == status]
    data = [desk.as_json(each) for each in shown[(page - 1) * per_page : page * per_page]]
    last = -(-total // per_page)
    return JSONResponse(
        {"resource": "list", "total": total, "page": page, "per_page": per_page, "last_page": last, "data": data}
    )


@router.get("/payments/{payment_id}", tags=["query"])
async def show_payment(request: Request, payment_id: str) -> Response:
    """Show one payment."""
    return JSONResponse(sandbox_of(request).komoju.as_json(_payment(request, payment_id)))


@router.post("/payments/{payment_id}/cancel", tags=["expire"])
async def cancel_payment(request: Request, payment_id: str) -> Response:
    """Cancel an unpaid payment; 422 otherwise."""
    desk = sandbox_of(request).komoju
    return JSONResponse(desk.as_json(desk.end(_payment(request, payment_id), "cancelled")))


@router.post("/payments/{payment_id}/refund", tags=["refund"])
async def refund_payment(request: Request, payment_id: str) -> Response:
    """Refuse: Pay-easy has no refund through the network."""
    _payment(request, payment_id)
    raise KomojuError(422, "not_refundable", "Pay-easy cannot be refunded directly. Make a refund_request instead.")


@router.post("/payments/{payment_id}/refund_request", tags=["refund"])
async def request_refund(request: Request, payment_id: str) -> Response:
    """Ask for a refund by bank transfer, decided by people: 200 with status pending."""
    sandbox = sandbox_of(request)
    payment = _payment(request, payment_id)
    said = NewRefundRequest.model_validate(request.state.said)
    now = sandbox.clock.now().timestamp()
    strike = sandbox.faults.strike("komoju", "refund", frozenset({"fails"}))
    wish = sandbox.komoju.request_refund(
        RefundRequest(
            id=new_id(),
            created=int(now),
            payment=payment.id,
            amount=said.amount or max(payment.total - payment.refunded, 1),
            settles_at=now + sandbox.settings.komoju_refund_seconds,
            customer_name=said.customer_name,
            bank_name=said.bank_name,
            bank_code=said.bank_code,
            branch_name=said.branch_name,
            branch_number=said.branch_number,
            account_type=said.account_type,
            account_number_end=said.account_number[-ACCOUNT_DIGITS_SHOWN:],
            description=said.description,
            will_fail=strike is not None,
        )
    )
    return JSONResponse(request_json(wish))


@router.api_route("/{rest:path}", methods=["GET", "POST", "DELETE", "PATCH"], tags=["other"])
async def unknown(request: Request, rest: str) -> Response:
    """Refuse what KOMOJU, or this sandbox, does not have."""
    raise KomojuError(404, "not_found", f"There is no {request.method} /api/v1/{rest} here.")
