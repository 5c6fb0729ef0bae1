"""PayPay's API below /paypay/v2: dynamic QR codes, payments, refunds, with the real authorization."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.edge import bounded_body, sandbox_of, with_faults
from sandbox.faults.model import Fault
from sandbox.paypay import model
from sandbox.paypay.model import Code, PayPayError, Refund, ResultCode

MOUNT = "/paypay"
AMOUNT_YEN_MAX = 99_999_999_999
Text255 = Annotated[str, Field(max_length=255)]


class PayPayRoute(APIRoute):
    """A route of PayPay's API; its first tag is the operation that faults name."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the authorization before the handler."""
        handler = super().get_route_handler()
        operation = str(self.tags[0]) if self.tags else "other"

        async def handle(request: Request) -> Response:
            try:
                return await _enter(request, operation, handler)
            except PayPayError as refused:
                return _result(refused.result, str(refused))

        return handle


async def _enter(
    request: Request, operation: str, handler: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    sandbox = sandbox_of(request)
    body = await bounded_body(request)
    sandbox.doorman.check(
        request.headers.get("authorization", ""),
        # The client signs PayPay's own path; /paypay is only where this sandbox keeps it.
        path=request.scope["raw_path"].decode("ascii").removeprefix(MOUNT),
        method=request.method,
        content_type=request.headers.get("content-type", ""),
        body=body,
        now=sandbox.paypay.now(),
    )
    if request.headers.get("x-assume-merchant", "") != sandbox.settings.paypay_merchant_id:
        raise PayPayError(model.UNAUTHORIZED, "X-ASSUME-MERCHANT is missing or not a merchant of this key.")

    async def act(pause: float) -> Response:
        await asyncio.sleep(pause)
        request.state.body = body
        return await handler(request)

    try:
        return await with_faults(
            sandbox,
            "paypay",
            operation,
            act,
            error=lambda: _result(model.INTERNAL_SERVER_ERROR, "Something went wrong on PayPay's side."),
            maintenance=lambda: _result(model.MAINTENANCE_MODE, "Sorry, we are down for scheduled maintenance."),
            unauthorized=lambda: _result(model.UNAUTHORIZED, "The API key is not known (a fault on purpose)."),
            too_many=lambda: _result(model.RATE_LIMIT, "Too many requests."),
        )
    except ValidationError as refused:
        first = refused.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PayPayError(model.INVALID_REQUEST_PARAMS, f"{place}: {first['msg']}") from None


def _result(result: ResultCode, message: str, data: dict[str, Any] | None = None) -> JSONResponse:
    code, code_id, status = result
    return JSONResponse(
        {"resultInfo": {"code": code, "message": message, "codeId": code_id}, "data": data}, status_code=status
    )


def _success(data: dict[str, Any] | None, *, status: int = 200) -> JSONResponse:
    code, code_id, _ = model.SUCCESS
    return JSONResponse(
        {"resultInfo": {"code": code, "message": "Success", "codeId": code_id}, "data": data}, status_code=status
    )


router = APIRouter(prefix=f"{MOUNT}/v2", route_class=PayPayRoute, include_in_schema=False)


class Amount(BaseModel):
    """An amount of money."""

    model_config = ConfigDict(extra="forbid", strict=True)
    amount: int = Field(ge=1, le=AMOUNT_YEN_MAX)
    currency: Literal["JPY"]


class Price(Amount):
    """A unit price, which may be nothing."""

    amount: int = Field(ge=0, le=AMOUNT_YEN_MAX)


class OrderItem(BaseModel):
    """One line shown to the payer."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(min_length=1, max_length=150)
    category: Text255 | None = None
    quantity: int = Field(ge=1)
    product_id: Text255 | None = Field(default=None, alias="productId")
    unit_price: Price = Field(alias="unitPrice")


class NewCode(BaseModel):
    """The body of POST /v2/codes."""

    model_config = ConfigDict(extra="forbid", strict=True)
    merchant_payment_id: str = Field(alias="merchantPaymentId", min_length=1, max_length=64)
    amount: Amount
    code_type: Literal["ORDER_QR"] = Field(alias="codeType")
    requested_at: int | None = Field(default=None, alias="requestedAt", ge=0)
    order_description: Text255 = Field(default="", alias="orderDescription")
    order_items: list[OrderItem] = Field(default_factory=list, alias="orderItems", max_length=100)
    metadata: dict[str, Any] | None = None
    store_info: Text255 | None = Field(default=None, alias="storeInfo")
    store_id: Text255 | None = Field(default=None, alias="storeId")
    terminal_id: Text255 | None = Field(default=None, alias="terminalId")
    redirect_url: str | None = Field(default=None, alias="redirectUrl", max_length=2_000, pattern="^https?://")
    redirect_type: Literal["WEB_LINK", "APP_DEEP_LINK"] | None = Field(default=None, alias="redirectType")
    user_agent: str | None = Field(default=None, alias="userAgent", max_length=2_000)
    is_authorization: Literal[False] | None = Field(default=None, alias="isAuthorization")
    authorization_expiry: int | None = Field(default=None, alias="authorizationExpiry")


class NewRefund(BaseModel):
    """The body of POST /v2/refunds."""

    model_config = ConfigDict(extra="forbid", strict=True)
    merchant_refund_id: str = Field(alias="merchantRefundId", min_length=1, max_length=64)
    payment_id: str = Field(alias="paymentId", min_length=1, max_length=64)
    amount: Amount
    requested_at: int = Field(alias="requestedAt", ge=0)
    reason: Text255 = ""


def code_json(code: Code, base: str) -> dict[str, Any]:
    """A code as POST /v2/codes answers it."""
    url = f"{base}{MOUNT}/pay/{code.code_id}"
    return {
        "codeId": code.code_id,
        "url": url,
        "deeplink": f"paypay://payment?link_key={url}",
        "expiryDate": code.expires_at,
        "merchantPaymentId": code.id,
        "amount": {"amount": code.amount, "currency": "JPY"},
        "orderDescription": code.description,
        "orderItems": [],
        "metadata": code.metadata,
        "codeType": "ORDER_QR",
        "storeId": code.store_id,
        "terminalId": code.terminal_id,
        "requestedAt": code.requested_at,
        "redirectUrl": code.redirect_url,
        "isAuthorization": False,
    }


def _payment_json(request: Request, code: Code) -> dict[str, Any]:
    refunds = [_refund_json(each) for each in sandbox_of(request).paypay.store.refunds.by("payment", code.id)]
    if not code.paid and code.status == "CREATED":
        # An unpaid code is CREATED, also after its expiry: so says PayPay's own help page.
        return {"status": "CREATED", "acceptedAt": 0, "requestedAt": 0}
    said: dict[str, Any] = {
        "paymentId": code.payment_id,
        "status": code.status,
        "acceptedAt": code.accepted_at,
        "refunds": {"data": refunds},
        "captures": {"data": []},
        "merchantPaymentId": code.id,
        "userAuthorizationId": None,
        "amount": {"amount": code.amount, "currency": "JPY"},
        "requestedAt": code.requested_at,
        "expiresAt": None,
        "canceledAt": code.canceled_at,
        "storeId": code.store_id,
        "terminalId": code.terminal_id,
        "orderDescription": code.description,
        "metadata": code.metadata,
        "assumeMerchant": sandbox_of(request).settings.paypay_merchant_id,
    }
    return {name: value for name, value in said.items() if value is not None}


def _refund_json(refund: Refund) -> dict[str, Any]:
    return {
        "status": refund.status,
        "acceptedAt": refund.accepted_at,
        "merchantRefundId": refund.id,
        "paymentId": refund.payment_id,
        "amount": {"amount": refund.amount, "currency": "JPY"},
        "requestedAt": refund.requested_at,
        "reason": refund.reason,
    }


@router.post("/codes", tags=["open"])
async def create_code(request: Request) -> Response:
    """Make a dynamic QR code."""
    desk = sandbox_of(request).paypay
    said = NewCode.model_validate_json(request.state.body)
    now = desk.now()
    code = desk.create(
        Code(
            id=said.merchant_payment_id,
            code_id=f"04-{secrets.token_urlsafe(12)}",
            amount=said.amount.amount,
            requested_at=said.requested_at or now,
            expires_at=now + sandbox_of(request).settings.paypay_code_seconds,
            description=said.order_description,
            redirect_url=said.redirect_url,
            store_id=said.store_id,
            terminal_id=said.terminal_id,
            metadata=said.metadata or {},
        )
    )
    return _success(code_json(code, sandbox_of(request).settings.base), status=201)


@router.delete("/codes/{code_id}", tags=["expire"])
async def delete_code(request: Request, code_id: str) -> Response:
    """Delete an unpaid code."""
    sandbox_of(request).paypay.delete(code_id)
    return _success(None)


@router.get("/codes/payments/{payment}", tags=["query"])
@router.get("/payments/{payment}", tags=["query"])
async def show_payment(request: Request, payment: str) -> Response:
    """Show the payment of a merchantPaymentId: CREATED while unpaid, not found if there is no code."""
    return _success(_payment_json(request, _code(request, payment)))


@router.delete("/payments/{payment}", tags=["expire"])
async def cancel_payment(request: Request, payment: str) -> Response:
    """Cancel a payment: 202 accepted."""
    sandbox_of(request).paypay.cancel(_code(request, payment))
    return _result(model.REQUEST_ACCEPTED, "Request accepted")


def _code(request: Request, payment: str) -> Code:
    found = sandbox_of(request).paypay.store.codes.get(payment)
    if found is None or found.status == "DELETED":
        raise PayPayError(model.DYNAMIC_QR_PAYMENT_NOT_FOUND, "There is no payment with this merchantPaymentId.")
    return found


@router.post("/refunds", tags=["refund"])
async def create_refund(request: Request) -> Response:
    """Refund a payment, whole or in part; the same merchantRefundId is one refund."""
    desk = sandbox_of(request).paypay
    said = NewRefund.model_validate_json(request.state.body)
    code = desk.store.by_payment(said.payment_id)
    if code is None:
        raise PayPayError(model.DYNAMIC_QR_PAYMENT_NOT_FOUND, "There is no payment with this paymentId.")
    strike: Fault | None = sandbox_of(request).faults.strike("paypay", "refund", frozenset({"fails"}))
    if strike is not None:
        raise PayPayError(model.ORDER_NOT_REVERSIBLE, "The payment cannot be refunded (a fault on purpose).")
    refund = desk.refund(
        Refund(
            id=said.merchant_refund_id,
            payment=code.id,
            payment_id=said.payment_id,
            amount=said.amount.amount,
            requested_at=said.requested_at,
            accepted_at=desk.now(),
            reason=said.reason,
        )
    )
    data = _refund_json(refund) | {"assumeMerchant": sandbox_of(request).settings.paypay_merchant_id}
    return _success(data, status=201)


@router.get("/refunds/{refund_id}", tags=["query"])
async def show_refund(request: Request, refund_id: str) -> Response:
    """Show a refund by its merchantRefundId."""
    found = sandbox_of(request).paypay.store.refunds.get(refund_id)
    if found is None:
        raise PayPayError(model.NO_SUCH_REFUND_ORDER, "There is no refund with this merchantRefundId.")
    return _success(_refund_json(found))


@router.api_route("/{rest:path}", methods=["GET", "POST", "DELETE", "PUT"], tags=["other"])
async def unknown(request: Request, rest: str) -> Response:
    """Refuse what PayPay, or this sandbox, does not have."""
    raise PayPayError(model.INVALID_URL, f"There is no {request.method} /v2/{json.dumps(rest)} here.")
