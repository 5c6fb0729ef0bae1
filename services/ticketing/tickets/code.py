"""Ticket codes, `MMJ` scheme 1: what a QR code on a ticket says, signed so that a gate can believe it offline.

The text form is `MMJ1` followed by the Base32 (RFC 4648 §6, upper case) of 90 bytes: 148 characters, which
QR codes hold in their alphanumeric mode, version 5 at level L and version 6 at level M. 90 bytes are exactly
144 Base32 characters, so that there is no padding and a code has one spelling only. All numbers are big-endian.

    offset  bytes  content
         0      1  key id, 1 to 255
         1     16  ticket id (UUID)
        17      2  facility number, 1 to 65535
        19      2  product number, 1 to 65535 (unique within the facility)
        21      2  visit date, days since 2020-01-01 (to 2199-06-06)
        23      3  bits 23-13: slot, its start as minutes of the day in Japan; 2047 for the whole day
                   bits 12-7:  category number, 0 to 63 (unique within the facility; 0 for none)
                   bits  6-0:  party, how many persons enter, 1 to 127
        26     64  Ed25519 signature (RFC 8032) over the ASCII bytes "momiji-ticket-code-1", a zero byte
                   and bytes 0 to 25

The words before the signed bytes keep a signature made for something else from ever being a ticket.
No personal data. docs/ticket-code.md explains it to people; islands/code.ts is the twin in TypeScript,
and tests/vectors/ticket-code.json binds the two.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal, assert_never
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ticketing.tickets.keys import KEY_ID_MAX, VerificationKey
from ticketing.tickets.typed import capitals

SCHEME: Final = "MMJ1"
DOMAIN: Final = b"momiji-ticket-code-1\x00"
EPOCH: Final = date(2020, 1, 1)
CLAIMS_BYTES: Final = 26
SIGNATURE_BYTES: Final = 64
CODE_CHARACTERS: Final = 148
INPUT_CHARACTERS_MAX: Final = 1024
NUMBER_MAX: Final = 0xFFFF
CATEGORY_MAX: Final = 63
PARTY_MAX: Final = 127
_DAY_MINUTES: Final = 1440
_WHOLE_DAY: Final = 0x7FF
_BASE32: Final = re.compile(r"[A-Z2-7]+")  # RFC 4648 section 6
_DIGITS: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv")
_LATER_SCHEMES: Final = "23456789"

MalformedReason = Literal["not_a_ticket_code", "unknown_scheme", "wrong_length", "not_base32", "impossible_value"]
ForgedReason = Literal["bad_signature", "malformed", "unknown_key"]


@dataclass(frozen=True, slots=True)
class TicketClaims:
    """What a ticket code states; limits as in the module's table.

    Args:
        slot: the start of the visit in Japan's time in whole minutes, or None for the whole day.

    Raises:
        ValueError: a value does not fit its place in the code.
    """

    key_id: int
    ticket_id: UUID
    facility: int
    product: int
    category: int
    party: int
    visit_date: date
    slot: time | None

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("key_id", self.key_id, 1, KEY_ID_MAX),
            ("facility", self.facility, 1, NUMBER_MAX),
            ("product", self.product, 1, NUMBER_MAX),
            ("category", self.category, 0, CATEGORY_MAX),
            ("party", self.party, 1, PARTY_MAX),
            ("visit_date", (self.visit_date - EPOCH).days, 0, NUMBER_MAX),
        ):
            if not least <= value <= most:
                raise ValueError(f"A ticket code holds {name} {least} to {most}, not {value}.")
        if self.slot is not None and (self.slot.second or self.slot.microsecond or self.slot.tzinfo is not None):
            raise ValueError("A slot starts on a whole minute of Japan's time, without a time zone.")


@dataclass(frozen=True, slots=True)
class Unverified:
    """A code that can be read. Its claims are only to be believed once `verify` says Genuine."""

    claims: TicketClaims
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Malformed:
    """A text that is no ticket code of scheme 1.

    `unknown_scheme` is a later scheme: the reader needs an update, the visitor is not to blame.
    """

    reason: MalformedReason


Reading = Unverified | Malformed


@dataclass(frozen=True, slots=True)
class Genuine:
    """We signed it; whether the ticket is valid here and now is for admission to say."""

    claims: TicketClaims


@dataclass(frozen=True, slots=True)
class Forged:
    """Not to be believed. `unknown_key`: no key with that id vouches for that facility at this moment."""

    reason: ForgedReason


Verdict = Genuine | Forged


def sign(claims: TicketClaims, private_key: Ed25519PrivateKey) -> str:
    """Return the text form of a signed code: 148 characters. The same claims and key give the same code."""
    payload = _payload(claims)
    return SCHEME + base64.b32encode(payload + private_key.sign(DOMAIN + payload)).decode("ascii")


def read(text: str) -> Reading:
    """Read a code without believing it; never raises.

    Lower case, full-width letters and spaces are forgiven, and so is an address in front
    (everything up to the last `/`, `=` or `#`).
    """
    if len(text) > INPUT_CHARACTERS_MAX:
        return Malformed("wrong_length")
    code = capitals(text)
    code = code[max(code.rfind("/"), code.rfind("="), code.rfind("#")) + 1 :]
    if not code.startswith(SCHEME):
        later = code.startswith(SCHEME[:3]) and code[3:4] != "" and code[3:4] in _LATER_SCHEMES
        return Malformed("unknown_scheme" if later else "not_a_ticket_code")
    if len(code) != CODE_CHARACTERS:
        return Malformed("wrong_length")
    letters = code[len(SCHEME) :]
    if _BASE32.fullmatch(letters) is None:
        return Malformed("not_base32")
    # 16 letters are 10 whole bytes, so the code is one number; int() reads it many times faster than base64 does.
    raw = int(letters.translate(_DIGITS), 32).to_bytes(len(letters) * 5 // 8, "big")
    claims = _claims(raw[:CLAIMS_BYTES])
    if claims is None:
        return Malformed("impossible_value")
    return Unverified(claims, raw[:CLAIMS_BYTES], raw[CLAIMS_BYTES:])


def verify(text: str, keys: Mapping[int, VerificationKey], *, at: datetime) -> Verdict:
    """Tell whether a code is one that we signed; never raises. `keys` are by id, `at` is aware."""
    reading = read(text)
    match reading:
        case Malformed():
            return Forged("malformed")
        case Unverified():
            return verify_reading(reading, keys, at=at)
        case _:
            assert_never(reading)


def verify_reading(reading: Unverified, keys: Mapping[int, VerificationKey], *, at: datetime) -> Verdict:
    """Tell whether a code that was read is one that we signed; never raises."""
    key = keys.get(reading.claims.key_id)
    if key is None or not key.verifies_at(at) or not key.covers(reading.claims.facility):
        return Forged("unknown_key")
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(reading.signature, DOMAIN + reading.payload)
    except (InvalidSignature, ValueError):  # ValueError: the bytes of the key are no point of the curve
        return Forged("bad_signature")
    return Genuine(reading.claims)


def _payload(claims: TicketClaims) -> bytes:
    minutes = _WHOLE_DAY if claims.slot is None else claims.slot.hour * 60 + claims.slot.minute
    return (
        claims.key_id.to_bytes(1)
        + claims.ticket_id.bytes
        + claims.facility.to_bytes(2)
        + claims.product.to_bytes(2)
        + (claims.visit_date - EPOCH).days.to_bytes(2)
        + (minutes << 13 | claims.category << 7 | claims.party).to_bytes(3)
    )


def _claims(payload: bytes) -> TicketClaims | None:
    packed = int.from_bytes(payload[23:26])
    minutes = packed >> 13
    if minutes >= _DAY_MINUTES and minutes != _WHOLE_DAY:
        return None
    try:
        return TicketClaims(
            key_id=payload[0],
            ticket_id=UUID(bytes=payload[1:17]),
            facility=int.from_bytes(payload[17:19]),
            product=int.from_bytes(payload[19:21]),
            category=packed >> 7 & CATEGORY_MAX,
            party=packed & PARTY_MAX,
            visit_date=EPOCH + timedelta(days=int.from_bytes(payload[21:23])),
            slot=None if minutes == _WHOLE_DAY else time(minutes // 60, minutes % 60),
        )
    except ValueError:  # one of the zeros that the table does not allow
        return None
