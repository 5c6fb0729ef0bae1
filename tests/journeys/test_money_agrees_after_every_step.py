"""Orders, payments, refunds, faults, crashes and clock jumps in any order: after every step the money agrees."""

import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from support.money_machine import STEPS, machine
from support.money_world import money_world

SEQUENCES = int(os.environ.get("MOMIJI_SOAK_SEQUENCES", "100"))
SEED = os.environ.get("MOMIJI_SOAK_SEED")  # other sequences than the fixed ones of CI; see deploy/soak.sh


@pytest.mark.slow
@pytest.mark.timeout(4 * 3_600)
def test_the_money_agrees_after_every_step(postgres, tmp_path):
    with money_world(postgres, tmp_path) as world:
        steps = machine(world) if SEED is None else seed(int(SEED))(machine(world))
        run_state_machine_as_test(
            steps,
            settings=settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                derandomize=SEED is None,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
