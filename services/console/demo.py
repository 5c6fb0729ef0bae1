"""`momiji demo`: sells, pays, scans and reports through the public HTTP interfaces, then compares."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from console.installation import CannotStartError, Running
from console.tokens import find_running, token
from kernel.clock import JAPAN, business_date, new_id

METHODS = ("stripe_card", "paypay", "payeasy_komoju")
PATIENCE_SECONDS = 90.0  # For one step of one visitor, restarts of services included.
AGREEMENT_SECONDS_MAX = 90.0
CANCEL_EVERY = 7  # One order in seven is cancelled and refunded; Pay-easy would need a bank account for that.
ABANDON_EVERY = 17  # One in seventeen is placed and never paid.
QUANTITY_MAX = 4
PAID_SHARE = 0.8
LAST_HOUR = timedelta(hours=1)  # A payment for today has to end before midnight, so that nothing is bought this late.


@dataclass(slots=True)
class Tally:
    """What the demo itself saw happen; the accounts must say the same."""

    sold: int = 0
    captured: int = 0
    refunded: int = 0
    admitted: int = 0
    refused_twice: int = 0
    abandoned: int = 0
    orders: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visitor's plan, drawn from the seed."""

    facility: str
    day: date
    slot: str | None
    lines: list[dict[str, Any]]
    method: str
    cancels: bool
    abandons: bool
    enters: bool
    key: UUID


class Visitor:
    """Acts as visitor, payer and gate over HTTP; repeats a step until it is answered."""

    def __init__(self, client: httpx.AsyncClient, running: Running, gate_token: str, tally: Tally) -> None:
        self._client = client
        self._running = running
        self._gate = {"Authorization": f"Bearer {gate_token}"}
        self._tally = tally

    async def go(self, visit: Visit) -> None:
        """Buy, pay, enter (or cancel), as the plan says."""
        order = await self._post(
            f"{self._running.url('ticketing')}/v1/orders",
            {
                "facility": visit.facility,
                "visit_date": visit.day.isoformat(),
                "lines": visit.lines,
                "method": visit.method,
                "locale": "ja",
            }
            | ({"slot": visit.slot} if visit.slot else {}),
            headers={"Idempotency-Key": str(visit.key)},
        )
        own = {"X-Order-Key": order["key"]}
        if order["total"] > 0:
            if visit.abandons:
                self._tally.abandoned += 1
                return
            await self._pay(order, own, visit)
        confirmed = await self._until(order["id"], own, "confirmed")
        self._tally.orders[visit.method if order["total"] else "free"] += 1
        self._tally.sold += order["total"]
        self._tally.captured += order["total"]
        if visit.cancels and order["total"] > 0:
            await self._post(
                f"{self._running.url('ticketing')}/v1/orders/{order['id']}/cancel",
                {},
                headers=own | {"Idempotency-Key": f"{visit.key}-cancel"},
            )
            self._tally.refunded += order["total"]
        elif visit.enters:
            await self._enter(visit, confirmed["tickets"])

    async def _pay(self, order: dict[str, Any], own: dict[str, str], visit: Visit) -> None:
        """Pay on the page that the order leads to; after a crash on the way, ask for another page as a visitor does."""
        address = f"{self._running.url('ticketing')}/v1/orders/{order['id']}"
        payers = f"{self._running.url('sandbox')}/payers"
        deadline = time.monotonic() + PATIENCE_SECONDS
        trouble = "none was opened"
        while order["status"] == "awaiting_payment":
            try:
                if order.get("checkout_url"):
                    await self._post(payers, {"checkout_url": order["checkout_url"], "outcome": "pay"})
                    return
            except CannotStartError as refused:
                trouble = str(refused)
            if time.monotonic() > deadline:
                raise CannotStartError(f"No page to pay order {order['number']}: {trouble}")
            await asyncio.sleep(0.5)
            with suppress(CannotStartError):  # Refused when it is paid by now, which the order itself tells.
                again = own | {"Idempotency-Key": str(new_id())}
                await self._post(f"{address}/charge", {"method": visit.method}, headers=again)
            order = await self._get(address, own)

    async def _enter(self, visit: Visit, tickets: list[dict[str, Any]]) -> None:
        gate = f"{self._running.url('ticketing')}/v1/gates/{visit.facility}-1/scans"
        for position, ticket in enumerate(tickets):
            scan = {"code": ticket["code"], "scanned_at": datetime.now(UTC).isoformat()}  # noqa: TID251 - an edge
            answer = await self._post(gate, scan | {"scan_id": str(new_id())}, headers=self._gate)
            if answer["decision"] != "admit":
                raise CannotStartError(f"A valid ticket of {visit.facility} was refused: {answer['reason']}.")
            self._tally.admitted += 1
            if position == 0:
                again = await self._post(gate, scan | {"scan_id": str(new_id())}, headers=self._gate)
                if again["reason"] != "already_admitted":
                    raise CannotStartError(f"A second scan was answered {again['reason']}, not already_admitted.")
                self._tally.refused_twice += 1

    async def _until(self, order_id: str, own: dict[str, str], status: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        wait = 0.05
        while time.monotonic() < deadline:
            order = await self._get(f"{self._running.url('ticketing')}/v1/orders/{order_id}", own)
            if order["status"] == status and (status != "confirmed" or order["tickets"]):
                return order
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, 1.0)
        raise CannotStartError(f"Order {order_id} did not become {status} within {PATIENCE_SECONDS:.0f} s.")

    async def _get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        return await self._ask("GET", url, None, headers or {})

    async def _post(self, url: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        return await self._ask("POST", url, body, headers or {})

    async def _ask(self, verb: str, url: str, body: dict[str, Any] | None, headers: dict[str, str]) -> dict[str, Any]:
        """Ask until there is an answer: a service that restarts is waited for, a refusal is not."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        wait = 0.1
        problem = "no answer"
        while time.monotonic() < deadline:
            try:
                answer = await self._client.request(verb, url, json=body, headers=headers)
            except httpx.HTTPError as away:
                problem = type(away).__name__
            else:
                if answer.is_success:
                    return dict(answer.json())
                problem = f"{answer.status_code} {answer.text[:300]}"
                in_flight = answer.status_code == httpx.codes.CONFLICT and "request-in-flight" in answer.text
                if answer.status_code < 500 and not in_flight:  # noqa: PLR2004 - a server's fault is worth a retry
                    raise CannotStartError(f"{verb} {url} was refused: {problem}")
            await asyncio.sleep(wait)
            wait = min(wait * 2, 2.0)
        raise CannotStartError(f"{verb} {url}: {problem}, for {PATIENCE_SECONDS:.0f} s")


def demo(environment: Mapping[str, str], *, orders: int, seed: int, concurrency: int) -> int:
    """Run the demo against the running installation; return 0 if every yen agrees, else 1."""
    if orders < 1 or concurrency < 1:
        raise CannotStartError("--orders and --concurrency take a number from 1 up.")
    _, running = find_running(environment)
    tokens = {role: token(environment, role=role, facilities=[]) for role in ("gate", "accounting")}
    try:
        return asyncio.run(_demo(running, tokens, orders=orders, seed=seed, concurrency=concurrency))
    except* CannotStartError as several:
        refused: BaseException = several
    while isinstance(refused, BaseExceptionGroup):
        refused = refused.exceptions[0]  # One visitor's trouble is told; the others were stopped by it.
    raise refused


async def _demo(running: Running, tokens: dict[str, str], *, orders: int, seed: int, concurrency: int) -> int:
    screen = Console()
    limits = httpx.Limits(max_connections=concurrency * 2)
    async with httpx.AsyncClient(timeout=35, limits=limits) as client:
        accounts = Accounts(client, running, tokens["accounting"])
        days = _days()
        before = await accounts.totals(days)
        tally = Tally()
        visitor = Visitor(client, running, tokens["gate"], tally)
        visits = await _plan(client, running, orders=orders, seed=seed)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        started = time.monotonic()
        with Progress(*columns, console=screen) as progress:
            task = progress.add_task("Visitors", total=len(visits))
            places = asyncio.Semaphore(concurrency)

            async def one(visit: Visit) -> None:
                async with places:
                    await visitor.go(visit)
                    progress.advance(task)

            async with asyncio.TaskGroup() as group:
                for visit in visits:
                    group.create_task(one(visit))
            seconds = time.monotonic() - started
            waiting = progress.add_task("Accounts", total=None)
            after = await accounts.agreement(days, before, tally)
            progress.update(waiting, total=1, completed=1)
        return _report(screen, running, tally, before, after, seconds)


def _days() -> list[date]:
    """Return the business days that a run starting now can touch, midnight included."""
    today = business_date(datetime.now(UTC))  # noqa: TID251 - the demo is an edge
    return [today, today + timedelta(days=1)]


class Accounts:
    """Reads the day totals that accounting sees."""

    def __init__(self, client: httpx.AsyncClient, running: Running, bearer: str) -> None:
        self._client = client
        self._url = running.url("reconciliation")
        self._headers = {"Authorization": f"Bearer {bearer}"}

    async def totals(self, days: list[date]) -> Counter[str]:
        """Return sold, captured, refunded (yen) and admitted (people) over the days."""
        sums: Counter[str] = Counter()
        for day in days:
            answer = await self._client.get(f"{self._url}/v1/days/{day}", headers=self._headers)
            answer.raise_for_status()
            for name, value in answer.json()["totals"].items():
                sums[name] += int(value)
        return sums

    async def agreement(self, days: list[date], before: Counter[str], tally: Tally) -> Counter[str]:
        """Wait until the accounts say what the demo saw; return them as they are when time is over."""
        deadline = time.monotonic() + AGREEMENT_SECONDS_MAX
        while True:
            try:
                after = await self.totals(days)
            except httpx.HTTPError:
                after = before
            if not _differences(before, after, tally) or time.monotonic() > deadline:
                return after
            await asyncio.sleep(0.5)


def _expected(tally: Tally) -> dict[str, int]:
    return {
        "sold": tally.sold,
        "captured": tally.captured,
        "refunded": tally.refunded,
        "admitted": tally.admitted,
    }


def _differences(before: Counter[str], after: Counter[str], tally: Tally) -> dict[str, int]:
    return {
        name: after[name] - before[name] - expected
        for name, expected in _expected(tally).items()
        if after[name] - before[name] != expected
    }


async def _plan(client: httpx.AsyncClient, running: Running, *, orders: int, seed: int) -> list[Visit]:
    """Draw the visits: a facility that is open, what it offers, a method in turn."""
    dice = random.Random(seed)  # noqa: S311 - a repeatable demonstration, not a secret
    now = datetime.now(UTC)  # noqa: TID251 - the demo is an edge
    today = business_date(now)
    facilities = await _pages(client, f"{running.url('ticketing')}/v1/facilities")
    menus: list[tuple[str, date, list[dict[str, Any]]]] = []
    for facility in facilities:
        for day in days_to_visit(now):
            address = f"{running.url('ticketing')}/v1/facilities/{facility['code']}/offers"
            answer = await client.get(address, params={"date": day.isoformat()})
            offers = answer.json().get("offers", []) if answer.is_success else []
            if offers:
                menus.append((facility["code"], day, offers))
    now_menus = [menu for menu in menus if menu[1] == today] or menus
    later_menus = [menu for menu in menus if menu[1] > today] or menus
    if not menus:
        raise CannotStartError("No facility offers anything in the next days; look at the facilities' opening days.")
    visits = []
    for position in range(orders):
        method = METHODS[position % len(METHODS)]
        code, day, offers = dice.choice(later_menus if method == "payeasy_komoju" else now_menus)
        priced = [offer for offer in offers if offer["price"] > 0]
        cancels = position % CANCEL_EVERY == CANCEL_EVERY - 1
        # Most visits cost something; entry for nothing is counted too.
        offer = dice.choice(priced if priced and (cancels or dice.random() < PAID_SHARE) else offers)
        slot, enters = choose_slot(offer, day, dice, at=now)
        visits.append(
            Visit(
                facility=code,
                day=day,
                slot=slot,
                lines=[
                    {
                        "product": _code(offer["product"]),
                        "category": _code(offer["category"]),
                        "quantity": dice.randint(1, QUANTITY_MAX),
                    }
                ],
                method=method,
                cancels=cancels and method != "payeasy_komoju",
                abandons=position % ABANDON_EVERY == ABANDON_EVERY - 1,
                enters=enters,
                key=new_id(),
            )
        )
    return visits


def _code(given: Any) -> str:
    return str(given["code"] if isinstance(given, dict) else given)


def days_to_visit(at: datetime) -> tuple[date, ...]:
    """Return the days that visits are bought for: today, unless a payment would come too late, and two later ones."""
    today = business_date(at)
    later = (today + timedelta(days=2), today + timedelta(days=5))
    return later if business_date(at + LAST_HOUR) > today else (today, *later)


def choose_slot(offer: dict[str, Any], day: date, dice: random.Random, *, at: datetime) -> tuple[str | None, bool]:
    """Draw a slot, one that admits already if there is any; tell whether the visitor can go in now."""
    slots = [str(each["starts_at"] if isinstance(each, dict) else each) for each in offer.get("slots") or []]
    is_today = day == business_date(at)
    if not slots:
        return None, is_today
    starts = {slot: datetime.combine(day, time_of_day.fromisoformat(slot), tzinfo=JAPAN) for slot in slots}
    open_now = [slot for slot in slots if is_today and starts[slot] <= at]
    return str(dice.choice(open_now or slots)), bool(open_now)


async def _pages(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    answer = await client.get(url)
    answer.raise_for_status()
    body = answer.json()
    items = list(body["items"])
    while body.get("next_cursor"):
        answer = await client.get(url, params={"cursor": body["next_cursor"]})
        body = answer.json()
        items += body["items"]
    return items


def _report(
    screen: Console, running: Running, tally: Tally, before: Counter[str], after: Counter[str], seconds: float
) -> int:
    table = Table(title=f"Momiji demo (event stream: {running.stream})")
    for column in ("", "the demo saw", "the accounts say", "difference"):
        table.add_column(column, justify="left" if not column else "right")
    differences = _differences(before, after, tally)
    for name, expected in _expected(tally).items():
        unit = "" if name == "admitted" else "¥"
        table.add_row(
            name,
            f"{unit}{expected:,}",
            f"{unit}{after[name] - before[name]:,}",
            f"{differences.get(name, 0):,}",
        )
    screen.print(table)
    sold = sum(tally.orders.values())
    screen.print(
        f"{sold} orders paid ({', '.join(f'{count} {name}' for name, count in sorted(tally.orders.items()))}), "
        f"{tally.abandoned} abandoned, {tally.refused_twice} second entries refused, {sold / seconds:.1f} orders/s."
    )
    if differences:
        screen.print("[bold red]The totals do not agree.[/] Open the accounting page to see what differs and why.")
        return 1
    screen.print("[bold green]Every yen agrees.[/]")
    return 0
