"""A made-up winter goes through the public interfaces; everything that is wrong in it is found, and nothing else."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from console.bench.reconciling.judge import judge
from console.bench.reconciling.plan import Plan
from kernel.stream.protocol import topic_of
from reconciliation.matching import actions, rounds
from support import made_up

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
# Nothing that differs is matched without a person: until then it is an unknown deposit and a missing one.
KINDS = {
    *("missing_here", "paid_again_at_provider", "missing_at_provider", "provider_amount_differs", "booked_late"),
    *("fee_differs", "payout_unequal", "deposit_missing", "unknown_deposit"),
}


def plan_of(seed, payments=2_000):
    return Plan(seed, payments, first=date(2025, 12, 1), last=date(2026, 3, 31))


async def lived(books, web, folder, plan):
    """Return the world of a plan after everything in it was sent and acted upon."""
    made, sent = made_up.write(plan, folder)
    made_up.put_our_side(books, made, folder)
    await made_up.agree(books, web)
    await made_up.send(books, web, sent)
    await made_up.match(books)
    return made


def judged(books, made, folder):
    with made_up.connect(books) as database:
        return judge(made, database, scratch=folder)


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_fault_is_found_and_every_payment_finds_its_own_line_and_no_other(books, web, tmp_path, seed):
    verdict = judged(books, await lived(books, web, tmp_path, plan_of(seed)), tmp_path)
    assert verdict.perfect, f"\n{verdict}"
    assert set(verdict.kinds) == KINDS
    assert all(each.labelled >= 3 for each in verdict.kinds.values()), f"\n{verdict}"
    assert verdict.deposits.due > 60
    assert verdict.matches.due > 1_500
    assert set(verdict.matches.by_rule) == {
        "same_payment_same_kind", "same_payment_other_kind", "same_payment_in_sum", "same_payment_other_amount",
    }  # fmt: skip


async def test_a_deposit_that_differs_is_suggested_and_once_accepted_it_stays_open_by_its_difference(
    books, web, tmp_path
):
    made = await lived(books, web, tmp_path, plan_of(7))
    (differing,) = made.execute("SELECT count(*) FROM faults WHERE kind = 'deposit_differs'").fetchone()
    assert differing >= 2
    assert await made_up.accept_what_is_right(books, web, made) == differing
    with made_up.connect(books) as database:
        verdict = judge(made, database, scratch=tmp_path, stage="accepted")
    assert verdict.perfect, f"\n{verdict}"
    assert verdict.kinds["deposit_differs"].right == differing
    await made_up.examine(books, AT)
    assert made_up.work_list(books) == made_up.open_items(books)


async def test_the_same_again_changes_nothing(books, web, tmp_path):
    made, sent = made_up.write(plan_of(5, 1_000), tmp_path, months=2)
    made_up.put_our_side(books, made, tmp_path)
    await made_up.agree(books, web)
    await made_up.send(books, web, sent)
    await made_up.match(books)
    once = made_up.digest(books)
    again = await made_up.send(books, web, sent)
    await made_up.match(books)
    async with books.wiring.database.transaction("test") as tx:
        await actions.run(tx, run_id=uuid4(), at=AT)
    assert {each["status"] for each in again} == {200}
    assert made_up.digest(books) == once


async def test_the_same_files_in_another_order_and_one_by_one_are_the_same_books(books, web, tmp_path):
    made, sent = made_up.write(plan_of(5, 1_000), tmp_path, months=2)
    made_up.put_our_side(books, made, tmp_path)
    await made_up.agree(books, web)
    for each in reversed(sent):
        await made_up.send(books, web, [each])
        await made_up.match(books)
    verdict = judged(books, made, tmp_path)
    assert verdict.perfect, f"\n{verdict}"


async def test_a_worker_killed_in_the_middle_of_its_transaction_loses_nothing_and_doubles_nothing(books, web, tmp_path):
    made, sent = made_up.write(plan_of(6, 1_000), tmp_path, months=2)
    made_up.put_our_side(books, made, tmp_path)
    await made_up.agree(books, web)
    books.wiring.stream.create_topics([topic_of(each) for each in ("ticketing", "payments", "reconciliation")])
    worker = made_up.Worker(books, tmp_path)
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
        "AND query ILIKE '%payouts%'"
    )
    with made_up.connect(books) as database, made_up.connect(books) as holding:
        try:
            holding.execute("BEGIN; LOCK TABLE payouts IN EXCLUSIVE MODE")  # It stops there with its matches made.
            worker.start()
            await made_up.send(books, web, sent)
            await worker.until(database, waiting, rounds.AT_ONCE_MAX)
            worker.kill()
            holding.execute("ROLLBACK")
            assert database.execute("SELECT count(*) FROM match_legs").fetchone() == (0,)
            worker.start()
            await worker.until(database, "SELECT count(*) FROM matched_files", len(sent))
        finally:
            worker.stop()
    verdict = judged(books, made, tmp_path)
    assert verdict.perfect, f"\n{verdict}"


async def test_a_run_is_given_the_time_that_a_year_takes(books):
    async with books.wiring.database.transaction("test") as tx:
        await actions.run(tx, run_id=uuid4(), at=AT)
        assert (await tx.execute("SHOW statement_timeout")).scalar_one() == "15min"


async def test_the_judge_sees_a_match_of_strangers_and_one_that_is_missed(books, web, tmp_path):
    made = await lived(books, web, tmp_path, plan_of(3, 500))
    before = judged(books, made, tmp_path)
    run_id = uuid4()
    async with books.wiring.database.transaction("test") as tx:
        stray = (await tx.execute("SELECT line_id FROM open_lines ORDER BY line_id LIMIT 1")).scalar_one()
        claim = (await tx.execute("SELECT claim_id FROM open_claims ORDER BY claim_id LIMIT 1")).scalar_one()
        await tx.execute(
            "INSERT INTO match_legs (line_id, claim_id, rule, rule_version, run_id, difference) "
            "VALUES (:line, :claim, 'same_payment_same_kind', 1, :run_id, 0)",
            line=stray,
            claim=claim,
            run_id=run_id,
        )
        good = await tx.execute(
            "SELECT line_id FROM match_legs WHERE group_id IS NULL AND difference = 0 AND run_id <> :run_id LIMIT 1",
            run_id=run_id,
        )
        await actions.take_back(tx, good.scalar_one(), reversal_id=uuid4(), by="test", reason="to be seen", at=AT)
    after = judged(books, made, tmp_path)
    assert (before.matches.wrong, before.matches.missed) == (0, 0)
    assert (after.matches.wrong, after.matches.missed) == (1, 1)
    assert sum(each.right for each in after.kinds.values()) < sum(each.right for each in before.kinds.values())
    assert sum(each.wrong for each in after.kinds.values()) >= 1


def test_the_same_plan_is_the_same_world_byte_for_byte(tmp_path):
    made = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        world, sent = made_up.write(plan_of(4, 500), folder)
        labels = world.execute("SELECT * FROM faults ORDER BY ALL").fetchall()
        made.append((labels, [(each.path.name, each.format, each.path.read_bytes()) for each in sent]))
    assert made[0] == made[1]
