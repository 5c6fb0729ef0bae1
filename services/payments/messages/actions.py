"""What staff do with a provider's message: have it read again, or look at what was sent."""

from __future__ import annotations

from datetime import datetime

from kernel.rows import Transaction
from payments.messages import store
from payments.messages.model import ProviderMessage, UnknownProviderMessage
from payments.staff.store import audit


async def replay(tx: Transaction, message_id: int, *, actor: str, at: datetime) -> ProviderMessage:
    """Have a message read once more: the provider is asked again, and only its answer counts.

    Raises UnknownProviderMessage.
    """
    if not await store.wait_again(tx, message_id):
        raise UnknownProviderMessage
    await audit(tx, actor, "provider_message.replayed", str(message_id), at=at)
    return await _one(tx, message_id)


async def show_body(tx: Transaction, message_id: int, *, actor: str, at: datetime) -> tuple[ProviderMessage, str]:
    """Return a message and its body as text, and write down who saw it: it may name a payer.

    Raises UnknownProviderMessage.
    """
    message = await _one(tx, message_id)
    body = await store.body(tx, message_id)
    await audit(tx, actor, "provider_message.read", str(message_id), at=at)
    return message, body.decode("utf-8", errors="replace")


async def _one(tx: Transaction, message_id: int) -> ProviderMessage:
    found = await store.find(tx, message_id)
    if found is None:
        raise UnknownProviderMessage
    return found
