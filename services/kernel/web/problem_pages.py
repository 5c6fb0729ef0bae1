"""Problems as pages: one for each `type` of a problem answer (RFC 9457 section 3.1.1), one for a wrong address."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from kernel.problems import CRASH_ADVICE, status_of_kind
from kernel.refusals import NotFound, Refusal
from kernel.web.pages import Pages

Handler = Callable[[Request, Any], Response | Awaitable[Response]]
FIELD = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One type of problem. `advice` is a gettext message whose fields an answer fills in."""

    slug: str
    status: HTTPStatus
    advice: str

    @property
    def fields(self) -> list[str]:
        """The names under `fields` of an answer."""
        return FIELD.findall(self.advice)


class UnknownProblem(NotFound):
    """Nobody answers with this type."""

    slug = "unknown-problem"
    advice = "There is no such type of problem. The list of all of them is at /problems."


class WrongAddress(NotFound):
    """A person's browser asked for what is not there, or for something that is no id."""

    slug = "wrong-address"
    advice = "Nothing answers here. Check the address."


def mount_problem_pages(app: FastAPI, pages: Pages) -> None:
    """Serve /problems and /problems/{slug} for every refusal that is known once the service's modules are loaded.

    A wrong address is answered with a page where a browser asks, with a problem answer otherwise.
    """
    _answer_browsers(app, pages)
    known = {each.slug: each for each in _problems()}

    def said(request: Request, problem: Problem) -> str:
        return FIELD.sub("…", pages.message(request, problem.advice))

    @app.get("/problems", include_in_schema=False)
    async def problems(request: Request) -> Response:
        rows = [(each, said(request, each)) for _, each in sorted(known.items())]
        return pages.render(request, "problems.html", rows=rows)

    @app.get("/problems/{slug}", include_in_schema=False)
    async def problem(request: Request, slug: str) -> Response:
        found = known.get(slug)
        if found is None:
            return pages.refusal(request, UnknownProblem())
        return pages.render(request, "problem.html", problem=found, said=said(request, found))


def _answer_browsers(app: FastAPI, pages: Pages) -> None:
    def unless_a_browser_asks(to_program: Handler) -> Handler:
        async def answer(request: Request, problem: Exception) -> Response:
            by_browser = request.method == "GET" and "text/html" in request.headers.get("accept", "")
            if by_browser and not request.url.path.startswith("/v1/"):
                return pages.refusal(request, WrongAddress())
            said = to_program(request, problem)
            return said if isinstance(said, Response) else await said

        return answer

    for error in (HTTPException, RequestValidationError):
        app.add_exception_handler(error, unless_a_browser_asks(app.exception_handlers[error]))


def _problems() -> Iterator[Problem]:
    yield Problem("unexpected", HTTPStatus.INTERNAL_SERVER_ERROR, CRASH_ADVICE)
    for status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        yield Problem(status.phrase.lower().replace(" ", "-"), status, WrongAddress.advice)
    for kind in _kinds(Refusal):
        yield Problem(kind.slug, status_of_kind(kind), kind.advice)


def _kinds(base: type[Refusal]) -> Iterator[type[Refusal]]:
    for kind in base.__subclasses__():
        yield from _kinds(kind)
        if "advice" in vars(kind):
            yield kind
