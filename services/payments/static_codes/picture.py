"""The QR code of a merchant-presented code, for paper."""

from __future__ import annotations

from typing import Final

import segno

QUIET_ZONE_MODULES: Final = 4


def picture(text: str) -> str:
    """Return an SVG as a data address: level M for paper, quiet zone included, black on white.

    The text stands in it as UTF-8 bytes, over which its check characters were computed; left to itself segno would
    write Japanese in Shift_JIS, and every app would refuse the code.
    """
    made = segno.make(text, error="m", mode="byte", encoding="utf-8", eci=False, micro=False, boost_error=False)
    return str(made.svg_data_uri(scale=8, border=QUIET_ZONE_MODULES, light="#fff", nl=False))
