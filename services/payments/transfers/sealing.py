"""Encryption of what must not lie readable in the database: AES-256-GCM, with keys that can be replaced one by one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12  # NIST SP 800-38D §8.2.2: random, 96 bits
KEY_BYTES = 32
KEY_ID_BYTES = 4
SECRET_LENGTH_MIN = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is kept: the nonce followed by the ciphertext and its tag, and which key made it."""

    key_id: str
    body: bytes = field(repr=False)


class CannotOpenError(Exception):
    """The key is not among those that we have, or the text was changed or belongs to another subject."""


class Keyring:
    """Seals with the newest key and opens with any. `said`: the secrets, newest first, 32 characters or more each."""

    def __init__(self, said: Sequence[str], *, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        if not said or any(len(each) < SECRET_LENGTH_MIN for each in said):
            raise ValueError(
                f"MOMIJI_PAYMENTS_DATA_KEYS holds no key, or one of fewer than {SECRET_LENGTH_MIN} characters. "
                "Make one with: openssl rand -base64 48"
            )
        self._keys = {_derived(each, "id", KEY_ID_BYTES).hex(): _derived(each, "key", KEY_BYTES) for each in said}
        self.newest, *older = self._keys
        self.older: tuple[str, ...] = tuple(older)
        self._random = random

    def seal(self, text: bytes, *, subject: str) -> Sealed:
        """Return a text sealed under the newest key; it opens only for the same subject (the associated data)."""
        nonce = self._random(NONCE_BYTES)
        return Sealed(self.newest, nonce + AESGCM(self._keys[self.newest]).encrypt(nonce, text, subject.encode()))

    def open(self, sealed: Sealed, *, subject: str) -> bytes:
        """Return what was sealed. Raises CannotOpenError."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise CannotOpenError(f"The key {sealed.key_id} is not in MOMIJI_PAYMENTS_DATA_KEYS any more.")
        nonce, text = sealed.body[:NONCE_BYTES], sealed.body[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, text, subject.encode())
        except (InvalidTag, ValueError) as problem:
            raise CannotOpenError("The sealed text was changed, or belongs to something else.") from problem


def _derived(said: str, purpose: str, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=f"momiji payments data {purpose}".encode()).derive(said.encode())
