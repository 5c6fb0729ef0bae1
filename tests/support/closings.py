"""What the tests of closings share: closing by hand, people, provider statements that reach a day, payouts."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from uuid import uuid4

from kernel.access import Principal, Role
from kernel.clock import JAPAN, business_date, new_id
from reconciliation.closing import actions
from reconciliation.closing.model import Closing, Period, day_period
from reconciliation.closing.reading import Look, overview
from reconciliation.journal.rounds import post_once
from support.ledger_data import order_story


def free_story(day):
    """Return an order without money, of which no provider tells."""
    at, dice = datetime.combine(day, time(9), JAPAN), random.Random(3)
    told = iter(lambda: order_story(dice, at, end="free", place="miyoshi-fudoki").events, None)
    return next(events for events in told if not events[0].fact.total)


async def close(books, period: Period | date, *, by: str = "somebody") -> Closing:
    period = period if isinstance(period, Period) else day_period(period)
    await post_once(books.wiring, through=business_date(books.clock.now()))
    async with books.wiring.database.transaction("test") as tx:
        return await actions.close(tx, period, by=by, at=books.clock.now(), grace=books.wiring.grace, event_id=new_id())


async def standing(books, kind: str, first: date, last: date):
    async with books.wiring.database.transaction("test") as tx:
        look = Look(books.clock.now(), books.wiring.grace, books.wiring.settings.closing_starts_at)
        return await overview(tx, kind, look, first=first, last=last)


def somebody(books, name: str, role: Role = Role.ACCOUNTING) -> dict[str, str]:
    principal = Principal(name, role, frozenset({"*"}))
    signed = books.issuer.token(principal, audience="staff", at=books.clock.at, lifetime=timedelta(hours=1))
    return {"Authorization": f"Bearer {signed}"}


async def tell_until(books, provider: str, day: date, *, taken_at: datetime | None = None) -> None:
    """Let a provider's statement have a line of a day that is about none of ours: a fee."""
    file_id = uuid4()
    async with books.wiring.database.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO statement_files (id, sha256, format, file_name, bytes_count, way, received_at, received_by, "
            "first_day, last_day, line_count, new_count, amount) VALUES (:id, sha256(CAST(:name AS bytea)), "
            "'made_up', 'made-up.csv', 1, 'api', :at, 'test', :day, :day, 1, 1, -1)",
            name=str(file_id),
            id=file_id,
            at=taken_at or books.clock.now(),
            day=day,
        )
        await tx.execute(
            "INSERT INTO settlement_lines (id, file_id, record, provider, kind, word, reference, key, gross, fee, tax, "
            "net, payout, occurred_on) "
            "VALUES (:id, :file_id, 2, :provider, 'fee', 'fee', '', 'k', 0, 1, 0, -1, '', :day)",
            id=uuid4(),
            file_id=file_id,
            provider=provider,
            day=day,
        )
        await tx.execute(
            "INSERT INTO provider_reach (provider, until) VALUES (:provider, :day) "
            "ON CONFLICT (provider) DO UPDATE SET until = greatest(provider_reach.until, EXCLUDED.until)",
            provider=provider,
            day=day,
        )


async def owe_payout(books, provider: str, day: date, net: int) -> None:
    """Let a provider owe a transfer that is due on a day."""
    async with books.wiring.database.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO payouts (id, contract, provider, key, arrives_on, first_day, last_day, lines, gross, fee, "
            "tax, transfer_fee, net) VALUES (:id, 'c', :provider, :key, :day, :day, :day, 1, :net, 0, 0, 0, :net)",
            id=uuid4(),
            provider=provider,
            key=str(uuid4()),
            day=day,
            net=net,
        )


async def match_everything(books) -> None:
    """Let a line explain every claim, as matching does."""
    async with books.wiring.database.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO match_legs (line_id, claim_id, rule, rule_version, run_id, difference) "
            "SELECT gen_random_uuid(), id, 'same_payment_same_kind', 1, gen_random_uuid(), 0 FROM claims"
        )
