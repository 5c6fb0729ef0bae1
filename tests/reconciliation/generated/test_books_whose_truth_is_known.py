"""The books of a made-up season: what is wrong is found, what agrees closes, the journal says what entries say."""

from dataclasses import dataclass, replace
from datetime import date
from typing import get_args

import pytest

from console.bench.booking import judge, laying, living, stencils, telling, touching
from console.bench.booking.plan import Plan
from reconciliation.discrepancies.model import DayKind, OrderKind
from support import made_up

PLAN = Plan(1, 400, first=date(2026, 2, 20), last=date(2026, 3, 31))


@dataclass
class Season:
    """Made-up books with a connection past the service."""

    wiring: object
    database: object
    sheets: list
    plan: Plan

    def judged(self):
        return judge.judge(self.database, self.plan)


@pytest.fixture
async def season(books):
    """Lay a season's orders into the ledger."""
    wiring = living.wired(books.wiring.settings.reconciliation_database_url, PLAN.at)
    made = stencils.stencils_of(PLAN)
    sheets = await stencils.sheets_of(wiring.database, made)
    with made_up.connect(books) as database:
        laying.prepare(database, made, sheets)
        laying.draw(database, PLAN)
        laying.lay(database, PLAN, sheets)
        yield Season(wiring, database, sheets, PLAN)
    wiring.stream.close()
    await wiring.database.close()


async def test_everything_wrong_with_orders_and_closed_days_is_found_and_the_journal_comes_to_what_entries_come_to(
    season,
):
    await living.examine(season.wiring)
    await living.post(season.wiring)
    await living.close(season.wiring)
    before = season.judged()
    assert before.perfect, f"\n{before}"
    assert set(before.kinds) == set(get_args(OrderKind))
    assert before.closed > 40
    telling.choose_late(season.database, season.plan)
    late = telling.tell_late(season.database, season.wiring.stream, season.sheets)
    await telling.take(season.wiring, season.database, count=late)
    await living.examine(season.wiring)
    corrected = await living.post(season.wiring)
    after = season.judged()
    assert after.perfect, f"\n{after}"
    assert set(after.kinds) == {*get_args(OrderKind), *get_args(DayKind)}
    assert all(each.labelled >= 4 for each in after.kinds.values()), f"\n{after}"
    assert corrected.reversals > 0
    assert (await living.verify(season.wiring)).sound
    booked = {kind for (kind,) in season.database.execute("SELECT DISTINCT kind FROM vouchers")}
    assert booked == {"assessment", "receipts", "refunds", "reversals", "disputes", "reversal"}


async def test_what_is_laid_is_what_the_ledger_makes_of_the_same_facts(season):
    telling.choose_again(season.database, per_end=season.plan.orders)
    told = telling.tell_again(season.database, season.wiring.stream)
    (facts,) = season.database.execute("SELECT count(*) FROM facts").fetchone()
    assert told == facts > 3 * 0.8 * season.plan.orders
    findings = await living.replay(season.wiring)
    assert findings.verdict == "identical"
    assert judge.as_laid(findings, told) == ()


async def test_a_laid_row_that_the_ledger_would_not_have_made_is_seen(season):
    season.database.execute(
        "UPDATE entries SET amount = amount + 1 WHERE (fact_id, position) IN "
        "(SELECT fact_id, position FROM entries WHERE kind = 'sold' ORDER BY fact_id LIMIT 1)"
    )
    telling.choose_again(season.database, per_end=season.plan.orders)
    told = telling.tell_again(season.database, season.wiring.stream)
    [said] = judge.as_laid(await living.replay(season.wiring), told)
    assert said.startswith("1 rows differ from a replay's")


async def test_the_judge_sees_what_is_missed_what_is_invented_and_a_yen_that_the_journal_has_not(season):
    await living.examine(season.wiring)
    await living.post(season.wiring)
    season.database.execute(
        "UPDATE discrepancies SET amount = amount + 1 WHERE id IN "
        "(SELECT id FROM discrepancies WHERE kind = 'not_sold' ORDER BY id LIMIT 1)"
    )
    season.database.execute(
        "UPDATE entries SET amount = amount + 1 WHERE (fact_id, position) IN "
        "(SELECT fact_id, position FROM entries WHERE kind = 'sold' ORDER BY fact_id LIMIT 1)"
    )
    verdict = season.judged()
    found = verdict.kinds["not_sold"]
    assert (found.labelled - found.right, found.wrong) == (1, 1)
    sums = [each for each in verdict.apart if "the entries come to" in each]
    assert {each.split()[0] for each in sums} == {"visitor_receivable", "revenue"}
    assert any(each.endswith("is not closed and should be") for each in verdict.apart)


async def test_measuring_what_the_trigger_costs_leaves_the_books_as_they_were(season):
    noted = "SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM touched_days), to_regclass('made.copies')"
    before = season.database.execute(noted).fetchone()
    entries = before[0]
    found = touching.cost(season.database)
    assert {way: each["rows"] for way, each in found.items()} == {"bulk": entries, "singly": entries}
    assert season.database.execute(noted).fetchone() == before


async def test_the_same_plan_is_the_same_books_and_another_seed_is_not(season):
    drawn = (
        "SELECT count(*), md5(string_agg(concat_ws(' ', i, stencil, placed_at, later, method, number, base), ',' "
        "ORDER BY i)), (SELECT md5(string_agg(CAST(l AS text), ',' ORDER BY l)) FROM made.labels AS l) FROM made.orders"
    )
    first = season.database.execute(drawn).fetchone()
    for plan, same in ((season.plan, True), (replace(season.plan, seed=2), False)):
        laying.prepare(season.database, stencils.stencils_of(plan), season.sheets)
        laying.draw(season.database, plan)
        assert (season.database.execute(drawn).fetchone() == first) is same
