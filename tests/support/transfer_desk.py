"""Staff who check and approve refunds by bank transfer, for tests: payments live, two people and an auditor."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import psycopg

from kernel.access import Issuer, Principal, Role, new_key_pair
from kernel.clock import SystemClock
from support.live_payments import Counter, counter, eventually

NUMBER, HOLDER = "7654321", "ﾋﾛｼﾏ ﾊﾅｺ"
ACCOUNT = {
    "to": "bank",
    "bank_name": "広島銀行",
    "bank_code": "0169",
    "branch_name": "本店営業部",
    "branch_code": "001",
    "kind": "normal",
    "number": NUMBER,
    "holder": "ひろしま はなこ",
}
SECRETS_OF_THE_PAYER = (NUMBER, HOLDER, "ヒロシマ ハナコ", "ひろしま はなこ")


@dataclass
class Desk:
    """A running payments and the people at its desk."""

    till: Counter
    staff: Issuer

    def headers(self, name, role=Role.ACCOUNTING, facilities=("*",)):
        principal = Principal(name, role, frozenset(facilities))
        hour = timedelta(hours=1)
        token = self.staff.token(principal, audience="staff", at=SystemClock().now(), lifetime=hour)
        return {"Authorization": f"Bearer {token}", "Accept-Language": "en"}

    def look(self, path, name="ana", role=Role.ACCOUNTING, **more):
        return self.till.client.get(f"{self.till.url}{path}", headers=self.headers(name, role, **more))

    def do(self, path, name="ana", role=Role.ACCOUNTING, **form):
        return self.till.client.post(f"{self.till.url}{path}", data=form, headers=self.headers(name, role))

    def step(self, transfer, step, name="ana", **form):
        return self.do(f"/operations/transfers/{transfer}/{step}", name, **form)

    def page(self, charge, **more):
        return self.till.client.get(f"{self.till.url}/pay/{charge}/refund", headers={"Accept-Language": "en"}, **more)

    def submit(self, charge, **typed):
        address = f"{self.till.url}/pay/{charge}/refund"
        return self.till.client.post(address, data=ACCOUNT | typed, headers={"Accept-Language": "en"})

    def paid(self, amount=510, method="payeasy_komoju"):
        charge = self.till.open(method=method, amount=amount)
        self.till.pay(charge["checkout_url"])
        assert self.till.captured(charge["id"])
        return charge["id"]

    def waiting(self, amount=510, charge=None):
        """Return a paid charge and the id of its refund, which waits for an account."""
        charge = charge or self.paid(amount)
        return charge, self.till.refund(charge, amount).json()["id"]

    def submitted(self, charge=None):
        charge, refund = self.waiting(charge=charge)
        assert self.submit(charge).status_code == 303
        return charge, refund

    def proposed(self, by="ana", charge=None):
        charge, refund = self.submitted(charge)
        assert self.step(refund, "open", by).status_code == 303
        assert self.step(refund, "propose", by).status_code == 303
        return charge, refund

    def approved(self, charge=None):
        charge, refund = self.proposed(charge=charge)
        assert self.step(refund, "open", "ben").status_code == 303
        assert self.step(refund, "approve", "ben").status_code == 303
        return charge, refund

    def state(self, refund):
        return self.till.rows("SELECT state FROM transfers WHERE id = %s", refund)[0][0]

    def reaches(self, refund, state):
        return eventually(lambda: self.state(refund) == state)

    def history(self, refund):
        rows = self.till.rows("SELECT kind FROM transfer_history WHERE transfer_id = %s ORDER BY position", refund)
        return [row[0] for row in rows]

    def in_clear(self, *words):
        """Return the tables that hold one of some words: each row of each table is read as text."""
        plain = self.till.settings.payments_database_url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain) as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            found = set()
            for (name,) in names:
                for (row,) in connection.execute(f'SELECT t::text FROM "{name}" t').fetchall():
                    blobs = [bytes.fromhex(each) for each in re.findall(r"\\x([0-9a-f]+)", row) if len(each) % 2 == 0]
                    texts = [row, *(blob.decode("utf-8", "replace") for blob in blobs)]
                    texts += [blob.decode("shift_jis", "replace") for blob in blobs]
                    if any(word in text for text in texts for word in words):
                        found.add(name)
        return found


@contextmanager
def desk(postgres, folder, **settings):
    """Run payments with its sandbox and worker, and give staff a key."""
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    private, public = new_key_pair()
    (folder / "staff.pem").write_text(public)
    with counter(database, stream, folder, payments=settings) as made:
        yield Desk(made, Issuer("staff", private))
    postgres.drop(database)
    postgres.drop(stream)
