"""Problem answers (RFC 9457): every refusal as one JSON shape, each type with a page of its own."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from kernel import refusals
from kernel.refusals import Refusal
from kernel.telemetry import correlation_id

log = logging.getLogger(__name__)

CRASH_ADVICE = "This is our fault, and it is in our log under the correlation id. Nothing half done was kept."
_STATUS: tuple[tuple[type[Refusal], HTTPStatus], ...] = (
    (refusals.Malformed, HTTPStatus.BAD_REQUEST),
    (refusals.Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (refusals.Forbidden, HTTPStatus.FORBIDDEN),
    (refusals.NotFound, HTTPStatus.NOT_FOUND),
    (refusals.Conflict, HTTPStatus.CONFLICT),
    (refusals.Gone, HTTPStatus.GONE),
    (refusals.TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (refusals.Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (refusals.TooMany, HTTPStatus.TOO_MANY_REQUESTS),
    (refusals.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


def status_of(refusal: Refusal) -> HTTPStatus:
    """Return the HTTP status of a refusal."""
    return status_of_kind(type(refusal))


def status_of_kind(kind: type[Refusal]) -> HTTPStatus:
    """Return the HTTP status that a kind of refusal is answered with."""
    for base, status in _STATUS:
        if issubclass(kind, base):
            return status
    raise TypeError(f"{kind.__name__} stands under none of the kinds in kernel.refusals.")


def problem(status: int, *, slug: str, title: str, detail: str, **more: object) -> JSONResponse:
    """Return one problem answer."""
    body = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail} | more
    body["correlation_id"] = correlation_id.get()
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def answer_refusal(refusal: Refusal) -> JSONResponse:
    """Return the problem answer of a refusal."""
    status = status_of(refusal)
    return problem(status, slug=refusal.slug, title=status.phrase, detail=refusal.detail, fields=dict(refusal.fields))


def answer_crash(_crash: Exception) -> JSONResponse:
    """Return the answer to a fault of ours; what it was stays in the log."""
    return problem(
        500,
        slug="unexpected",
        title="Internal Server Error",
        detail=CRASH_ADVICE,
    )


def install(app: FastAPI) -> None:
    """Turn every refusal, validation error, wrong address and crash of an app into a problem answer."""

    async def on_refusal(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - registered for this type below
        return answer_refusal(error)

    async def on_validation(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type below
        places = [
            {"at": ".".join(str(part) for part in each["loc"]), "problem": str(each["msg"])} for each in error.errors()
        ]
        first = places[0] if places else {"at": "body", "problem": "it is not valid"}
        unreadable = any(each["type"] in {"json_invalid", "missing_body"} for each in error.errors())
        status = HTTPStatus.BAD_REQUEST if unreadable else HTTPStatus.UNPROCESSABLE_ENTITY
        return problem(
            status,
            slug="malformed" if unreadable else "invalid",
            title=status.phrase,
            detail=f"{first['at']}: {first['problem']}. Correct it and send it again.",
            errors=places,
        )

    async def on_http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type below
        phrase = HTTPStatus(error.status_code).phrase
        slug = phrase.lower().replace(" ", "-")
        return problem(error.status_code, slug=slug, title=phrase, detail=f"{error.detail}. Check the address.")

    async def on_database_away(_request: Request, error: Exception) -> Response:
        log.error("the database does not answer", exc_info=error)
        return answer_refusal(refusals.Unavailable())

    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(OperationalError, on_database_away)
    app.add_exception_handler(PoolTimeoutError, on_database_away)
