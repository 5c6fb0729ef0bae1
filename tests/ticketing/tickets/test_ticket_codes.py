import base64
import dataclasses
import json
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ticketing.tickets import code
from ticketing.tickets.code import Forged, Genuine, Malformed, TicketClaims, Unverified, read, sign, verify
from ticketing.tickets.keys import VerificationKey

VECTORS_FOLDER = Path(__file__).parents[2] / "vectors"
VECTORS = json.loads((VECTORS_FOLDER / "ticket-code.json").read_text(encoding="utf-8"))
AT = datetime.fromisoformat(VECTORS["at"])
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {7: VerificationKey(7, PRIVATE.public_key().public_bytes_raw(), AT)}
CLAIMS = TicketClaims(
    key_id=7,
    ticket_id=UUID("01985d2e-7c4a-7b3e-9f10-2a6b5c4d3e2f"),
    facility=3,
    product=258,
    category=2,
    party=1,
    visit_date=date(2026, 11, 23),
    slot=time(9, 30),
)

claims = st.builds(
    TicketClaims,
    key_id=st.just(7),
    ticket_id=st.uuids(),
    facility=st.integers(1, 65535),
    product=st.integers(1, 65535),
    category=st.integers(0, 63),
    party=st.integers(1, 127),
    visit_date=st.dates(date(2020, 1, 1), date(2199, 6, 6)),
    slot=st.none() | st.builds(time, st.integers(0, 23), st.integers(0, 59)),
)


def key_of(entry):
    return VerificationKey(
        id=entry["id"],
        public_key=bytes.fromhex(entry["public_key"]),
        valid_from=datetime.fromisoformat(entry["valid_from"]),
        valid_until=entry["valid_until"] and datetime.fromisoformat(entry["valid_until"]),
        scope=entry["scope"] if entry["scope"] == "all" else frozenset(entry["scope"]),
    )


VECTOR_KEYS = {entry["id"]: key_of(entry) for entry in VECTORS["keys"]}


def described(stated):
    slot = stated.slot and stated.slot.isoformat("minutes")
    changed = {"ticket_id": str(stated.ticket_id), "visit_date": stated.visit_date.isoformat(), "slot": slot}
    return {**dataclasses.asdict(stated), **changed}


@pytest.mark.parametrize("vector", VECTORS["codes"], ids=lambda vector: vector["name"])
def test_every_vector_reads_and_verifies_as_written(vector):
    reading = read(vector["text"])
    verdict = verify(vector["text"], VECTOR_KEYS, at=AT)
    assert (reading.reason if isinstance(reading, Malformed) else None) == vector["malformed"]
    assert (described(reading.claims) if isinstance(reading, Unverified) else None) == vector["claims"]
    assert (verdict.reason if isinstance(verdict, Forged) else "genuine") == vector["verdict"]


def test_the_vectors_mean_what_their_names_say():
    for vector in VECTORS["codes"]:
        name, verdict = vector["name"], vector["verdict"]
        assert (verdict == "genuine") == name.startswith(("good", "lower", "spaces", "full width", "address")), name
        assert not name.startswith("tampered") or verdict == "bad_signature", name


def test_the_vectors_are_those_that_their_script_writes(tmp_path):
    script = VECTORS_FOLDER / "make_ticket_code.py"
    copy = tmp_path / script.name
    copy.write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, str(copy)], check=True, timeout=60)
    assert (tmp_path / "ticket-code.json").read_bytes() == (VECTORS_FOLDER / "ticket-code.json").read_bytes()


def test_every_byte_lies_where_the_table_says():
    raw = base64.b32decode(sign(CLAIMS, PRIVATE)[4:])
    assert raw[:26].hex(" ") == (
        "07 01 98 5d 2e 7c 4a 7b 3e 9f 10 2a 6b 5c 4d 3e 2f 00 03 01 02 09 d6 47 41 01"
    )  # 0x09d6 = 2518 days; 0x474101 = 570 << 13 | 2 << 7 | 1
    PRIVATE.public_key().verify(raw[26:], b"momiji-ticket-code-1\x00" + raw[:26])


def test_a_code_has_148_characters_that_a_qr_code_packs_tightly():
    text = sign(CLAIMS, PRIVATE)
    assert len(text) == 148
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@given(claims)
def test_what_is_signed_is_what_is_verified(stated):
    assert verify(sign(stated, PRIVATE), KEYS, at=AT) == Genuine(stated)


@given(claims, st.integers(0, 719))
def test_no_single_bit_can_be_changed(stated, bit):
    raw = bytearray(base64.b32decode(sign(stated, PRIVATE)[4:]))
    raw[bit // 8] ^= 1 << bit % 8
    assert isinstance(verify("MMJ1" + base64.b32encode(bytes(raw)).decode(), KEYS, at=AT), Forged)


@given(st.text() | st.text().map("MMJ1".__add__) | st.text(min_size=144, max_size=144).map("MMJ1".__add__))
def test_no_text_makes_it_raise(text):
    assert isinstance(verify(text, KEYS, at=AT), Forged)


@given(st.binary(min_size=90, max_size=90))
def test_no_bytes_make_it_raise(raw):
    assert isinstance(verify("MMJ1" + base64.b32encode(b"\x07" + raw[1:]).decode(), KEYS, at=AT), Forged)


@given(st.binary(min_size=32, max_size=32))
def test_no_public_key_makes_it_raise(public_key):
    keys = {7: VerificationKey(7, public_key, AT)}
    assert isinstance(verify(sign(CLAIMS, PRIVATE), keys, at=AT), Forged)


def test_a_key_verifies_until_it_ends_and_not_after():
    ending = {7: dataclasses.replace(KEYS[7], valid_until=AT + timedelta(days=1))}
    text = sign(CLAIMS, PRIVATE)
    assert isinstance(verify(text, ending, at=AT), Genuine)
    assert verify(text, ending, at=AT + timedelta(days=1)) == Forged("unknown_key")


def test_a_gate_with_a_slow_clock_believes_a_new_key():
    assert isinstance(verify(sign(CLAIMS, PRIVATE), KEYS, at=AT - timedelta(minutes=5)), Genuine)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_id": 0},
        {"key_id": 256},
        {"facility": 0},
        {"facility": 65536},
        {"product": 0},
        {"category": 64},
        {"category": -1},
        {"party": 0},
        {"party": 128},
        {"visit_date": date(2019, 12, 31)},
        {"visit_date": date(2199, 6, 7)},
        {"slot": time(9, 30, 1)},
        {"slot": time(9, 30, tzinfo=UTC)},
    ],
    ids=str,
)
def test_claims_that_do_not_fit_are_never_made(wrong):
    with pytest.raises(ValueError, match=r"."):
        dataclasses.replace(CLAIMS, **wrong)


def test_a_code_says_nothing_about_its_holder_or_its_price():
    assert {field.name for field in dataclasses.fields(TicketClaims)} == {
        "key_id",
        "ticket_id",
        "facility",
        "product",
        "category",
        "party",
        "visit_date",
        "slot",
    }
    assert code.CLAIMS_BYTES + code.SIGNATURE_BYTES == 90
