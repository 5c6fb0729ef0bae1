"""Pictures of ticket codes: QR codes (ISO/IEC 18004) as SVG for pages and paper, and as PNG."""

from __future__ import annotations

import io
from typing import Final, Literal
from xml.sax.saxutils import escape

import segno

Level = Literal["L", "M"]
"""Error correction: L (7 %) for screens, where the larger modules matter more; M (15 %) for paper, which gets dirty."""

QUIET_ZONE_MODULES: Final = 4
SCALE_MAX: Final = 40
CODE_CHARACTERS_MAX: Final = 512


def svg(code: str, *, level: Level, scale: int = 8, title: str = "QR") -> str:
    """Return an SVG of `scale` pixels a module, quiet zone included, on white so that dark pages do not invert it.

    `title` is what a screen reader says. It holds no style and no script, so it may stand in a page under
    a strict Content-Security-Policy.

    Raises:
        ValueError: the code or the scale is larger than any ticket needs.
    """
    rows = _modules(code, level, scale)
    size = len(rows) + 2 * QUIET_ZONE_MODULES
    path = "".join(_row(row, at + QUIET_ZONE_MODULES) for at, row in enumerate(rows))
    pixels = size * scale
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{pixels}" height="{pixels}" viewBox="0 0 {size} {size}"'
        f' role="img" shape-rendering="crispEdges"><title>{escape(title)}</title>'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{path}"/></svg>'
    )


def png(code: str, *, level: Level, scale: int = 8) -> bytes:
    """Return a PNG of `scale` pixels a module, quiet zone included, black on white.

    Raises:
        ValueError: the code or the scale is larger than any ticket needs.
    """
    _check(code, scale)
    drawn = io.BytesIO()
    _qr(code, level).save(drawn, kind="png", scale=scale, border=QUIET_ZONE_MODULES)
    return drawn.getvalue()


def _modules(code: str, level: Level, scale: int) -> list[bytes]:
    _check(code, scale)
    return [bytes(row) for row in _qr(code, level).matrix]


def _check(code: str, scale: int) -> None:
    if not 1 <= len(code) <= CODE_CHARACTERS_MAX or not 1 <= scale <= SCALE_MAX:
        raise ValueError(f"A picture takes 1 to {CODE_CHARACTERS_MAX} characters and a scale of 1 to {SCALE_MAX}.")


def _qr(code: str, level: Level) -> segno.QRCode:
    # boost_error would quietly raise L to M where a version has room: harmless, but then nobody knows what is shown.
    return segno.make_qr(code, error=level, boost_error=False)


def _row(row: bytes, top: int) -> str:
    """Return the path of one row: one rectangle for each run of dark modules."""
    drawn: list[str] = []
    start: int | None = None
    for at, dark in enumerate((*row, 0)):
        if dark and start is None:
            start = at
        elif not dark and start is not None:
            drawn.append(f"M{start + QUIET_ZONE_MODULES} {top}h{at - start}v1h-{at - start}z")
            start = None
    return "".join(drawn)
