"""Access: who calls, in which role, for which facilities; nobody is believed for where they come from.

Tokens are JWTs signed with Ed25519 (RFC 8037, RFC 9068's shape without its server). Each key may
assert only the roles it is trusted with: a service's key cannot make an accountant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from kernel.clock import new_id
from kernel.refusals import Forbidden, Unauthenticated

TOKEN_HOURS_STAFF = 12
TOKEN_SECONDS_SERVICE = 60
CLOCK_SKEW_SECONDS_MAX = 30
ISSUER = "momiji"

Audience = Literal["ticketing", "payments", "reconciliation", "staff"]


class Role(StrEnum):
    """What somebody may do; facilities narrow it further."""

    GATE = "gate"
    SUPERVISOR = "supervisor"
    FACILITY = "facility"
    ACCOUNTING = "accounting"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SERVICE = "service"


STAFF_ROLES = frozenset(Role) - {Role.SERVICE}
ALL_FACILITIES = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who proved who they are. `facilities` holds codes, or '*' for all."""

    name: str
    role: Role
    facilities: frozenset[str]

    def may_see(self, facility: str) -> bool:
        """Tell whether a facility is theirs."""
        return ALL_FACILITIES in self.facilities or facility in self.facilities

    def require(self, *roles: Role) -> Principal:
        """Return the principal if it has one of the roles (admin has every staff role); else raise Forbidden."""
        if self.role in roles or (self.role is Role.ADMIN and any(role in STAFF_ROLES for role in roles)):
            return self
        raise Forbidden

    def require_facility(self, facility: str) -> Principal:
        """Return the principal if the facility is theirs; else raise Forbidden."""
        if self.may_see(facility):
            return self
        raise Forbidden


class Issuer:
    """Signs tokens with one private key. `name` is the key id that verifiers know it by."""

    def __init__(self, name: str, private_pem: str) -> None:
        key = load_pem_private_key(private_pem.encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("A token key is an Ed25519 private key in PEM.")
        self.name = name
        self._key = key

    def token(self, principal: Principal, *, audience: Audience, at: datetime, lifetime: timedelta) -> str:
        """Return a signed token for one audience."""
        return jwt.encode(
            {
                "iss": ISSUER,
                "aud": audience,
                "sub": principal.name,
                "role": principal.role.value,
                "facilities": sorted(principal.facilities),
                "iat": int(at.timestamp()),
                "exp": int((at + lifetime).timestamp()),
                "jti": str(new_id()),
            },
            self._key,
            algorithm="EdDSA",
            headers={"kid": self.name},
        )

    def service_token(self, *, audience: Audience, at: datetime) -> str:
        """Return the short-lived token with which this service calls another."""
        myself = Principal(self.name, Role.SERVICE, frozenset({ALL_FACILITIES}))
        return self.token(myself, audience=audience, at=at, lifetime=timedelta(seconds=TOKEN_SECONDS_SERVICE))


class Verifier:
    """Believes tokens signed by known keys: key id 'staff' asserts staff roles, a service's key only itself."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey], *, audience: Audience) -> None:
        self._keys = dict(keys)
        self._audience = audience

    @classmethod
    def from_folder(cls, folder: Path, *, audience: Audience) -> Verifier:
        """Load every `<key id>.pem` public key of a folder."""
        keys: dict[str, Ed25519PublicKey] = {}
        for file in sorted(folder.glob("*.pem")):
            key = load_pem_public_key(file.read_bytes())
            if not isinstance(key, Ed25519PublicKey):
                raise TypeError(f"{file} is not an Ed25519 public key in PEM.")
            keys[file.stem] = key
        return cls(keys, audience=audience)

    def verify(self, token: str, *, at: datetime) -> Principal:
        """Return who the token speaks for; raise Unauthenticated for anything not exactly right."""
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid"))
            claims = jwt.decode(
                token,
                self._keys[key_id],
                algorithms=["EdDSA"],
                audience=[self._audience, "staff"],
                issuer=ISSUER,
                options={"require": ["exp", "iat", "sub", "role"], "verify_exp": False, "verify_iat": False},
            )
            role = Role(claims["role"])
            now = int(at.timestamp())
            in_time = claims["iat"] - CLOCK_SKEW_SECONDS_MAX <= now < claims["exp"]
        except (jwt.PyJWTError, KeyError, ValueError, TypeError) as problem:
            raise Unauthenticated from problem
        by_right = role in STAFF_ROLES if key_id == "staff" else (role is Role.SERVICE and claims["sub"] == key_id)
        if not (in_time and by_right):
            raise Unauthenticated
        return Principal(str(claims["sub"]), role, frozenset(str(code) for code in claims.get("facilities", ())))


def new_key_pair() -> tuple[str, str]:
    """Return a fresh Ed25519 key pair as (private PEM, public PEM)."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One line of the local staff file."""

    name: str
    role: Role
    facilities: frozenset[str]
    password_hash: str


@cache
def _hash_of_nobody() -> str:
    """Return what a password is checked with when the name is unknown: the answer takes as long and tells nothing."""
    return PasswordHasher().hash("nobody")


class StaffDirectory:
    """Local sign-in for the embedded mode: a JSON file of names, roles, facilities and Argon2 hashes."""

    def __init__(self, members: Mapping[str, StaffMember]) -> None:
        self._members = dict(members)
        self._hasher = PasswordHasher()
        self._nobody = _hash_of_nobody()

    @classmethod
    def from_file(cls, file: Path) -> StaffDirectory:
        """Read the staff file; a missing one means that nobody can sign in locally."""
        if not file.exists():
            return cls({})
        entries = json.loads(file.read_text(encoding="utf-8"))
        return cls(
            {
                entry["name"]: StaffMember(
                    entry["name"], Role(entry["role"]), frozenset(entry["facilities"]), entry["password_hash"]
                )
                for entry in entries
            }
        )

    def sign_in(self, name: str, password: str) -> Principal:
        """Return who this is; raise Unauthenticated when name and password do not belong together."""
        member = self._members.get(name)
        try:
            self._hasher.verify(member.password_hash if member else self._nobody, password)
        except (VerifyMismatchError, InvalidHashError):
            raise WrongSignIn from None
        if member is None:
            raise WrongSignIn
        return Principal(member.name, member.role, member.facilities)


class WrongSignIn(Unauthenticated):
    """Name and password do not belong together."""

    slug = "wrong-sign-in"
    advice = "The name or the password is wrong. Check both and try again, or ask your supervisor."


def hash_password(password: str) -> str:
    """Return the Argon2id hash that the staff file holds."""
    return PasswordHasher().hash(password)
