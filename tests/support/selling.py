"""Ticketing on a database of its own for tests, with a clock that is set by hand and payments played by the test."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from kernel.access import Issuer, Principal, Role, new_key_pair
from kernel.money import Yen
from ticketing.facilities.actions import import_file
from ticketing.orders import actions
from ticketing.orders.charging import OpenedCharge, PaymentsAway
from ticketing.settings import TicketingSettings
from ticketing.wiring import Wiring, wire

EXAMPLE = Path(str(files("ticketing") / "facilities/data/hiroshima.json"))


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class PlayedCharges:
    """Stands where payments would be asked: remembers what was asked, and may be away."""

    away: bool = False
    opened: dict[str, UUID] = field(default_factory=dict)
    asked: list[dict] = field(default_factory=list)

    async def open(self, order, **wishes) -> OpenedCharge:
        self.asked.append({"order": order, **wishes})
        if self.away:
            raise PaymentsAway
        charge = self.opened.setdefault(str(order.basket.id), uuid4())
        return OpenedCharge(charge, f"http://payments.test/pay/{charge}")

    async def close(self) -> None:
        return


@dataclass
class Shop:
    """One wired ticketing with its helpers."""

    wiring: Wiring
    clock: HandClock
    charges: PlayedCharges
    staff_private: str
    url: str

    def query(self, sql: str, *values):
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            return connection.execute(sql, values or None).fetchall()

    def events(self, kind: str) -> list[dict]:
        rows = self.query("SELECT payload FROM outbox WHERE type = %s ORDER BY position", f"ticketing.{kind}.v1")
        return [row[0] for row in rows]

    def taken(self) -> dict[tuple[str, str], int]:
        rows = self.query("SELECT facility, pool, sum(taken)::int FROM slots GROUP BY 1, 2")
        return {(facility, pool): taken for facility, pool, taken in rows if taken}

    def token(self, role: Role, *facilities: str) -> str:
        principal = Principal(f"test-{role.value}", role, frozenset(facilities or ("*",)))
        issuer = Issuer("staff", self.staff_private)
        return issuer.token(principal, audience="staff", at=self.clock.now(), lifetime=timedelta(hours=1))

    async def capture(
        self, order_id: str, amount: int, *, charge: UUID | None = None, method: str = "stripe_card"
    ) -> None:
        """Play payments' captured event."""
        async with self.wiring.database.transaction("test-capture") as tx:
            await actions.capture(
                tx,
                UUID(order_id),
                charge_id=charge or self.charges.opened[order_id],
                captured=Yen(amount),
                method=method,
                received_at=self.clock.now(),
                rules=self.wiring.rules,
                at=self.clock.now(),
            )

    async def sweep(self) -> int:
        async with self.wiring.database.transaction("test-sweep") as tx:
            return await actions.expire_due(tx, rules=self.wiring.rules, at=self.clock.now())


async def open_shop(url: str, folder: Path, *, at: datetime, pool_size_max: int = 10) -> Shop:
    """Wire ticketing on a migrated database with the example facilities."""
    service_private, service_public = new_key_pair()
    staff_private, staff_public = new_key_pair()
    trusted = folder / "trusted"
    trusted.mkdir(exist_ok=True)
    (trusted / "staff.pem").write_text(staff_public)
    (trusted / "ticketing.pem").write_text(service_public)
    settings = TicketingSettings(
        ticketing_database_url=url,
        stream_database_url=url,
        trusted_keys_dir=trusted,
        service_key=service_private,
        session_key="s" * 40,
        order_key_secret="o" * 40,
        ticket_signing_key="ab" * 32,
        database_pool_size_max=pool_size_max,
    )
    clock, charges = HandClock(at), PlayedCharges()
    wiring = wire(settings, clock=clock, charges=charges)  # type: ignore[arg-type]
    await import_file(wiring.database, EXAMPLE, at=at, by="test")
    await wiring.books.refresh()
    await wiring.keyring.start()
    return Shop(wiring, clock, charges, staff_private, url)


async def close_shop(shop: Shop) -> None:
    await shop.wiring.database.close()
    await asyncio.sleep(0)


numbers = itertools.count(1)


def wish(**changes):
    return {
        "facility": "hpam",
        "visit_date": "2026-11-26",
        "lines": [{"product": "collection", "category": "adult", "quantity": 2}],
        "method": "stripe_card",
    } | changes


async def place(web, *, key=None, **changes):
    headers = {"Idempotency-Key": key or f"key-{next(numbers)}"}
    return await web.post("/v1/orders", json=wish(**changes), headers=headers)
