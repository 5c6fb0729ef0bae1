"""Data objects of EMVCo QR codes: two digits of id, two of length, a value; and the check characters at the end.

Source: EMV QR Code Specification for Payment Systems, Merchant-Presented Mode 1.1, chapters 3 and 4. A length counts
characters (Unicode code points), not bytes; the check characters are computed over the UTF-8 bytes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from payments.static_codes.problems import CodeProblem, FieldCutShort, FieldEmpty, FieldTwice, FieldUnreadable

HEADER: Final = 4
VALUE_MAX: Final = 99
CHECK_HEADER: Final = "6304"
CHECK_LENGTH: Final = 4
DIGITS: Final = frozenset("0123456789")
SHOWN_MAX: Final = 40
_POLYNOMIAL: Final = 0x1021
_START: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Field:
    """One data object. `position` is the character (from 1) at which its id begins; it makes no difference."""

    tag: str
    value: str
    position: int = field(default=0, compare=False)

    @property
    def inside(self) -> int:
        """The character at which the value begins."""
        return self.position + HEADER


def crc16(data: bytes) -> int:
    """Return CRC-16/CCITT-FALSE: polynomial 1021, start FFFF, nothing reflected; of `123456789` it is 29B1."""
    crc = _START
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ _POLYNOMIAL if crc & 0x8000 else crc << 1
            crc &= 0xFFFF
    return crc


def check_characters(text: str) -> str:
    """Return the four check characters of a text that ends with `6304`: hex digits, upper case."""
    return f"{crc16(text.encode('utf-8', 'surrogatepass')):04X}"


def read(text: str, *, position: int = 1, within: str = "") -> tuple[tuple[Field, ...], list[CodeProblem]]:
    """Return the data objects of a text and what is wrong with its structure.

    `position`: where the text begins in the whole code; `within`: the tag of the template that it is the value of.
    Reading ends at the first object whose header or length cannot be right: behind it nothing is certain.
    """
    fields: list[Field] = []
    problems: list[CodeProblem] = []
    seen: set[str] = set()
    at = 0
    while at < len(text):
        header = text[at : at + HEADER]
        if len(header) < HEADER or not set(header) <= DIGITS:
            problems.append(FieldUnreadable(position=position + at, found=shown(header), within=within or "-"))
            break
        tag, length = header[:2], int(header[2:])
        name = path(within, tag)
        left = len(text) - at - HEADER
        if left < length:
            problems.append(FieldCutShort(tag=name, position=position + at, length=length, left=left))
            break
        if not length:
            problems.append(FieldEmpty(tag=name, position=position + at))
        if tag in seen:
            problems.append(FieldTwice(tag=name, position=position + at))
        seen.add(tag)
        fields.append(Field(tag, text[at + HEADER : at + HEADER + length], position + at))
        at += HEADER + length
    return tuple(fields), problems


def write(fields: Iterable[Field]) -> str:
    """Return data objects as text. Raises ValueError for an id that has not two digits, or a value beyond 1 to 99."""
    return "".join(_written(each) for each in fields)


def _written(one: Field) -> str:
    if len(one.tag) != 2 or not set(one.tag) <= DIGITS:  # noqa: PLR2004 - two digits of id
        raise ValueError(f"{one.tag!r} is no field's number: two digits, please.")
    if not 1 <= len(one.value) <= VALUE_MAX:
        raise ValueError(
            f"Field {one.tag} has {len(one.value)} characters; 1 to {VALUE_MAX} can be written. Shorten it."
        )
    return f"{one.tag}{len(one.value):02d}{one.value}"


def path(within: str, tag: str) -> str:
    """Return a field's number as people read it: 59, or 26-01 for one within a template."""
    return f"{within}-{tag}" if within else tag


def legible(character: str) -> bool:
    """Tell whether a character can be read: neither a control character, nor half of one, nor of no standard."""
    return unicodedata.category(character) not in {"Cc", "Cs", "Co", "Cn"}


def shown(value: str) -> str:
    """Return a value as a message shows it: bounded, and without what cannot be read."""
    cut = value if len(value) <= SHOWN_MAX else value[: SHOWN_MAX - 1] + "…"
    return "".join(each if legible(each) else "\N{REPLACEMENT CHARACTER}" for each in cut)
