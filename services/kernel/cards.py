"""Card numbers: what looks like one is refused wherever it is typed, and blotted out wherever it might be kept.

Pure. No page, field or API of ours takes a card's number (docs/security-payments.md); people type it all the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

from kernel.refusals import Invalid

BLOT = "[redacted]"
DIGITS_MIN, DIGITS_MAX = 13, 19  # ISO/IEC 7812 numbers of the brands
# What people put between groups: spaces of all kinds and every hyphen of a Japanese keyboard, also folded by NFKC.
_BETWEEN = "[ \\u00a0\\u3000\\-\u00ad\u2010-\u2015\u2212\u30fc\uff0d]{0,3}"
_RUN = re.compile(rf"[0-9](?:{_BETWEEN}[0-9]){{{DIGITS_MIN - 1},}}", re.ASCII)
_WIDE_RUN = re.compile(rf"\d(?:{_BETWEEN}\d){{{DIGITS_MIN - 1},}}")
_GROUP = re.compile(r"\d+")
# Identifiers of programs: their digits mean nothing, and one in thousands would pass the check by chance.
_IDS = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{24,})(?![0-9A-Za-z])", re.IGNORECASE
)
_ID_LENGTH = 128  # hexadecimal digits of SHA-512
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the digit sum of a doubled digit


class CardNumberRefused(Invalid):
    """Somebody typed what looks like a card number where none belongs."""

    slug = "card-number-refused"
    advice = "This looks like a card number. Type it only on the payment company's own page; nothing was kept here."


def holds_card_number(text: str) -> bool:
    """Tell whether a text holds a number like a card's.

    13 to 19 digits of whole groups, beginning as the brands' numbers do (3 to 6, or 2221 to 2720), that pass the
    check digit of ISO/IEC 7812 (Luhn). Digits may be full-width, in groups with spaces or hyphens between, and stand
    among other digits, as an expiry date behind. UUIDs and long hexadecimal identifiers are passed over.
    """
    return next(_places(text), None) is not None


def blot(text: str) -> str:
    """Return a text with every number like a card's replaced by BLOT."""
    said, kept = 0, []
    for start, end in _places(text):
        kept += [text[said:start], BLOT]
        said = end
    return "".join((*kept, text[said:])) if kept else text


def unescaped(text: str) -> str:
    r"""Return a text with JSON's \uXXXX as characters, whether or not the rest is JSON."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "\\u" in text else text


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Yield where numbers like a card's begin and end, from left to right, without overlap."""
    runs = _RUN if text.isascii() else _WIDE_RUN
    for found in runs.finditer(text):
        # Identifiers are looked for only around a run of digits: in most texts there is none, and scans are many.
        before = max(found.start() - _ID_LENGTH, 0)
        around = text[before : found.end() + _ID_LENGTH]
        hidden = _IDS.sub(lambda each: "x" * len(each[0]), around)
        for run in runs.finditer(hidden, found.start() - before, found.end() - before):
            at = before + run.start()
            groups = [(at + each.start(), at + each.end()) for each in _GROUP.finditer(run[0])]
            yield from _in_groups(text, groups)


def _in_groups(text: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    digits = [unicodedata.digit(sign) for start, end in groups for sign in text[start:end]]
    # Sums up to each place, with every second digit doubled: those at even places, and those at odd ones.
    sums = [
        list(accumulate((_DOUBLED[each] if place % 2 == odd else each for place, each in enumerate(digits)), initial=0))
        for odd in (0, 1)
    ]
    edges = list(accumulate((end - start for start, end in groups), initial=0))
    first = 0
    while first < len(groups):
        found = None
        for last in range(first, len(groups)):
            start, end = edges[first], edges[last + 1]
            if end - start > DIGITS_MAX:
                break
            doubled = sums[end % 2]  # the last digit stands at end - 1 and is not doubled; the one before it is
            if end - start >= DIGITS_MIN and _of_a_brand(digits, start) and (doubled[end] - doubled[start]) % 10 == 0:
                found = last
        if found is None:
            first += 1
        else:
            yield groups[first][0], groups[found][1]
            first = found + 1


def _of_a_brand(digits: list[int], start: int) -> bool:
    match digits[start]:
        case 3 | 4 | 5 | 6:
            return True
        case 2:
            return (2, 2, 2, 1) <= tuple(digits[start : start + 4]) <= (2, 7, 2, 0)
        case _:
            return False
