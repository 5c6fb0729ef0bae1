"""The keys that ticket codes are verified with, as the database lists them."""

from __future__ import annotations

from sqlalchemy import text

from kernel.rows import Database
from ticketing.tickets.keys import KeyRegistry, VerificationKey


class Keyring:
    """Holds the current registry for one process; registers this installation's own key."""

    def __init__(self, database: Database, *, own_id: int, own_public_key: bytes) -> None:
        self._database = database
        self._own_id = own_id
        self._own_public_key = own_public_key
        self.current = KeyRegistry()

    async def start(self) -> None:
        """Register our own key if it is new, and read all of them.

        Raises ValueError if the database knows another key under our id: tickets that were sold would turn
        invalid, so a changed key needs a new id (MOMIJI_TICKET_KEY_ID).
        """
        async with self._database.transaction("keyring") as tx:
            await tx.session.execute(
                text(
                    "INSERT INTO ticket_keys (id, public_key, valid_from) VALUES (:id, :key, now()) "
                    "ON CONFLICT (id) DO NOTHING"
                ),
                {"id": self._own_id, "key": self._own_public_key},
            )
            rows = (
                await tx.session.execute(text("SELECT id, public_key, valid_from, valid_until FROM ticket_keys"))
            ).all()
        keys = [VerificationKey(row.id, bytes(row.public_key), row.valid_from, row.valid_until) for row in rows]
        if any(key.id == self._own_id and key.public_key != self._own_public_key for key in keys):
            raise ValueError(
                f"The ticket key {self._own_id} differs from the one that signed earlier tickets. "
                "Give the new key a new MOMIJI_TICKET_KEY_ID."
            )
        self.current = KeyRegistry(tuple(keys))
