"""Lets the providers of the made-up world pay out: which lines are in which payout, what arrives, and what goes wrong.

Everything is reckoned here by itself, in another way than reconciliation does: its sums are to be proved by these.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final, Literal

import duckdb

from console.bench.reconciling.plan import TERMS, Plan, Provider
from console.bench.reconciling.world import fee_sql, tax_sql
from reconciliation.statements.bank_days import bank_days_from, is_bank_day

EXTRA_LINES: Final = 10**11  # numbers of lines that are of no payment begin here
CARD_BANK_DAYS: Final = 4  # a card's payment arrives so many bank days after its day
KOMOJU_FEES: Final = ((30_000, 220), (10**12, 410))
LATE_BANK_DAYS: Final = 2  # that a transfer may be late without being missed

PayoutRole = Literal["plain", "late", "unequal", "missing", "differs", "negative", "lookalike"]
"""What becomes of a payout. late: it arrives a bank day or two later, which is allowed; unequal: the provider says and
sends another amount than its lines make; missing: nothing arrives; differs: less arrives than was sent; negative: more
went back than came, so that nothing arrives and the next one is less; lookalike: somebody else's transfer of the same
amount arrives on the same day.
"""
# Every so many of a provider's transfers something happens, in this order; between them nothing does, so that each can
# be told from the others.
TROUBLES: Final[dict[Provider, tuple[int, tuple[PayoutRole, ...]]]] = {
    "stripe": (4, ("unequal", "missing", "late", "differs", "lookalike")),
    "paypay": (3, ("late", "differs")),
    "komoju": (3, ("negative", "missing", "late")),
}


@dataclass(frozen=True, slots=True)
class Payout:
    """What a provider pays out at once. `key`: as the provider, or the contract's period, names it."""

    provider: Provider
    key: str
    first: date
    last: date
    arrives_on: date
    lines: int
    gross: int
    fee: int
    tax: int
    role: PayoutRole = "plain"
    adjustment: int = 0
    stated: int | None = None

    @property
    def transfer_fee(self) -> int:
        """What its transfer costs."""
        amount = self.gross + self.adjustment - self.fee - self.tax
        if self.provider != "komoju" or amount <= 0:
            return 0
        return next(fee for below, fee in KOMOJU_FEES if amount < below)

    @property
    def net(self) -> int:
        """What its lines make."""
        return self.gross + self.adjustment - self.fee - self.tax - self.transfer_fee

    @property
    def sent(self) -> int:
        """What its provider sends."""
        return self.net if self.stated is None else self.stated


@dataclass(frozen=True, slots=True)
class Transfer:
    """One booking of our bank: of payouts, of somebody else (`payer`), or out of the account (negative)."""

    booked_on: date
    amount: int
    payer: str
    payouts: tuple[Payout, ...] = ()
    kind: str = "11"


@dataclass(slots=True)
class Settled:
    """What was paid out and what arrived; a payout that is in no transfer never arrived."""

    payouts: list[Payout] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)


def settle(world: duckdb.DuckDBPyConnection, plan: Plan) -> Settled:
    """Pay out all lines of the world; lines that are in no payout yet are not told and are removed.

    Writes the tables payouts, transfers, and more faults; gives lines their payout; adds the provider's own lines.
    """
    dice = random.Random(plan.seed)  # noqa: S311 - a world is drawn, not kept secret
    days = _sums_by_day(world)
    made: dict[Provider, list[Payout]] = {"stripe": list(_cards(days["stripe"], plan))}
    for provider in ("paypay", "paypay_parks", "komoju"):
        made[provider] = list(_periods(provider, days[provider]))
    for provider in TROUBLES:
        made[provider] = list(_troubled(made[provider], plan, dice))
    settled = Settled([each for payouts in made.values() for each in payouts])
    came = sorted(_transfers(made, plan, dice), key=lambda each: (each.booked_on, each.payer, each.amount))
    settled.transfers = list(_with_sweeps(came, plan))
    _write(world, settled)
    _tell(world, plan, settled)
    return settled


@dataclass(frozen=True, slots=True)
class _Day:
    """What the lines of one provider and day add up to."""

    day: date
    lines: int
    gross: int
    fee: int
    tax: int


def _sums_by_day(world: duckdb.DuckDBPyConnection) -> dict[str, list[_Day]]:
    unstated = ", ".join(f"'{each.provider}'" for each in TERMS if not each.stated)
    rows = world.execute(
        f"""
        WITH kept AS (SELECT provider, day, gross, CASE WHEN provider NOT IN ({unstated}) THEN fee
            WHEN kind IN ('charge', 'refund') THEN sign(gross) * {fee_sql("abs(gross)")} ELSE 0 END AS fee,
            tax, kind, provider IN ({unstated}) AS reckoned FROM lines)
        SELECT provider, day, count(*), sum(gross), sum(fee),
               sum(CASE WHEN reckoned THEN sign(fee) * {tax_sql("abs(fee)")} ELSE tax END)
        FROM kept GROUP BY 1, 2 ORDER BY 1, 2
        """
    ).fetchall()
    found: dict[str, list[_Day]] = {}
    for provider, day, *figures in rows:
        found.setdefault(provider, []).append(_Day(day, *(int(each) for each in figures)))
    return found


def _whole(provider: Provider, key: str, arrives_on: date, days: Sequence[_Day]) -> Payout:
    return Payout(
        provider=provider,
        key=key,
        first=days[0].day,
        last=days[-1].day,
        arrives_on=arrives_on,
        lines=sum(each.lines for each in days),
        gross=sum(each.gross for each in days),
        fee=sum(each.fee for each in days),
        tax=sum(each.tax for each in days),
    )


def _cards(days: Sequence[_Day], plan: Plan) -> Iterator[Payout]:
    """Yield what a card provider pays out: each bank day what is old enough; a sum that is not positive waits."""
    waiting: list[_Day] = []
    rest = iter(days)
    following = next(rest, None)
    arrival = bank_days_from(plan.first, CARD_BANK_DAYS)
    while arrival <= plan.last:
        while following is not None and following.day <= bank_days_from(arrival, -CARD_BANK_DAYS):
            waiting.append(following)
            following = next(rest, None)
        if waiting:
            payout = _whole("stripe", f"po_{arrival:%Y%m%d}", arrival, waiting)
            if payout.net > 0:
                yield payout
                waiting = []
        arrival = bank_days_from(arrival, 1)


def _month_end(day: date, later: int = 0) -> date:
    count = day.year * 12 + day.month + later
    return date(count // 12, count % 12 + 1, 1) - timedelta(days=1)


def _period_end(provider: Provider, day: date) -> tuple[date, date]:
    """Return the last day of the period that a day is in, and when it is paid, before that is moved to a bank day."""
    if provider == "komoju":
        for end, paid in ((10, 20), (20, 0)):
            if day.day <= end:
                return day.replace(day=end), day.replace(day=paid) if paid else _month_end(day)
        return _month_end(day), _month_end(day) + timedelta(days=10)
    if day.day <= 15:  # noqa: PLR2004 - the middle of a month
        return day.replace(day=15), _month_end(day)
    return _month_end(day), _month_end(day) + timedelta(days=15)


def _periods(provider: Provider, days: Sequence[_Day]) -> Iterator[Payout]:
    """Yield what a provider pays out by periods, those too that are to come after the last day."""
    by_end: dict[tuple[date, date], list[_Day]] = {}
    for each in days:
        by_end.setdefault(_period_end(provider, each.day), []).append(each)
    for (end, paid), theirs in sorted(by_end.items()):
        arrives_on = paid
        while not is_bank_day(arrives_on):
            arrives_on += timedelta(days=-1 if provider == "komoju" else 1)
        yield _whole(provider, end.isoformat(), arrives_on, theirs)


def _troubled(payouts: Sequence[Payout], plan: Plan, dice: random.Random) -> Iterator[Payout]:
    """Yield payouts of one provider with what goes wrong: every so many, far enough from both ends of the world."""
    every, roles = TROUBLES[payouts[0].provider]
    place = 0
    for number, each in enumerate(payouts):
        settled = plan.first + timedelta(days=10) <= each.arrives_on <= plan.last - timedelta(days=21)
        if number % every != every - 1 or not settled or each.net <= 0:
            yield each
            continue
        role = roles[place % len(roles)]
        place += 1
        match role:
            case "negative":
                gone = -(each.net + each.transfer_fee) - dice.randint(1_000, 3_000)
                yield replace(each, role=role, adjustment=gone, lines=each.lines + 1)
            case "unequal":
                yield replace(each, role=role, stated=each.net - dice.choice((-700, 1_000, 1_500)))
            case _:
                yield replace(each, role=role)


def _transfers(made: dict[Provider, list[Payout]], plan: Plan, dice: random.Random) -> Iterator[Transfer]:
    payers = {each.provider: each.payer for each in TERMS}
    parks = {each.arrives_on: each for each in made["paypay_parks"]}
    for provider in TROUBLES:
        carried: tuple[Payout, ...] = ()
        for each in made[provider]:
            group = (*carried, each)
            if provider == "paypay" and each.arrives_on in parks:
                group = (*group, parks[each.arrives_on])
            amount = sum(part.sent for part in group)
            if amount <= 0:
                carried = group
                continue
            carried = ()
            if each.role != "missing":
                yield _transfer(each, amount, payers[provider], group, dice)
            if each.role == "lookalike":
                yield Transfer(each.arrives_on, amount, "ﾔﾏﾀﾞ ﾊﾅｺ")
    yield from _strangers(plan, dice)


def _transfer(payout: Payout, amount: int, payer: str, group: tuple[Payout, ...], dice: random.Random) -> Transfer:
    late = dice.randint(1, LATE_BANK_DAYS) if payout.role == "late" else 0
    booked_on = bank_days_from(payout.arrives_on, late) if late else payout.arrives_on
    less = dice.choice((330, 440, 660)) if payout.role == "differs" else 0
    return Transfer(booked_on, amount - less, payer, group)


_PEOPLE: Final = ("ｻﾄｳ ｲﾁﾛｳ", "ｽｽﾞｷ ﾖｼｺ", "ﾋﾛｼﾏｼﾖｳﾃﾝｶﾞｲ", "ﾀﾅｶ ｼﾞﾛｳ")


def _strangers(plan: Plan, dice: random.Random) -> Iterator[Transfer]:
    """Yield what else is booked: people who paid into the account by mistake, interest, and our own transfers out."""
    day = bank_days_from(plan.first + timedelta(days=5), 1)
    number = 0
    while day <= plan.last - timedelta(days=10):
        yield Transfer(day, 1_000 + dice.randrange(50_000) * 10 + number, _PEOPLE[number % len(_PEOPLE)])
        number += 1
        day = bank_days_from(day, 8)
    for end in _half_years(plan):
        yield Transfer(end, 17 + dice.randrange(400), "", kind="18")


def _with_sweeps(came: Iterable[Transfer], plan: Plan) -> Iterator[Transfer]:
    """Yield transfers, and at each month's end what we pass on to our main account."""
    balance = 0
    sweep_on = bank_days_from(_month_end(plan.first) + timedelta(days=1), -1)
    for each in came:
        while each.booked_on > sweep_on:
            out = balance // 100_000 * 100_000
            if out:
                yield Transfer(sweep_on, -out, "", kind="14")
            balance -= out
            sweep_on = bank_days_from(_month_end(sweep_on, 1) + timedelta(days=1), -1)
        balance += each.amount
        yield each


def _half_years(plan: Plan) -> Iterator[date]:
    """Yield the days on which a bank pays interest, in the middle of February and August."""
    for year in range(plan.first.year, plan.last.year + 1):
        for month in (2, 8):
            day = bank_days_from(date(year, month, 15), 1)
            if plan.first <= day <= plan.last - timedelta(days=10):
                yield day


def _write(world: duckdb.DuckDBPyConnection, settled: Settled) -> None:
    world.execute(
        "CREATE TABLE transfers (transfer INTEGER, booked_on DATE, amount BIGINT, payer VARCHAR, kind VARCHAR)"
    )
    world.execute(
        "CREATE TABLE payouts (provider VARCHAR, key VARCHAR, first_day DATE, last_day DATE, arrives_on DATE, "
        "lines INTEGER, gross BIGINT, fee BIGINT, tax BIGINT, transfer_fee BIGINT, net BIGINT, stated BIGINT, "
        "role VARCHAR, adjustment BIGINT, transfer INTEGER)"
    )
    world.executemany(
        "INSERT INTO transfers VALUES (?, ?, ?, ?, ?)",
        [(number, *_row(each)) for number, each in enumerate(settled.transfers)],
    )
    transfer_of = {
        (part.provider, part.key): number for number, each in enumerate(settled.transfers) for part in each.payouts
    }
    world.executemany(
        "INSERT INTO payouts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(each.provider, each.key, each.first, each.last, each.arrives_on, each.lines),
                *(each.gross + each.adjustment, each.fee, each.tax, each.transfer_fee, each.net),
                *(each.stated, each.role, each.adjustment, transfer_of.get((each.provider, each.key))),
            )
            for each in settled.payouts
        ],
    )


def _row(each: Transfer) -> tuple[date, int, str, str]:
    return each.booked_on, each.amount, each.payer, each.kind


def _tell(world: duckdb.DuckDBPyConnection, plan: Plan, settled: Settled) -> None:
    """Give cards' lines the payout that they are in, and add the lines that providers write of their own."""
    world.execute(
        "CREATE OR REPLACE TABLE lines AS "
        "SELECT l.* REPLACE (coalesce(p.key, '') AS payout, p.arrives_on AS arrives_on) "
        "FROM lines AS l LEFT JOIN payouts AS p ON p.provider = 'stripe' AND l.provider = 'stripe' "
        "AND l.day BETWEEN p.first_day AND p.last_day WHERE l.provider <> 'stripe' OR p.key IS NOT NULL "
        "ORDER BY l.provider, l.day, l.number"
    )
    rows = list(_own_lines(settled.payouts))
    world.executemany(
        "INSERT INTO lines VALUES (NULL, ?, ?, ?, '', ?, 0, 0, ?, ?, ?, ?)",
        [(EXTRA_LINES + number * 100, *row) for number, row in enumerate(rows)],
    )
    world.execute(_faults(plan))


def _own_lines(payouts: Iterable[Payout]) -> Iterator[tuple[object, ...]]:
    """Yield provider, kind, gross, moment, day, payout and arrival of an adjustment or of a payout itself."""
    for each in payouts:
        if each.adjustment:
            yield each.provider, "adjustment", each.adjustment, _noon(each.last), each.last, "", None
        if each.provider == "stripe":
            made_on = bank_days_from(each.arrives_on, -1)
            yield each.provider, "payout", -each.sent, _noon(made_on), made_on, each.key, each.arrives_on


def _noon(day: date) -> str:
    return f"{day} 03:00:00"  # in UTC


def _faults(plan: Plan) -> str:
    """Return what the payouts add to the labels, and drop what nobody was told of."""
    told = bank_days_from(plan.last, -LATE_BANK_DAYS - 1)
    return f"""
INSERT INTO faults
SELECT 'payout_unequal', concat('payout:', provider, '/', key), stated - net FROM payouts WHERE role = 'unequal'
UNION ALL SELECT 'deposit_missing', concat('payout:', provider, '/', key), net FROM payouts WHERE role = 'missing'
UNION ALL SELECT 'unknown_deposit', concat('transfer:', t.transfer), t.amount FROM transfers AS t
    WHERE t.amount > 0 AND t.booked_on <= DATE '{told}'
    AND NOT EXISTS (FROM payouts AS p WHERE p.transfer = t.transfer)
UNION ALL SELECT 'deposit_differs', concat('transfer:', t.transfer), t.amount - sum(coalesce(p.stated, p.net))
    FROM transfers AS t JOIN payouts AS p USING (transfer) GROUP BY t.transfer, t.amount
    HAVING bool_or(p.role = 'differs')
"""
