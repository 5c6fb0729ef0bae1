"""A made-up year goes through the public interfaces; everything that is wrong in it is found, and nothing else."""

from datetime import date

import pytest

from console.bench.reconciling import papers, world
from console.bench.reconciling.judge import judge
from console.bench.reconciling.plan import Plan
from support import made_up


def plan_of(seed):
    return Plan(seed, 2_000, first=date(2025, 12, 1), last=date(2026, 3, 31))


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_payment_finds_its_own_line_and_no_other(books, web, tmp_path, seed):
    plan = plan_of(seed)
    made = world.make(plan)
    sent = papers.write(made, plan, tmp_path, months=1)
    made_up.put_our_side(books, made, tmp_path)
    await made_up.agree(books, web)
    await made_up.send(books, web, sent)
    await made_up.consume(books)
    with made_up.connect(books) as database:
        verdict = judge(made, database, scratch=tmp_path)
    assert verdict.perfect, verdict
    assert verdict.matches.due > 1_500
    assert set(verdict.matches.by_rule) == {
        "same_payment_same_kind", "same_payment_other_kind", "same_payment_in_sum", "same_payment_other_amount",
    }  # fmt: skip
