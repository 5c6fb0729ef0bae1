"""Payments with staff, whose names and passwords are in a file."""

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from kernel.access import hash_password
from payments import rounds
from payments.wiring import wire
from support.collecting import Desk
from support.collecting import desk as open_desk
from support.live_payments import eventually

PASSWORD = "for-tests-1234"
STAFF = {"ana": "accounting", "rei": "auditor", "ken": "admin", "gen": "gate"}


@dataclass
class Office:
    """A desk with pages."""

    desk: Desk

    @property
    def till(self):
        return self.desk.till

    def signed_in(self, name="ana", **headers):
        client = httpx.Client(base_url=self.till.url, timeout=40, trust_env=False, headers=headers)
        answer = client.post("/sign-in", data={"name": name, "password": PASSWORD, "next": "/operations"})
        assert answer.status_code == 303, answer.text
        return client

    def ask_about_disputes(self):
        """Take the worker's round that asks the providers for disputes."""

        async def once():
            wired = wire(self.till.settings)
            try:
                await rounds.ask_about_disputes(wired)
            finally:
                await wired.close()

        asyncio.run(once())

    def paid_twice(self):
        """Return a charge that was paid twice by Pay-easy, and its open case."""
        charge = self.till.open(method="payeasy_komoju", amount=1020)
        self.till.pay(charge["checkout_url"], "pay_twice")
        found = "SELECT id FROM cases WHERE charge_id = %s AND state = 'open'"
        ((case,),) = eventually(lambda: self.till.rows(found, charge["id"]))
        return charge, str(case)


@contextmanager
def opened(postgres, folder):
    """Run payments with a staff file; yield it as an Office."""
    staff = folder / "staff.json"
    people = [
        {"name": name, "role": role, "facilities": ["*"], "password_hash": hash_password(PASSWORD)}
        for name, role in STAFF.items()
    ]
    people.append(
        {"name": "yui", "role": "accounting", "facilities": ["art-museum"], "password_hash": hash_password(PASSWORD)}
    )
    staff.write_text(json.dumps(people))
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    with open_desk(database, stream, folder, payments={"staff_file": staff}) as made:
        yield Office(made)
    postgres.drop(database)
    postgres.drop(stream)
