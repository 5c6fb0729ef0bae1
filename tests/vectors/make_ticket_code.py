"""Write ticket-code.json: `python tests/vectors/make_ticket_code.py`. The same bytes every time.

The keys are made of plain test seeds; no installation uses them.
"""

import base64
import hashlib
import json
from datetime import UTC, date, datetime, time
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ticketing.tickets import code, number
from ticketing.tickets.code import TicketClaims

FILE = Path(__file__).with_name("ticket-code.json")
AT = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)

KEYS = [
    {"id": 1, "valid_from": "2026-04-01T00:00:00Z", "valid_until": None, "scope": "all"},
    {"id": 2, "valid_from": "2026-04-01T00:00:00Z", "valid_until": None, "scope": [4, 5]},
    {"id": 3, "valid_from": "2025-04-01T00:00:00Z", "valid_until": "2026-10-01T00:00:00Z", "scope": "all"},
    {"id": 255, "valid_from": "2027-04-01T00:00:00Z", "valid_until": None, "scope": "all"},
]


def private(key_id):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"momiji test key {key_id}".encode()).digest())


def claims(**changes):
    example = {
        "key_id": 1,
        "ticket_id": UUID("01985d2e-7c4a-7b3e-9f10-2a6b5c4d3e2f"),
        "facility": 3,
        "product": 17,
        "category": 2,
        "party": 1,
        "visit_date": date(2026, 11, 23),
        "slot": time(9, 30),
    }
    return TicketClaims(**{**example, **changes})


def signed(**changes):
    stated = claims(**changes)
    return code.sign(stated, private(stated.key_id))


def raw(text):
    return bytearray(base64.b32decode(text[4:]))


def text_of(content):
    return "MMJ1" + base64.b32encode(bytes(content)).decode()


def changed(text, at, to):
    content = raw(text)
    content[at] = to
    return text_of(content)


def signed_bytes(payload):
    """Sign any 26 bytes, those that no TicketClaims allows included."""
    return text_of(bytes(payload) + private(1).sign(code.DOMAIN + bytes(payload)))


def packed(payload, minutes, category, party):
    return payload[:23] + (minutes << 13 | category << 7 | party).to_bytes(3)


def full_width(text):
    return "".join(chr(ord(each) + 0xFEE0) for each in text)


def cases():  # noqa: PLR0915 - a list
    good = signed()
    payload = raw(good)[:26]
    group_order = 2**252 + 27742317777372353535851937790883648493
    high = raw(good)
    high[58:] = (int.from_bytes(high[58:], "little") + group_order).to_bytes(32, "little")
    yield "good", good
    yield "good, whole day", signed(slot=None)
    yield "good, midnight", signed(slot=time(0, 0))
    yield "good, last minute of the day", signed(slot=time(23, 59))
    yield "good, first day", signed(visit_date=date(2020, 1, 1))
    yield "good, leap day", signed(visit_date=date(2028, 2, 29))
    yield "good, last day", signed(visit_date=date(2199, 6, 6))
    yield "good, largest numbers", signed(facility=65535, product=65535, category=63, party=127)
    yield "good, smallest numbers", signed(facility=1, product=1, category=0, party=1, ticket_id=UUID(int=0))
    yield "good, key of this facility", signed(key_id=2, facility=4)
    yield "good, key that begins later", signed(key_id=255)
    yield "lower case", good.lower()
    yield "spaces and lines", " \t" + good[:50] + "\r\n" + good[50:100] + " \u3000" + good[100:] + "\ufeff\n"
    yield "full width, from a scanner behind a Japanese keyboard", full_width(good.lower())
    yield "address in front", "https://tickets.example.jp/t/" + good
    yield "address with a query", "https://tickets.example.jp/t?c=" + good.lower()
    yield "address with a fragment", "HTTPS://TICKETS.EXAMPLE.JP/#" + good
    yield "tampered ticket id", changed(good, 5, raw(good)[5] ^ 1)
    yield "tampered facility", changed(good, 18, 4)
    yield "tampered date", changed(good, 22, raw(good)[22] ^ 1)
    yield "tampered party", text_of(packed(payload, 570, 2, 40) + raw(good)[26:])
    yield "tampered signature", changed(good, 89, raw(good)[89] ^ 1)
    yield "signature with a second spelling of its number", text_of(high)
    yield "signature of zeros", text_of(bytes(payload) + bytes(64))
    yield "signed without the domain", text_of(bytes(payload) + private(1).sign(bytes(payload)))
    yield "signed by another key", code.sign(claims(), private(99))
    yield "key id of another key", changed(signed(key_id=2, facility=4), 0, 1)
    yield "unknown key", signed(key_id=9)
    yield "key of another facility", signed(key_id=2, facility=3)
    yield "key that has ended", signed(key_id=3)
    yield "key id zero", signed_bytes(b"\x00" + payload[1:])
    yield "facility zero", signed_bytes(payload[:17] + b"\x00\x00" + payload[19:])
    yield "product zero", signed_bytes(payload[:19] + b"\x00\x00" + payload[21:])
    yield "nobody in the party", signed_bytes(packed(payload, 570, 2, 0))
    yield "minute 1440", signed_bytes(packed(payload, 1440, 2, 1))
    yield "minute 2046", signed_bytes(packed(payload, 2046, 2, 1))
    yield "truncated by one", good[:-1]
    yield "truncated to the scheme", "MMJ1"
    yield "one too many", good + "A"
    yield "padded", good + "===="
    yield "twice", good + good
    yield "digit one inside", good[:60] + "1" + good[61:]
    yield "letter outside of ASCII inside", good[:60] + "é" + good[61:]
    yield "hyphen inside", good[:60] + "-" + good[61:]
    yield "later scheme", "MMJ2" + good[4:]
    yield "later scheme of another length", "mmj9ABCDEF"
    yield "no such scheme", "MMJX" + good[4:]
    yield "half a scheme", "MMJ"
    yield "empty", ""
    yield "only spaces", " \u3000\n"
    yield "an order number", number.number_from(1234567890123)
    yield "somebody else's address", "https://example.com/"
    yield "a product's bar code", "4901234567894"
    yield "a JSON web token", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln"
    yield "Japanese", "もみじまんじゅう"
    yield "a very long text", "A" * 2000
    yield "null character", "MMJ1\x00" + good[5:]


def described(stated):
    return {
        "key_id": stated.key_id,
        "ticket_id": str(stated.ticket_id),
        "facility": stated.facility,
        "product": stated.product,
        "category": stated.category,
        "party": stated.party,
        "visit_date": stated.visit_date.isoformat(),
        "slot": None if stated.slot is None else stated.slot.isoformat("minutes"),
    }


def numbers():
    for bits in (0, 1, 31, 32, 1234567890123, 2**44, 2**45 - 1):
        written = number.number_from(bits)
        yield {"random_bits": str(bits), "text": written, "number": written}
    good = number.number_from(1234567890123)
    spoken = number.number_from(0x010000000021)
    for text in (
        good.lower(),
        good.replace("-", ""),
        f" {good[:3]} {good[3:8]}\u3000{good[8:]}\n",
        good.replace("-", "ー"),
        full_width(good.lower()),
        spoken.replace("0", "o").replace("1", "l"),
        spoken.replace("0", "O").replace("1", "I"),
    ):
        yield {"random_bits": None, "text": text, "number": number.read_number(text)}
    wrong = "Z" if good[-1] != "Z" else "Y"
    for text in (
        good[:-1] + wrong,
        good[1] + good[0] + good[2:],
        good[:-1],
        good + "0",
        "",
        "-",
        "U" * 10,
        "もみじ",
        good * 9,
    ):
        yield {"random_bits": None, "text": text, "number": None}


def main():
    keys = [{**key, "public_key": private(key["id"]).public_key().public_bytes_raw().hex()} for key in KEYS]
    registry = code_keys(keys)
    codes = []
    for name, text in cases():
        reading = code.read(text)
        verdict = code.verify(text, registry, at=AT)
        codes.append(
            {
                "name": name,
                "text": text,
                "claims": described(reading.claims) if isinstance(reading, code.Unverified) else None,
                "malformed": reading.reason if isinstance(reading, code.Malformed) else None,
                "verdict": "genuine" if isinstance(verdict, code.Genuine) else verdict.reason,
            }
        )
    content = {
        "about": "Ticket codes, MMJ scheme 1, and order numbers; made by make_ticket_code.py. Test keys only.",
        "at": AT.isoformat().replace("+00:00", "Z"),
        "keys": keys,
        "codes": codes,
        "order_numbers": list(numbers()),
    }
    FILE.write_text(json.dumps(content, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")


def code_keys(keys):
    """Return the keys of the vectors as the registry that verifies."""
    from ticketing.tickets.keys import VerificationKey

    return {
        key["id"]: VerificationKey(
            id=key["id"],
            public_key=bytes.fromhex(key["public_key"]),
            valid_from=datetime.fromisoformat(key["valid_from"]),
            valid_until=None if key["valid_until"] is None else datetime.fromisoformat(key["valid_until"]),
            scope="all" if key["scope"] == "all" else frozenset(key["scope"]),
        )
        for key in keys
    }


if __name__ == "__main__":
    main()
