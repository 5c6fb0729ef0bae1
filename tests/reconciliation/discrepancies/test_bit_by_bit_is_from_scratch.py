"""However events, lines, time and people come and go: what is open is what judging everything from scratch says."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.contracts import ticketing
from kernel.money import Yen
from reconciliation.discrepancies import actions, findings, handling
from reconciliation.discrepancies.handling import Reason
from reconciliation.discrepancies.model import Discrepancy, judge
from reconciliation.ledger import actions as ledger
from support.ledger_data import order_story
from support.open_items import tell_item

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
GRACE = timedelta(minutes=5)
ENDS = ("admitted", "short", "not_sold", "unallocated", "refund_outstanding", "reversed", "late", "undone", "cancelled")
KINDS = ("fee_differs", "missing_here", "unknown_deposit")
ENTERS, LEAVES = {"raised", "reopened"}, {"vanished", "resolved"}


class UndoError(Exception):
    pass


def enter_with_a_void_ticket(story):
    void = next((event.fact for event in story.events if isinstance(event.fact, ticketing.TicketVoided)), None)
    if void is None:
        return
    ticket = {name: getattr(void, name) for name in ticketing.TicketFact.model_fields}
    at = void.voided_at + timedelta(minutes=1)
    gate = {"gate": f"{void.facility}-1", "gate_facility": void.facility, "scan_id": story.id()}
    story.tell(ticketing.TicketAdmitted(**ticket, **gate, admitted_at=at), void.ticket_id, at)


class World:
    """One history, in one transaction that is undone."""

    def __init__(self, tx, dice):
        self.tx, self.dice, self.at = tx, dice, AT
        stories = [order_story(dice, AT, end=dice.choice(ENDS)) for _ in range(dice.randint(1, 5))]
        for story in stories:
            enter_with_a_void_ticket(story)
        self.events = [event for each in stories for event in each.events]
        dice.shuffle(self.events)

    async def events_come(self):
        for _ in range(min(len(self.events), self.dice.randint(1, 12))):
            await ledger.record(self.tx, self.events.pop())

    async def time_passes(self):
        self.at += timedelta(minutes=self.dice.choice((1, 4, 200)))

    async def a_line_comes_or_changes(self):
        kind, subject = self.dice.choice(KINDS), f"line:{self.dice.randint(1, 4)}"
        await tell_item(self.tx, self.at, kind=kind, subject=subject, amount=self.dice.choice((-20, 30, 70_000)))

    async def a_line_is_explained_by_a_match(self):
        await self.tx.execute("DELETE FROM told_items WHERE subject = :one", one=f"line:{self.dice.randint(1, 4)}")

    async def somebody_resolves_one(self):
        ids = [row.id for row in await self.tx.execute("SELECT id FROM discrepancies WHERE state <> 'vanished'")]
        if not ids:
            return
        chosen, by = self.dice.choice(sorted(ids)), self.dice.choice(("one", "two"))
        told = {"facilities": None, "by": by, "at": self.at, "grace": GRACE}
        try:
            if self.dice.random() < 0.3:
                await actions.approve(self.tx, chosen, **told)
            else:
                reason = Reason("other", "Looked at.")
                await actions.resolve(self.tx, chosen, reason=reason, alone_max=Yen(50_000), **told)
        except (handling.NotOpen, handling.WaitsForAnother, handling.NothingProposed, handling.OwnProposal):
            return

    async def examine(self):
        before = await self.steps_count()
        await actions.examine(self.tx, at=self.at, grace=GRACE)
        await actions.examine_items(self.tx, at=self.at)
        kept = await self.kept()
        assert kept == await self.from_scratch()
        await self.check_steps(before, {each[0] for each in kept})
        count = await self.steps_count()
        assert await actions.examine(self.tx, at=self.at, grace=GRACE) == 0
        assert await actions.examine_items(self.tx, at=self.at) == 0
        assert (await self.steps_count(), await self.kept()) == (count, kept)

    async def steps_count(self):
        return (await self.tx.execute("SELECT count(*) FROM discrepancy_steps")).scalar_one()

    async def kept(self):
        rows = await self.tx.execute(
            "SELECT id, kind, subject, order_id, facility, amount, day FROM discrepancies "
            "WHERE state IN ('open', 'proposed')"
        )
        return {tuple(row) for row in rows}

    async def from_scratch(self):
        orders = [row.order_id for row in await self.tx.execute("SELECT order_id FROM order_positions")]
        found = [
            each
            for order in await findings.suspects_among(self.tx, orders)
            for each in judge(order, at=self.at, grace=GRACE)
            if not each.pending
        ]
        for row in await self.tx.execute("SELECT * FROM told_items"):
            told = (row.kind, row.order_id, row.number, row.facility, Yen(row.amount), row.since)
            found.append(Discrepancy(*told, subject=row.subject, provider=row.provider, shows_on=row.day))
        settled = {
            (row.discrepancy_id, row.amount)
            for row in await self.tx.execute(
                "SELECT DISTINCT ON (discrepancy_id) discrepancy_id, amount FROM discrepancy_steps "
                "WHERE step = 'resolved' ORDER BY discrepancy_id, version DESC"
            )
        }
        return {
            (each.id, each.kind, each.about, each.order_id, each.facility, each.amount.amount, each.day)
            for each in found
            if (each.id, each.amount.amount) not in settled
        }

    async def check_steps(self, before, now):
        """Whatever entered or left the open ones since last time has its steps, without gaps, and each was told."""
        rows = (
            await self.tx.execute(
                "SELECT s.discrepancy_id AS id, s.version, s.step, d.version AS newest FROM discrepancy_steps AS s "
                "JOIN discrepancies AS d ON d.id = s.discrepancy_id ORDER BY s.discrepancy_id, s.version"
            )
        ).all()
        seen = {}
        for row in rows:
            versions, is_open = seen.get(row.id, (0, False))
            assert row.version == versions + 1
            assert row.step not in ENTERS or not is_open
            assert row.step != "vanished" or is_open
            seen[row.id] = (row.version, row.step in ENTERS or (is_open and row.step not in LEAVES))
        assert {each for each, (_, is_open) in seen.items() if is_open} == now
        assert all(seen[row.id][0] == row.newest for row in rows)
        told = (await self.tx.execute("SELECT count(*) FROM outbox")).scalar_one()
        worth = ENTERS | LEAVES | {"changed"}
        assert told == sum(row.step in worth for row in rows)


async def live(books, seed, deeds):
    try:
        async with books.wiring.database.transaction("test") as tx:
            world = World(tx, random.Random(seed))
            for deed in deeds:
                await getattr(world, deed)()
            await world.examine()
            counted = await tx.execute(
                "SELECT state, kind, sum(items), sum(size) FROM discrepancy_counts GROUP BY 1, 2 HAVING sum(items) <> 0"
            )
            real = await tx.execute("SELECT state, kind, count(*), sum(size) FROM discrepancies GROUP BY 1, 2")
            assert {tuple(row) for row in counted} == {tuple(row) for row in real}
            raise UndoError  # noqa: TRY301 - a way out of the transaction, not a fault
    except UndoError:
        return


DEEDS = (
    "events_come",
    "time_passes",
    "a_line_comes_or_changes",
    "a_line_is_explained_by_a_match",
    "somebody_resolves_one",
    "examine",
)


async def test_what_is_open_is_what_judging_everything_from_scratch_says(desk):
    loop = asyncio.get_running_loop()

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32), st.lists(st.sampled_from(DEEDS), min_size=4, max_size=20))
    def agrees(seed, done):
        asyncio.run_coroutine_threadsafe(live(desk.books, seed, done), loop).result(60)

    await asyncio.to_thread(agrees)
