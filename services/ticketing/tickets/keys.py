"""The keys of ticket codes: which one signs now, which ones verify, and how one follows another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

KEY_ID_MAX: Final = 255
PUBLIC_KEY_BYTES: Final = 32

Scope = frozenset[int] | Literal["all"]


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """The public half of a signing key.

    Args:
        id: 1 to 255; codes carry it, so that keys rotate without tickets being issued again.
        public_key: the 32 bytes of RFC 8032 §5.1.5.
        valid_from: from when on it signs. Verifying does not ask: a gate whose clock is slow must not
            refuse the first visitors of a new key.
        valid_until: from when on it neither signs nor verifies; None while no end is planned.
        scope: the facility numbers that it may vouch for, or "all".

    Raises:
        ValueError: a value is outside of these limits.
    """

    id: int
    public_key: bytes
    valid_from: datetime
    valid_until: datetime | None = None
    scope: Scope = "all"

    def __post_init__(self) -> None:
        if not 1 <= self.id <= KEY_ID_MAX:
            raise ValueError(f"A key id is 1 to {KEY_ID_MAX}, not {self.id}.")
        if len(self.public_key) != PUBLIC_KEY_BYTES:
            raise ValueError(f"An Ed25519 public key has {PUBLIC_KEY_BYTES} bytes, not {len(self.public_key)}.")
        if self.valid_from.tzinfo is None or (self.valid_until is not None and self.valid_until.tzinfo is None):
            raise ValueError("The times of a key are aware; give them a time zone.")
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError(f"Key {self.id} ends before it begins.")

    def covers(self, facility: int) -> bool:
        """Tell whether the key may vouch for a facility."""
        return self.scope == "all" or facility in self.scope

    def verifies_at(self, at: datetime) -> bool:
        """Tell whether codes of this key are believed at a moment."""
        return self.valid_until is None or at < self.valid_until

    def signs_at(self, at: datetime) -> bool:
        """Tell whether new codes may be signed with this key at a moment."""
        return self.valid_from <= at and self.verifies_at(at)


@dataclass(frozen=True, slots=True)
class KeyRegistry:
    """All keys of one installation, those of the past and the future included; ids are unique.

    Raises:
        ValueError: two keys share an id.
    """

    keys: tuple[VerificationKey, ...] = ()

    def __post_init__(self) -> None:
        if len({key.id for key in self.keys}) != len(self.keys):
            raise ValueError("Two ticket keys share an id; an id is never given again.")

    def signing_key(self, *, facility: int, at: datetime) -> VerificationKey | None:
        """Return the key that signs a facility's codes at a moment: the newest that may; None if none may.

        A key made for few facilities goes before one for all that began at the same moment.
        """
        able = [key for key in self.keys if key.signs_at(at) and key.covers(facility)]
        return max(able, key=lambda key: (key.valid_from, key.scope != "all", key.id), default=None)

    def verifying(self, *, at: datetime) -> Mapping[int, VerificationKey]:
        """Return the keys that verify at a moment by id, those that only begin later included.

        A gate takes them along before it goes offline, so that it knows a key before the first code of it.
        """
        return {key.id: key for key in self.keys if key.verifies_at(at)}

    def next_id(self) -> int:
        """Return an id that no key ever had.

        Raises:
            ValueError: all 255 ids are used; codes then need a new scheme.
        """
        newest = max((key.id for key in self.keys), default=0)
        if newest >= KEY_ID_MAX:
            raise ValueError("All 255 key ids are used; ticket codes need a new scheme.")
        return newest + 1

    def rotated(self, follower: VerificationKey, *, predecessors_end: datetime) -> KeyRegistry:
        """Return the registry with a follower that signs from its `valid_from` on.

        Keys of the same scope without an end get one: `predecessors_end`, after the last visit day on sale.

        Raises:
            ValueError: the follower's id was used before, or its predecessors would end before it begins.
        """
        if predecessors_end < follower.valid_from:
            raise ValueError("The keys before would end before the new one begins; no key would sign in between.")
        ended = tuple(
            replace(key, valid_until=predecessors_end)
            if key.valid_until is None and key.scope == follower.scope and key.valid_from <= follower.valid_from
            else key
            for key in self.keys
        )
        return KeyRegistry((*ended, follower))
