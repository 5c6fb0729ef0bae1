"""Orders, payments, refunds, faults, crashes and clock jumps in any order: after every step the money agrees."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sandbox.faults.model import Fault
from sandbox.payers.actions import Outcome
from support.money_oracle import violations
from support.money_world import PROVIDER, money_world

METHODS = sorted(PROVIDER)
SEQUENCES = int(os.environ.get("MOMIJI_SOAK_SEQUENCES", "150"))
STEPS = 25
MISHAPS = [
    "call_refused",
    "answer_lost",
    "crash_before_call",
    "crash_after_call",
    "crash_before_commit",
    "crash_after_commit",
]
WORK = ["read_messages", "ask_providers", "move_refunds", "end_what_is_over", "expire_orders"]
NUMBER = st.integers(0, 9)


class Money(RuleBasedStateMachine):
    """Draws a step; the world takes it; the oracle looks."""

    world = None

    @initialize()
    def begin(self):
        self.world.empty()

    @rule(method=st.sampled_from(METHODS), quantity=st.integers(1, 2))
    def order(self, method, quantity):
        self.world.order(method, quantity)

    @rule(method=st.sampled_from(METHODS), amount=st.integers(300, 302))
    def another_system_charges(self, method, amount):
        self.world.open_charge(amount, method)

    @precondition(lambda self: self.world.orders())
    @rule(number=NUMBER, method=st.sampled_from(METHODS))
    def choose_another_way_to_pay(self, number, method):
        orders = self.world.orders()
        self.world.try_again(orders[number % len(orders)]["id"], method)

    @precondition(lambda self: self.world.payables())
    @rule(number=NUMBER, outcome=st.sampled_from([Outcome.PAY, Outcome.PAY, Outcome.PAY, *Outcome]))
    def pay(self, number, outcome):
        found = self.world.payables()
        self.world.pay(found[-1 - number % len(found)], outcome)

    @precondition(lambda self: self.world.orders())
    @rule(number=NUMBER)
    def cancel(self, number):
        orders = self.world.orders()
        self.world.cancel(orders[number % len(orders)]["id"])

    @rule(number=NUMBER, amount=st.integers(1, 300))
    def another_system_gives_back(self, number, amount):
        charges = self.world.query("payments", "SELECT id FROM charges WHERE caller = 'permits' ORDER BY id")
        if charges:
            self.world.give_back(charges[number % len(charges)]["id"], amount)

    @precondition(lambda self: self.world.letters)
    @rule(number=NUMBER, keep=st.booleans())
    def a_webhook_arrives(self, number, keep):
        self.world.post_letter(number % len(self.world.letters), keep=keep)

    @precondition(lambda self: self.world.letters)
    @rule(number=NUMBER)
    def a_webhook_is_lost(self, number):
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
        cases = self.world.query("payments", "SELECT id FROM cases WHERE state = 'open' ORDER BY id")
        if cases:
            self.world.decide(cases[number % len(cases)]["id"], verb)

    @rule()
    def all_comes_to_rest_and_replays_change_nothing(self):
        self._rest()

    @invariant()
    def the_money_agrees(self):
        assert violations(self.world, settled=False) == []

    def teardown(self):
        if self.world.sandbox is not None:
            self._rest()

    def _rest(self):
        self.world.settle()
        assert violations(self.world, settled=True) == []
        before = self.world.state()
        self.world.replay()
        assert self.world.state() == before


def machine(world):
    return type("MoneyHere", (Money,), {"world": world})


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_the_money_agrees_after_every_step(postgres, tmp_path):
    with money_world(postgres, tmp_path) as world:
        run_state_machine_as_test(
            machine(world),
            settings=settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
