"""Tokens are believed for their signature, role, audience and time, and for nothing else."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from kernel.access import ALL_FACILITIES, Issuer, Principal, Role, Verifier, new_key_pair
from kernel.refusals import Forbidden, Unauthenticated

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
STAFF = new_key_pair()
TICKETING = new_key_pair()
STRANGER = new_key_pair()
GATE = Principal("kiosk", Role.GATE, frozenset({"hpam"}))


@pytest.fixture
def verifier():
    keys = {"staff": load_pem_public_key(STAFF[1].encode()), "ticketing": load_pem_public_key(TICKETING[1].encode())}
    return Verifier(keys, audience="payments")


def staff_token(**changes):
    wishes = {"audience": "staff", "at": NOW, "lifetime": timedelta(hours=12)} | changes
    return Issuer("staff", STAFF[0]).token(GATE, **wishes)


def test_a_staff_token_says_who_it_is(verifier):
    assert verifier.verify(staff_token(), at=NOW) == GATE


def test_a_service_token_is_short_lived(verifier):
    token = Issuer("ticketing", TICKETING[0]).service_token(audience="payments", at=NOW)
    assert verifier.verify(token, at=NOW).role is Role.SERVICE
    with pytest.raises(Unauthenticated):
        verifier.verify(token, at=NOW + timedelta(seconds=61))


def test_a_service_cannot_make_an_accountant(verifier):
    accountant = Principal("ticketing", Role.ACCOUNTING, frozenset({ALL_FACILITIES}))
    forged = Issuer("ticketing", TICKETING[0]).token(
        accountant, audience="payments", at=NOW, lifetime=timedelta(minutes=1)
    )
    with pytest.raises(Unauthenticated):
        verifier.verify(forged, at=NOW)


def test_staff_cannot_pass_as_a_service(verifier):
    service = Principal("staff", Role.SERVICE, frozenset({ALL_FACILITIES}))
    forged = Issuer("staff", STAFF[0]).token(service, audience="payments", at=NOW, lifetime=timedelta(minutes=1))
    with pytest.raises(Unauthenticated):
        verifier.verify(forged, at=NOW)


def _unsigned():
    return jwt.encode({"iss": "momiji", "aud": "staff", "sub": "x", "role": "admin"}, "", algorithm="none")


def _mac_with_the_public_key():
    header = {"kid": "staff"}
    claims = {"iss": "momiji", "aud": "staff", "sub": "x", "role": "admin", "iat": 1, "exp": 2**33}
    return jwt.encode(claims, "x" * 64, algorithm="HS256", headers=header)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "junk",
        "a.b.c",
        _unsigned(),
        _mac_with_the_public_key(),
        Issuer("staff", STRANGER[0]).token(GATE, audience="staff", at=NOW, lifetime=timedelta(hours=1)),
        Issuer("nobody", STAFF[0]).token(GATE, audience="staff", at=NOW, lifetime=timedelta(hours=1)),
        staff_token(audience="ticketing"),
        staff_token(at=NOW - timedelta(hours=13)),
        staff_token(at=NOW + timedelta(minutes=5)),
    ],
    ids=["empty", "junk", "dots", "unsigned", "mac", "stranger", "unknown key", "audience", "over", "not yet"],
)
def test_anything_not_exactly_right_is_nobody(verifier, token):
    with pytest.raises(Unauthenticated):
        verifier.verify(token, at=NOW)


def test_a_gate_clerk_is_no_accountant():
    with pytest.raises(Forbidden):
        GATE.require(Role.ACCOUNTING)


def test_an_admin_has_every_staff_role_but_is_no_service():
    admin = Principal("admin", Role.ADMIN, frozenset({ALL_FACILITIES}))
    assert admin.require(Role.GATE) is admin
    with pytest.raises(Forbidden):
        admin.require(Role.SERVICE)


def test_a_facility_that_is_not_theirs_is_refused():
    with pytest.raises(Forbidden):
        GATE.require_facility("shukkeien")


def test_key_pairs_differ_and_load():
    assert STAFF[0] != STRANGER[0]
    assert load_pem_private_key(STAFF[0].encode(), None)
