"""How the sandbox's pages are rendered: both languages on one page, plainly marked as practice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from kernel.clock import JAPAN
from kernel.money import Yen
from sandbox.edge import bounded_body, sandbox_of

HERE = Path(__file__).parent
RECENT_MAX = 20
# No form-action: a paid form is answered with a redirect to the shop, which browsers would then block.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}

router = APIRouter(include_in_schema=False)

_templates = Environment(
    loader=FileSystemLoader(HERE),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["yen"] = lambda amount: str(Yen(amount))
_templates.filters["moment"] = lambda epoch: (
    datetime.fromtimestamp(epoch, UTC).astimezone(JAPAN).strftime("%Y-%m-%d %H:%M:%S")
)


def render(request: Request, template: str, /, *, status: int = 200, **context: object) -> HTMLResponse:
    """Render one page."""
    merchant = sandbox_of(request).settings.merchant_name
    return HTMLResponse(
        _templates.get_template(template).render(merchant=merchant, **context), status_code=status, headers=HEADERS
    )


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a posted form; the last of a name counts."""
    raw = await bounded_body(request)
    return dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))


@router.get("/sandbox.css")
async def style() -> Response:
    """The look of the sandbox's pages."""
    return FileResponse(HERE / "static" / "sandbox.css", media_type="text/css", headers={"cache-control": "no-cache"})


@router.get("/")
async def index(request: Request) -> Response:
    """Show the latest payments of each provider, with links to pay them."""
    sandbox = sandbox_of(request)
    return render(
        request,
        "templates/index.html",
        sessions=sandbox.stripe.store.sessions.newest(RECENT_MAX),
        codes=sandbox.paypay.store.codes.newest(RECENT_MAX),
        payments=sandbox.komoju.store.payments.newest(RECENT_MAX),
        trades=[each for each in sandbox.gmopg.store.trades.newest(RECENT_MAX) if each.receipt_no],
        faults=sandbox.faults.waiting(),
        undelivered=sandbox.sender.waiting,
    )
