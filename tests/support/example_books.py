"""A small month of books, always the same: what every report and export format writes its example of."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import UUID, uuid5

from kernel.access import Issuer, Principal, new_key_pair
from kernel.rows import Database
from reconciliation.journal import actions as journal
from reconciliation.ledger import actions
from reconciliation.matching import actions as matching
from reconciliation.settings import ReconciliationSettings
from reconciliation.wiring import Wiring, wire
from support.journal import always_open
from support.ledger_data import month
from support.settling import Deposit, Line, put_deposits, put_lines

FAMILY = UUID(int=1)

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
DAYS = date(2026, 11, 21), date(2026, 11, 24)
FAULTS = {
    date(2026, 11, 21): ("unallocated", "late"),
    date(2026, 11, 22): ("reversed", "not_captured", "short"),
    date(2026, 11, 23): ("not_sold", "refund_outstanding", "free"),
    date(2026, 11, 24): ("unallocated", "late", "reversed"),
}
# Names with what is hard to write: a wave dash, a minus sign, what a spreadsheet would run.
NAMES = {
    ("facility", "hpam"): "県立美術館〜本館−",
    ("facility", "shukkeien"): "縮景園",
    ("facility", "history-museum"): "=HYPERLINK(1)",
    ("facility", "forest-park"): "もみのき森林公園",
    ("owner", "manager-hpam"): "美術館〜縮景園の指定管理者",
    ("owner", "hiroshima"): "広島県",
    ("product", "hpam/collection"): "所蔵作品展",
    ("product", "hpam/special"): "特別展",
    ("product", "shukkeien/garden"): "庭園入園",
    ("category", "hpam/adult"): "一般",
    ("category", "hpam/university"): "大学生",
    ("category", "shukkeien/adult"): "一般",
}


async def fill(tx):
    """Write the example into empty books."""
    for event in month(7, *DAYS, orders_a_day=4, faults=FAULTS):
        await actions.record(tx, event)
    for (kind, code), name in NAMES.items():
        await tx.execute(
            "INSERT INTO known_names (kind, code, since, name_ja, name_en) VALUES (:kind, :code, :at, :name, :name)",
            kind=kind,
            code=code,
            at=datetime(2026, 11, 1, tzinfo=UTC),
            name=name,
        )
    await _settle(tx)
    ids = (uuid5(FAMILY, f"voucher {number}") for number in count(1))
    await journal.post(
        tx,
        through=LAST,
        at=datetime(2026, 11, 25, 2, tzinfo=UTC),
        new_id=lambda: next(ids),
        open_day=always_open,
        whole=True,
    )


async def _settle(tx):
    """Let the card's provider pay out twice and another once; one transfer comes as it should, one comes short."""
    claims = (await tx.execute("SELECT * FROM claims WHERE attempt_id IS NOT NULL ORDER BY id")).all()
    cards = [each for each in claims if each.method == "stripe_card"]
    lines = [
        Line(
            each.amount,
            kind=each.kind,
            attempt=each.attempt_id,
            fee=max(0, each.amount * 36 // 1000),
            payout="po_1" if each.business_date.day < 23 else "po_2",
            day=each.business_date,
            arrives_on=date(2026, 11, 27) if each.business_date.day < 23 else date(2026, 11, 30),
            id=uuid5(FAMILY, f"line {each.id}"),
        )
        for each in cards[:-1]
    ]
    lines += [
        Line(2_000, attempt=uuid5(FAMILY, "unknown"), provider="paypay", day=DAYS[1], id=uuid5(FAMILY, "paypay line")),
    ]
    await put_lines(tx, lines)
    await matching.run(tx, run_id=uuid5(FAMILY, "run"), at=datetime(2026, 11, 25, 1, tzinfo=UTC))
    payouts = (await tx.execute("SELECT id, key, net FROM payouts WHERE provider = 'stripe' ORDER BY key")).all()
    for payout, short in zip(payouts, (0, 220), strict=True):
        deposit = Deposit(payout.net - short, day=date(2026, 11, 27), id=uuid5(FAMILY, f"deposit {payout.key}"))
        await put_deposits(tx, [deposit])
        await tx.execute(
            "INSERT INTO deposit_legs (bank_line_id, payout_id, rule, rule_version, run_id, difference, accepted_by) "
            "VALUES (:line, :payout, 'by_hand', 1, :run, :difference, 'somebody') ON CONFLICT DO NOTHING",
            line=deposit.id,
            payout=payout.id,
            run=uuid5(FAMILY, "run"),
            difference=-short,
        )


@contextmanager
def database(postgres, empty):
    """Yield the address of a database that holds the example, made of one with empty tables."""
    url = postgres.copy(empty, f"example_books_{id(empty)}_{datetime.now(UTC):%H%M%S%f}")
    asyncio.run(_fill(url))
    yield url
    postgres.drop(url)


async def _fill(url):
    opened = Database(url, service="reconciliation")
    async with opened.transaction("test") as tx:
        await fill(tx)
    await opened.close()


@dataclass
class Noon:
    at: datetime = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)

    def now(self):
        return self.at


@dataclass
class Books:
    wiring: Wiring
    clock: Noon
    issuer: Issuer

    def token(self, role, *facilities):
        principal = Principal(f"test-{role}", role, frozenset(facilities or ("*",)))
        signed = self.issuer.token(principal, audience="staff", at=self.clock.at, lifetime=timedelta(hours=1))
        return {"Authorization": f"Bearer {signed}"}

    async def take(self, events):
        async with self.wiring.database.transaction("test") as tx:
            for event in events:
                await actions.record(tx, event)


def opened(url, folder):
    """Return the books on a database, with a clock that stands still and tokens for every role."""
    private, public = new_key_pair()
    (folder / "keys").mkdir()
    (folder / "keys" / "staff.pem").write_text(public)
    settings = ReconciliationSettings(
        reconciliation_database_url=url,
        stream_database_url=url,
        trusted_keys_dir=folder / "keys",
        session_key="test-session-key-of-enough-characters",
        ticketing_url="http://127.0.0.1:9",
    )
    clock = Noon()
    return Books(wire(settings, clock=clock), clock, Issuer("staff", private))
