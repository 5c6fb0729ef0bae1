"""Ticketing, payments and the sandbox in one process, on real databases, with a network, a clock and crashes by hand.

Nothing of ours is replaced: requests go through the services' own apps and adapters. What is played is only what lies
between and below them: the network (a request may be refused or its answer lost), the stream (events come late, twice,
or out of the order of other aggregates), webhooks (late, twice, never), the clock, and the end of a process before or
after a commit or a call.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.rows import dict_row

from kernel.access import Issuer, new_key_pair
from kernel.contracts.envelope import cloud_event_headers
from kernel.inbox import Consumer, ConsumerRunner
from kernel.migrations import migrate
from kernel.refusals import Refusal
from kernel.rows import Database
from kernel.stream.protocol import Delivered, partition_of, topic_of
from payments import rounds
from payments.app import create_app as create_payments
from payments.cases import actions as cases
from payments.health.guard import Guarded
from payments.methods import connect_all
from payments.refunds.consumers import handlers as payments_handlers
from payments.settings import PaymentsSettings
from payments.wiring import wire as wire_payments
from sandbox.app import create_app as create_sandbox
from sandbox.payers.actions import NotPayable, Outcome, act
from sandbox.payers.finder import Found
from sandbox.settings import SandboxSettings
from sandbox.stripe.signing import sign as sign_stripe
from sandbox.webhooks import Delivery
from support.selling import EXAMPLE, HandClock
from ticketing.app import create_app as create_ticketing
from ticketing.facilities.actions import import_file
from ticketing.orders import actions as orders
from ticketing.orders.consumers import handlers as ticketing_handlers
from ticketing.settings import TicketingSettings
from ticketing.wiring import wire as wire_ticketing

NOON = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
KEPT = {"alembic_version", "authorities", "facility_revisions", "ticket_keys"}
PROVIDER = {"stripe_card": "stripe", "paypay": "paypay", "payeasy_komoju": "komoju"}
ROUNDS_MAX = 60
QUIET_SECONDS_MAX = 60.0
SWEPT_EVERY = 100  # sequences; what was deleted is read again and again until it is swept away


class Crash(BaseException):
    """The process ends here: whatever is not committed is gone, and so is what it held in memory."""


def crashed(problem: BaseException) -> bool:
    if isinstance(problem, BaseExceptionGroup):
        return any(crashed(each) for each in problem.exceptions)
    return isinstance(problem, Crash)


@dataclass
class Plan:
    """The one mishap that waits: what, and how many chances it lets pass."""

    kind: str = ""
    skip: int = 0

    def strikes(self, kind: str) -> bool:
        if self.kind != kind:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.kind = ""
        return True


@dataclass
class Letter:
    """A webhook that a provider has sent."""

    path: str
    headers: dict
    body: bytes


@dataclass
class World:
    """Everything under test; one for many sequences, emptied between them."""

    loop: asyncio.AbstractEventLoop
    clock: HandClock
    plan: Plan
    ticketing_url: str
    payments_url: str
    permits: Issuer
    ticketing: object = None
    payments: object = None
    sandbox: object = None
    apps: dict = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    delivered: list[Letter] = field(default_factory=list)
    queues: dict[str, list[Delivered]] = field(default_factory=lambda: {"ticketing": [], "payments": []})
    told: dict[str, list[Delivered]] = field(default_factory=lambda: {"ticketing": [], "payments": []})
    read: dict[str, int] = field(default_factory=lambda: {"ticketing": 0, "payments": 0})
    later: list = field(default_factory=list)
    counter: itertools.count = field(default_factory=itertools.count)

    # Set up and emptied

    def build(self, ticketing_settings, payments_settings) -> None:
        self.settings = payments_settings
        self.ticketing = wire_ticketing(ticketing_settings, clock=self.clock)
        self.payments = wire_payments(payments_settings, clock=self.clock)
        self.adapters = connect_all(payments_settings, self.clock)
        self.apps["ticketing.test"] = create_ticketing(wiring=self.ticketing)
        self.apps["payments.test"] = create_payments(wiring=self.payments)
        self.emptied = 0
        self.rows = {
            name: psycopg.connect(url.replace("+psycopg", ""), autocommit=True, row_factory=dict_row)
            for name, url in (("ticketing", self.ticketing_url), ("payments", self.payments_url))
        }
        self.tables = {
            name: [
                row["tablename"]
                for row in self.query(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                if row["tablename"] not in KEPT
            ]
            for name in self.rows
        }
        self.run(self._open_shop())
        self.runners = {
            "ticketing": ConsumerRunner(
                Consumer(
                    "ticketing",
                    [topic_of("payments")],
                    ticketing_handlers(rules=self.ticketing.rules, clock=self.clock),
                ),
                database=self.ticketing.database,
                stream=None,
            ),
            "payments": ConsumerRunner(
                Consumer(
                    "payments",
                    [topic_of("ticketing")],
                    payments_handlers(clock=self.clock, bank_account_needed=self.payments.bank_account_needed),
                ),
                database=self.payments.database,
                stream=None,
            ),
        }

    async def _open_shop(self) -> None:
        await import_file(self.ticketing.database, EXAMPLE, at=NOON, by="test")
        await self.ticketing.books.refresh()
        await self.ticketing.keyring.start()

    def empty(self) -> None:
        """Begin anew: no orders, no charges, a provider that knows nothing, noon."""
        self.emptied += 1
        if self.emptied % SWEPT_EVERY == 0:
            for each in self.rows.values():
                each.execute("VACUUM")
        self.clock.at = NOON
        self.plan.kind = ""
        for name, tables in self.tables.items():
            # A history refuses to be changed; only a test may make it forget.
            deletes = "".join(f'DELETE FROM "{table}";' for table in tables)
            self.rows[name].execute(f"SET session_replication_role = replica; {deletes} RESET session_replication_role")
            self.queues[name].clear()
            self.told[name].clear()
            self.read[name] = 0
        self.letters.clear()
        self.delivered.clear()
        self.later.clear()
        if self.sandbox is not None:
            self.run(self.sandbox.stop())
        app = create_sandbox(
            SandboxSettings(
                public_url="http://sandbox.test",
                payments_url="http://payments.test",
                webhook_tries_max=1,
                paypay_code_seconds=300,
            ),
            self.clock,
            self._later,
        )
        self.apps["sandbox.test"] = app
        self.sandbox = app.state.sandbox
        self.run(self._start_sandbox())
        self.restart()

    async def _start_sandbox(self) -> None:
        self.sandbox.start()

    def _later(self, seconds: float, what) -> None:
        heapq.heappush(self.later, (self.clock.at + timedelta(seconds=max(0.0, seconds)), next(self.counter), what))

    def restart(self) -> None:
        """Start payments again: what it held in memory is gone."""
        guarded = {
            name: Guarded(each, self.payments.database, self.clock, calls_per_second=1_000)
            for name, each in self.adapters.items()
        }
        self.payments = replace(self.payments, methods=guarded)
        self.apps["payments.test"].state.wiring = self.payments

    # The network

    async def carry(self, request: httpx.Request) -> httpx.Response:
        """Take a request of one of our services, or of a provider, to whom it is for."""
        host = request.url.host
        if host == "payments.test" and request.url.path.startswith("/v1/webhooks/"):
            letter = Letter(request.url.path, dict(request.headers), await request.aread())
            self.letters.append(letter)
            return httpx.Response(200)
        if host == "sandbox.test":
            return await self._to_provider(request)
        try:
            return await self._deliver(request)
        except BaseException as problem:
            if not crashed(problem):
                raise
            self.restart()
            raise httpx.ReadError("payments ended") from problem

    async def _to_provider(self, request: httpx.Request) -> httpx.Response:
        if self.plan.strikes("crash_before_call"):
            raise Crash
        if self.plan.strikes("call_refused"):
            raise httpx.ConnectError("refused")
        answer = await self._deliver(request)
        if self.plan.strikes("crash_after_call"):
            raise Crash
        if self.plan.strikes("answer_lost"):
            raise httpx.ReadTimeout("lost")
        return answer

    async def _deliver(self, request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.apps[request.url.host])
        return await transport.handle_async_request(request)

    # Steps

    def run(self, work):
        return self.loop.run_until_complete(work)

    def survive(self, work) -> bool:
        """Do a step of one of our processes; tell whether it came to its end."""
        try:
            self.run(self._quietly(work))
        except BaseException as problem:
            if not crashed(problem):
                raise
            self.restart()
            return False
        return True

    async def _quietly(self, work) -> None:
        try:
            await work
        finally:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            if others:  # What ran beside it ends, too: none of its transactions may stay open.
                _, left = await asyncio.wait(others, timeout=QUIET_SECONDS_MAX)
                assert not left, left

    def ask(self, verb: str, host: str, path: str, **more) -> httpx.Response | None:
        """Send a request of a visitor, a payer or a provider; None when the process ended before it answered."""
        answers = []

        async def send() -> None:
            transport = httpx.ASGITransport(app=self.apps[host])
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                answers.append(await client.request(verb, path, **more))

        self.survive(send())
        return answers[0] if answers else None

    def order(self, method: str, quantity: int, *, product: str = "collection") -> None:
        """Let a visitor order tickets; the answer may be lost."""
        wish = {
            "facility": "hpam",
            "visit_date": "2026-11-28",
            "lines": [{"product": product, "category": "adult", "quantity": quantity}],
            "method": method,
        }
        self.ask("POST", "ticketing.test", "/v1/orders", json=wish, headers={"Idempotency-Key": str(uuid4())})

    def orders(self) -> list[dict]:
        return self.query("ticketing", "SELECT * FROM orders ORDER BY id")

    def paid_charges(self) -> list[UUID]:
        """Return the charges of the other system that are paid."""
        rows = self.query("payments", "SELECT id FROM charges WHERE caller = 'permits' AND captured_by IS NOT NULL")
        return [row["id"] for row in rows]

    def open_cases(self) -> list[UUID]:
        return [row["id"] for row in self.query("payments", "SELECT id FROM cases WHERE state = 'open' ORDER BY id")]

    def of_visitor(self, order_id: UUID) -> dict:
        return {"X-Order-Key": self.ticketing.order_key(order_id), "Idempotency-Key": str(uuid4())}

    def try_again(self, order_id: UUID, method: str) -> None:
        headers = self.of_visitor(order_id)
        self.ask("POST", "ticketing.test", f"/v1/orders/{order_id}/charge", json={"method": method}, headers=headers)

    def cancel(self, order_id: UUID) -> None:
        headers = self.of_visitor(order_id)
        self.ask("POST", "ticketing.test", f"/v1/orders/{order_id}/cancel", json={}, headers=headers)

    def open_charge(self, amount: int, method: str) -> None:
        """Let another system than ticketing open a charge."""
        wish = {
            "reference": str(uuid4()),
            "amount": amount,
            "method": method,
            "description": "証明書手数料",
            "expires_at": (self.clock.now() + timedelta(minutes=40)).isoformat(),
            "return_url": "http://permits.test/done",
            "facility": "",
        }
        self.ask("POST", "payments.test", "/v1/charges", json=wish, headers=self._service())

    def give_back(self, charge_id: UUID, amount: int) -> None:
        wish = {"amount": amount, "reason": "permit withdrawn"}
        self.ask("POST", "payments.test", f"/v1/charges/{charge_id}/refunds", json=wish, headers=self._service())

    def _service(self) -> dict:
        token = self.permits.service_token(audience="payments", at=self.clock.now())
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}

    def payables(self) -> list[Found]:
        """Return everything that a payer could ever try to pay, whether we know of it or not."""
        desks = self.sandbox
        return [
            *(Found("stripe", each.id) for each in desks.stripe.store.sessions),
            *(Found("paypay", each.code_id) for each in desks.paypay.store.codes),
            *(Found("komoju", each.id) for each in desks.komoju.store.payments),
        ]

    def pay(self, found: Found, outcome: Outcome) -> None:
        async def do() -> None:
            with suppress(NotPayable):  # The provider's page tells the payer that it cannot be.
                act(self.sandbox, found, outcome)

        self.run(self._quietly(do()))

    def post_letter(self, number: int, *, keep: bool) -> None:
        """Deliver a webhook; one that is not accepted comes again, as every provider sends it."""
        letter = self.letters[number]
        if self._post(letter):
            self.delivered.append(letter)
            if not keep:
                self.letters.remove(letter)

    def lose_letter(self, number: int) -> None:
        """Let a webhook be lost; one that is the last hope is not: nobody asks about that attempt any more."""
        said = self.letters[number].body.decode()
        unwatched = self.query("payments", "SELECT id::text, provider_id FROM attempts WHERE next_poll_at IS NULL")
        if any(row["id"] in said or (row["provider_id"] or "-") in said for row in unwatched):
            self.letters.append(self.letters.pop(number))
        else:
            self.letters.pop(number)

    def replay(self) -> None:
        """Deliver every webhook and every event once more, and take every round, at the same moment."""
        for letter in self.delivered:
            self._post(letter)
        for reader, told in self.told.items():
            for number in range(len(told)):
                self.tell_again(reader, number)
        self._come_to_rest(step_seconds=0)

    def _post(self, letter: Letter) -> bool:
        headers = letter.headers
        if "stripe-signature" in headers:  # Stripe signs each delivery anew, with its time.
            secrets = tuple(each.get_secret_value() for each in self.sandbox.settings.stripe_webhook_secrets)
            sent = Delivery("", "stripe", "", "", letter.body.decode(), 0, 0.0)
            signed = sign_stripe(secrets, sent, int(self.clock.now().timestamp()))
            headers = headers | {"stripe-signature": signed["Stripe-Signature"]}
        answer = self.ask("POST", "payments.test", letter.path, content=letter.body, headers=headers)
        return answer is not None and answer.is_success

    def collect(self) -> None:
        """Let the relays send what the outboxes hold."""
        for service, reader in (("ticketing", "payments"), ("payments", "ticketing")):
            rows = self.query(service, "SELECT * FROM outbox WHERE position > %s ORDER BY position", self.read[service])
            for row in rows:
                self.read[service] = row["position"]
                headers = cloud_event_headers(
                    id=str(row["id"]),
                    type=row["type"],
                    source=service,
                    subject=row["aggregateid"],
                    aggregate_version=row["aggregate_version"],
                    time=row["occurred_at"],
                    correlation_id=row["correlation_id"],
                )
                key = row["aggregateid"]
                made = Delivered(
                    topic_of(service),
                    partition_of(key),
                    row["position"],
                    key,
                    headers,
                    json.dumps(row["payload"]).encode(),
                )
                self.queues[reader].append(made)

    def tell(self, reader: str, number: int) -> None:
        """Deliver an event: of its own aggregate always the oldest first, of others in any order."""
        queue = self.queues[reader]
        key = queue[number].key
        first = next(each for each in queue if each.key == key)
        if self.survive(self.runners[reader]._together([first])):
            queue.remove(first)
            self.told[reader].append(first)

    def tell_again(self, reader: str, number: int) -> None:
        self.survive(self.runners[reader]._together([self.told[reader][number]]))

    def work(self, name: str) -> None:
        """Take one round of a worker."""
        if name == "expire_orders":
            self.survive(self._expire_orders())
            return
        self.survive(getattr(rounds, name)(self.payments))

    async def _expire_orders(self) -> None:
        async with self.ticketing.database.transaction("sweep") as tx:
            await orders.expire_due(tx, rules=self.ticketing.rules, at=self.clock.now())

    def pass_time(self, **by: float) -> None:
        """Let time pass, and happen what was to happen by itself."""
        end = self.clock.at + timedelta(**by)
        while self.later and self.later[0][0] <= end:
            at, _, what = heapq.heappop(self.later)
            self.clock.at = max(self.clock.at, at)
            self.run(self._quietly(self._do(what)))
        self.clock.at = end

    async def _do(self, what) -> None:
        what()

    def fill_house(self) -> None:
        """Let other visitors take all that is left."""
        self.rows["ticketing"].execute("UPDATE slots SET taken = capacity")

    def contested(self) -> list:
        """Return the disputes that no bank has decided yet."""
        return [each for each in self.sandbox.stripe.store.disputes if each.status == "needs_response"]

    def bank_decides(self, dispute, *, won: bool) -> None:
        async def do() -> None:
            self.sandbox.stripe.close_dispute(dispute, won=won)

        self.run(self._quietly(do()))

    def decide(self, case_id: UUID, verb: str) -> None:
        """Let a person decide on a case."""

        async def do() -> None:
            at = self.clock.now()
            async with self.payments.database.transaction("staff") as tx:
                match verb:
                    case "give_back":
                        needed = self.payments.bank_account_needed
                        await cases.give_back(
                            tx, case_id, refund_id=uuid4(), bank_account_needed=needed, actor="h.sato", at=at
                        )
                    case "ask_again":
                        await cases.ask_again(tx, case_id, actor="h.sato", at=at)
                    case _:
                        await cases.close(tx, case_id, words="found in the bank's book", actor="h.sato", at=at)

        async def refused_at_most() -> None:
            with suppress(Refusal):
                await do()

        self.survive(refused_at_most())

    # What is known

    def query(self, service: str, sql: str, *values) -> list[dict]:
        return self.rows[service].execute(sql, values or None).fetchall()

    def settle(self) -> None:
        """Let everything that is under way come to its end: no faults, all webhooks, all events, all rounds."""
        self.plan.kind = ""
        self.sandbox.faults.clear()
        self.pass_time(minutes=11)  # The longest pause of a breaker is over.
        self.work("ask_about_disputes")
        self._come_to_rest(step_seconds=1)
        self._come_to_rest(step_seconds=0)

    def _come_to_rest(self, step_seconds: int) -> None:
        for _ in range(ROUNDS_MAX):
            before = self.state(), len(self.letters)
            self.hasten()
            while self.letters:
                self.post_letter(0, keep=False)
            for _ in range(self._turns()):
                for name in ("read_messages", "ask_providers", "move_refunds", "end_what_is_over", "expire_orders"):
                    self.work(name)
            self.collect()
            for reader, queue in self.queues.items():
                while queue:
                    self.tell(reader, 0)
            self.pass_time(seconds=step_seconds)
            if before == (self.state(), len(self.letters)):
                return
        raise AssertionError("it does not come to rest")

    def _turns(self) -> int:
        """Return how often each round has its turn until it has taken everything: it takes so many at once.

        A round that changed nothing says nothing of those that it did not come to.
        """
        [found] = self.query(
            "payments",
            "SELECT greatest((SELECT count(*) FROM attempts), (SELECT count(*) FROM refunds), "
            "(SELECT count(*) FROM provider_messages WHERE processed_at IS NULL)) AS number",
        )
        return 1 + found["number"] // rounds.BATCH_MAX

    def hasten(self) -> None:
        """Let the waits of questions pass that are to be asked anyway."""
        at = self.clock.now()
        for table in ("attempts", "refunds"):
            self.rows["payments"].execute(f"UPDATE {table} SET next_poll_at = %s WHERE next_poll_at IS NOT NULL", (at,))
        self.rows["payments"].execute("UPDATE provider_messages SET next_try_at = %s WHERE processed_at IS NULL", (at,))

    def state(self) -> dict[str, list[str]]:
        """Return all that money and tickets depend on, row by row."""
        parts = {
            "orders": ("ticketing", "SELECT id, status, charge_id, version FROM orders ORDER BY id"),
            "tickets": ("ticketing", "SELECT id, order_id, status FROM tickets ORDER BY id"),
            "asked": ("ticketing", "SELECT id, amount, status FROM order_refunds ORDER BY id"),
            "charges": (
                "payments",
                "SELECT id, status, captured_amount, captured_by, version FROM charges ORDER BY id",
            ),
            "attempts": ("payments", "SELECT id, state, captured_amount FROM attempts ORDER BY id"),
            "refunds": ("payments", "SELECT id, amount, state FROM refunds ORDER BY id"),
            "cases": ("payments", "SELECT id, kind, amount, state FROM cases ORDER BY id"),
            "facts": ("payments", "SELECT count(*) AS number FROM outbox"),
            "unread": ("payments", "SELECT id FROM provider_messages WHERE processed_at IS NULL AND tries < 20"),
            "wishes": ("ticketing", "SELECT count(*) AS number FROM outbox"),
        }
        return {name: [str(dict(row)) for row in self.query(*each)] for name, each in parts.items()}


@contextmanager
def by_hand(world: World):
    """Let the world carry every request of our code, and end processes around its commits."""
    carry = httpx.AsyncHTTPTransport.handle_async_request
    transaction = Database.transaction

    async def handle(_transport, request):
        return await world.carry(request)

    @asynccontextmanager
    async def fragile(database, correlation_id):
        async with transaction(database, correlation_id) as tx:
            yield tx
            if world.plan.strikes("crash_before_commit"):
                raise Crash
        if world.plan.strikes("crash_after_commit"):
            raise Crash

    httpx.AsyncHTTPTransport.handle_async_request = handle
    Database.transaction = fragile
    try:
        yield
    finally:
        httpx.AsyncHTTPTransport.handle_async_request = carry
        Database.transaction = transaction


@contextmanager
def money_world(postgres, folder):
    """Build a world on databases of its own."""
    urls = {name: postgres.new_database(name) for name in ("ticketing", "payments")}
    for name, url in urls.items():
        migrate(name, url)
    private, public = new_key_pair()
    (folder / "ticketing.pem").write_text(public)
    permits_private, permits_public = new_key_pair()
    (folder / "permits.pem").write_text(permits_public)
    shared = {
        "ticketing_url": "http://ticketing.test",
        "payments_url": "http://payments.test",
        "trusted_keys_dir": folder,
        "session_key": "s" * 40,
    }
    ticketing = TicketingSettings(
        ticketing_database_url=urls["ticketing"],
        stream_database_url=urls["ticketing"],
        service_key=private,
        order_key_secret="o" * 40,
        ticket_signing_key="ab" * 32,
        **shared,
    )
    payments = PaymentsSettings(
        payments_database_url=urls["payments"],
        stream_database_url=urls["payments"],
        stripe_api_base="http://sandbox.test/stripe",
        paypay_base_url="http://sandbox.test/paypay",
        komoju_base_url="http://sandbox.test/komoju/api/v1",
        calls_per_second=1_000,
        callers=("ticketing", "permits"),
        **shared,
    )
    loop = asyncio.new_event_loop()
    world = World(
        loop, HandClock(NOON), Plan(), urls["ticketing"], urls["payments"], Issuer("permits", permits_private)
    )
    with by_hand(world):
        try:
            world.build(ticketing, payments)
            yield world
        finally:
            if world.sandbox is not None:
                loop.run_until_complete(world.sandbox.stop())
            loop.run_until_complete(world.payments.database.close())
            loop.run_until_complete(world.ticketing.database.close())
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            for each in getattr(world, "rows", {}).values():
                each.close()
            for url in urls.values():
                postgres.drop(url)
