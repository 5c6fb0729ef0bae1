"""The steps of the money test: orders, payments, refunds, faults, crashes and clock jumps, drawn in any order."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sandbox.faults.model import Fault
from sandbox.payers.actions import Outcome
from support.money_oracle import violations
from support.money_world import PROVIDER

METHODS = sorted(PROVIDER)
STEPS = 30
MISHAPS = [
    "call_refused",
    "answer_lost",
    "crash_before_call",
    "crash_after_call",
    "crash_before_commit",
    "crash_after_commit",
]
PAYING = [Outcome.PAY, Outcome.PAY, Outcome.PAY, Outcome.PAY, Outcome.DECLINE, Outcome.PAY_TWICE]
WORK = ["read_messages", "ask_providers", "move_refunds", "end_what_is_over", "expire_orders"]
NUMBER = st.integers(0, 9)


class Money(RuleBasedStateMachine):
    """Draws a step; the world takes it, if it can; the oracle looks.

    No rule has a precondition: what is drawn never depends on what happened, so that a sequence can be drawn again.
    """

    world = None

    @initialize(method=st.sampled_from(METHODS), quantity=st.integers(1, 2))
    def begin(self, method, quantity):
        self.world.empty()
        self.world.order(method, quantity)

    @rule(method=st.sampled_from(METHODS), quantity=st.integers(1, 2))
    def order(self, method, quantity):
        self.world.order(method, quantity)

    @rule(method=st.sampled_from(METHODS), quantity=st.integers(1, 2), outcome=st.sampled_from(PAYING))
    def order_and_pay(self, method, quantity, outcome):
        for found in self._new(lambda: self.world.order(method, quantity)):
            self.world.pay(found, outcome)

    def _new(self, step):
        """Take a step and return what it made payable."""
        before = self.world.payables()
        step()
        return [each for each in self.world.payables() if each not in before]

    @rule(method=st.sampled_from(METHODS), amount=st.integers(300, 302), outcome=st.sampled_from(PAYING))
    def another_system_charges(self, method, amount, outcome):
        for found in self._new(lambda: self.world.open_charge(amount, method)):
            self.world.pay(found, outcome)

    @rule(method=st.sampled_from(METHODS), quantity=st.integers(1, 2), seconds=st.sampled_from([1_300, 4_000, 300_000]))
    def a_payer_comes_too_late(self, method, quantity, seconds):
        found = self._new(lambda: self.world.order(method, quantity))
        self.world.pass_time(seconds=seconds)
        for name in ("ask_providers", "expire_orders", "end_what_is_over"):
            self.world.work(name)
        for each in found:
            self.world.pay(each, Outcome.PAY_LATE)

    @rule(
        method=st.sampled_from(METHODS),
        amount=st.integers(300, 302),
        repeats=st.integers(1, 2),
        trouble=st.sampled_from(["", "error_500", "error_500_after_success"]),
    )
    def another_system_pays_and_gives_back(self, method, amount, repeats, trouble):
        known = self.world.paid_charges()
        for found in self._new(lambda: self.world.open_charge(amount, method)):
            self.world.pay(found, Outcome.PAY)
        self.an_ordinary_minute_passes()
        for charge in self.world.paid_charges():
            if charge not in known:
                for _ in range(repeats):
                    self.world.give_back(charge, 200)
        if trouble:
            self.world.sandbox.faults.add(Fault("x", PROVIDER[method], "refund", trouble, 1))
        self.world.work("move_refunds")

    @rule(number=NUMBER, method=st.sampled_from(METHODS))
    def choose_another_way_to_pay(self, number, method):
        orders = self.world.orders()
        if orders:
            self.world.try_again(orders[-1 - number % len(orders)]["id"], method)

    @rule(number=NUMBER, outcome=st.sampled_from(PAYING))
    def pay(self, number, outcome):
        found = self.world.payables()
        if found:
            self.world.pay(found[-1 - number % len(found)], outcome)

    @rule(number=NUMBER, outcome=st.sampled_from([*Outcome]))
    def pay_in_a_strange_way(self, number, outcome):
        found = self.world.payables()
        if found:
            self.world.pay(found[number % len(found)], outcome)

    @rule(number=NUMBER)
    def cancel(self, number):
        orders = self.world.orders()
        if orders:
            self.world.cancel(orders[number % len(orders)]["id"])

    @rule(number=NUMBER, amount=st.integers(1, 300))
    def another_system_gives_back(self, number, amount):
        charges = self.world.paid_charges()
        if charges:
            self.world.give_back(charges[number % len(charges)], amount)

    @rule(method=st.sampled_from(METHODS), other=st.sampled_from(METHODS))
    def a_payer_pays_both_ways(self, method, other):
        found = self._new(lambda: self.world.order(method, 1))
        orders = self.world.orders()
        if orders:
            found += self._new(lambda: self.world.try_again(orders[-1]["id"], other))
        for each in reversed(found):
            self.world.pay(each, Outcome.PAY_LATE)

    @rule(method=st.sampled_from(METHODS), kind=st.sampled_from(["crash_before_call", "crash_after_call"]))
    def a_worker_dies_while_it_asks(self, method, kind):
        for found in self._new(lambda: self.world.order(method, 1)):
            self.world.pay(found, Outcome.PAY)
        for _ in range(len(self.world.letters)):
            self.world.lose_letter(0)
        self.world.pass_time(seconds=90)
        self.world.plan.kind, self.world.plan.skip = kind, 0
        self.world.work("ask_providers")

    @rule()
    def an_ordinary_minute_passes(self):
        for letter in list(self.world.letters):
            self.world.post_letter(self.world.letters.index(letter), keep=False)
        for name in WORK:
            self.world.work(name)
        self.world.collect()
        for reader, queue in self.world.queues.items():
            for _ in range(len(queue)):
                self.world.tell(reader, 0)
        self.world.pass_time(minutes=1)

    @rule(number=NUMBER, keep=st.booleans())
    def a_webhook_arrives(self, number, keep):
        if self.world.letters:
            self.world.post_letter(number % len(self.world.letters), keep=keep)

    @rule(number=NUMBER)
    def a_webhook_is_lost(self, number):
        if self.world.letters:
            self.world.lose_letter(number % len(self.world.letters))

    @rule(name=st.sampled_from(WORK))
    def a_worker_takes_a_round(self, name):
        self.world.work(name)

    @rule(reader=st.sampled_from(["ticketing", "payments"]), numbers=st.lists(NUMBER, max_size=4))
    def events_arrive(self, reader, numbers):
        self.world.collect()
        for number in numbers:
            queue = self.world.queues[reader]
            if queue:
                self.world.tell(reader, number % len(queue))

    @rule(reader=st.sampled_from(["ticketing", "payments"]), number=NUMBER)
    def an_event_arrives_again(self, reader, number):
        told = self.world.told[reader]
        if told:
            self.world.tell_again(reader, number % len(told))

    @rule(seconds=st.sampled_from([1, 15, 60, 400, 1_200, 3_700, 90_000]))
    def time_passes(self, seconds):
        self.world.pass_time(seconds=seconds)

    @rule(kind=st.sampled_from(MISHAPS), skip=st.integers(0, 3))
    def a_mishap_waits(self, kind, skip):
        self.world.plan.kind, self.world.plan.skip = kind, skip

    @rule(
        provider=st.sampled_from(["stripe", "paypay", "komoju", "*"]),
        operation=st.sampled_from(["open", "query", "refund", "expire", "*"]),
        kind=st.sampled_from(["error_500", "error_500_after_success", "maintenance"]),
        count=st.integers(1, 3),
    )
    def a_provider_has_trouble(self, provider, operation, kind, count):
        self.world.sandbox.faults.add(Fault("x", provider, operation, kind, count))

    @rule(provider=st.sampled_from(["stripe", "komoju"]))
    def a_refund_will_fail(self, provider):
        self.world.sandbox.faults.add(Fault("x", provider, "refund", "fails", 1))

    @rule()
    def other_visitors_take_the_rest(self):
        self.world.fill_house()

    @rule(number=NUMBER, verb=st.sampled_from(["give_back", "give_back", "ask_again", "close"]))
    def a_person_decides_on_a_case(self, number, verb):
        cases = self.world.open_cases()
        if cases:
            self.world.decide(cases[number % len(cases)], verb)

    @rule(number=NUMBER, won=st.booleans())
    def a_bank_decides(self, number, won):
        disputes = self.world.contested()
        if disputes:
            self.world.bank_decides(disputes[number % len(disputes)], won=won)

    @rule()
    def all_comes_to_rest_and_replays_change_nothing(self):
        self._rest()

    @invariant()
    def the_money_agrees(self):
        nothing(violations(self.world, settled=False))

    def teardown(self):
        if self.world.sandbox is not None:
            self._rest()

    def _rest(self):
        self.world.settle()
        nothing(violations(self.world, settled=True))
        before = self.world.state()
        self.world.replay()
        nothing(changes(before, self.world.state()))


SEEN = []  # Every violation that was ever found.


def nothing(wrong):
    """Fail with everything that is wrong, a line each."""
    said = list(wrong)
    SEEN.extend(said)
    assert not said, "\n".join(said)


def changes(before, after):
    """Yield what a replay changed, row by row."""
    for name, rows in before.items():
        yield from (f"{name} lost {row}" for row in rows if row not in after[name])
        yield from (f"{name} got {row}" for row in after[name] if row not in rows)


def machine(world):
    return type("MoneyHere", (Money,), {"world": world})
