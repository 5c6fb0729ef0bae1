"""What people type and scanners send, as plain capitals: a Japanese keyboard sends full-width letters."""

from __future__ import annotations

from typing import Final

# One list for both languages (islands/typed.ts); "whitespace" alone means different things to Python and JavaScript.
_SPACES: Final = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u200c\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
_FULL_WIDTH_FIRST: Final = 0xFF01  # U+FF01 to U+FF5E mirror ASCII 0x21 to 0x7E
_FULL_WIDTH_LAST: Final = 0xFF5E
_FULL_WIDTH_OFFSET: Final = 0xFEE0

_TABLE: Final[dict[int, int | None]] = {
    **{code: code - _FULL_WIDTH_OFFSET for code in range(_FULL_WIDTH_FIRST, _FULL_WIDTH_LAST + 1)},
    **{ord(lower): ord(lower) - 32 for lower in "abcdefghijklmnopqrstuvwxyz"},
    **{ord(lower) + _FULL_WIDTH_OFFSET: ord(lower) - 32 for lower in "abcdefghijklmnopqrstuvwxyz"},
    **dict.fromkeys(map(ord, _SPACES)),
}


def capitals(text: str) -> str:
    """Return a text without spaces, full-width ASCII made plain and ASCII letters made capitals; nothing else."""
    return text.translate(_TABLE)
