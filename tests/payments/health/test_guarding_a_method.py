"""Behind its guard a provider in trouble is not called, and nothing is concluded from that."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kernel.migrations import migrate
from kernel.money import Yen
from kernel.rows import Database
from payments.charges.model import Attempt, NoAnswer, Unpaid
from payments.health import actions
from payments.health.guard import Guarded
from payments.health.model import FAILURES_MAX
from payments.methods.protocol import (
    AmbiguousError,
    Away,
    Capabilities,
    MisconfiguredError,
    Opened,
    RefundFinding,
    RefundWanted,
    RefusedError,
    Wanted,
    Words,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ATTEMPT = Attempt(UUID(int=2), UUID(int=1), "paypay", "open", Yen(510), NOW + timedelta(minutes=5), NOW, "x")
WANTED = Wanted(ATTEMPT, "縮景園", "https://example.test/", "ja")


class StillClock:
    def __init__(self):
        self.at = NOW

    def now(self):
        return self.at


class Provider:
    """Answers what the test says, and counts how often it was called."""

    capabilities = Capabilities("paypay", Words("PayPay", "PayPay"), Yen(1), Yen(99), "code", False, "provider")

    def __init__(self):
        self.calls = 0
        self.trouble = None

    async def _answer(self, good, bad):
        self.calls += 1
        if isinstance(self.trouble, Exception):
            if isinstance(bad, Exception):
                raise self.trouble
            return bad
        return good

    async def open(self, wanted):
        return await self._answer(Opened("x", "https://pay", NOW, {}), AmbiguousError("x"))

    async def query(self, attempt):
        return await self._answer(Unpaid(), NoAnswer())

    async def refund(self, wanted, account):
        return await self._answer(RefundFinding("settled"), RefundFinding("no_answer"))

    async def query_refund(self, wanted):
        return await self._answer(RefundFinding("settled"), RefundFinding("no_answer"))


@pytest.fixture
async def database(fresh_database):
    url = fresh_database("health")
    migrate("payments", url)
    made = Database(url, service="payments")
    yield made
    await made.close()


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def guarded(provider, database, clock):
    return Guarded(provider, database, clock, calls_per_second=1000)


async def events(database):
    async with database.transaction("t") as tx:
        rows = await tx.execute("SELECT type, payload FROM outbox ORDER BY position")
        return [(row.type, row.payload) for row in rows]


async def break_opening(guarded, provider):
    provider.trouble = AmbiguousError("no answer")
    for _ in range(FAILURES_MAX):
        with pytest.raises(AmbiguousError):
            await guarded.open(WANTED)


async def test_a_provider_that_keeps_failing_is_not_called_any_more(guarded, provider):
    await break_opening(guarded, provider)
    with pytest.raises(Away):
        await guarded.open(WANTED)
    assert provider.calls == FAILURES_MAX


async def test_a_provider_that_does_not_know_our_key_is_left_alone_like_one_that_is_out(guarded, provider):
    provider.trouble = MisconfiguredError("check MOMIJI_PAYPAY_API_KEY")
    for _ in range(FAILURES_MAX):
        with pytest.raises(MisconfiguredError):
            await guarded.open(WANTED)
    with pytest.raises(Away):
        await guarded.open(WANTED)


async def test_a_refusal_of_one_payment_is_no_trouble(guarded, provider):
    provider.trouble = RefusedError("INVALID_REQUEST_PARAMS")
    for _ in range(FAILURES_MAX + 1):
        with pytest.raises(RefusedError):
            await guarded.open(WANTED)


async def test_another_process_knows_it_too(guarded, provider, database, clock):
    await break_opening(guarded, provider)
    other = Guarded(provider, database, clock, calls_per_second=1000)
    with pytest.raises(Away):
        await other.open(WANTED)
    assert provider.calls == FAILURES_MAX


async def test_trouble_with_opening_stops_no_refund(guarded, provider):
    await break_opening(guarded, provider)
    provider.trouble = None
    refund = RefundWanted(UUID(int=5), ATTEMPT, Yen(10), None, NOW)
    assert (await guarded.refund(refund, None)).state == "settled"


async def test_what_cannot_be_asked_says_when_to_ask_and_concludes_nothing(guarded, provider):
    provider.trouble = AmbiguousError("x")
    for _ in range(FAILURES_MAX):
        await guarded.query(ATTEMPT)
    finding = await guarded.query(ATTEMPT)
    assert isinstance(finding, NoAnswer)
    assert finding.retry_at > NOW
    assert provider.calls == FAILURES_MAX


async def test_maintenance_is_told_once_and_so_is_its_end(guarded, provider, database, clock):
    provider.trouble = Away(method="PayPay", kind="maintenance", retry_after=120)
    for _ in range(3):
        with pytest.raises(Away):
            await guarded.open(WANTED)
    assert provider.calls == 1
    clock.at = NOW + timedelta(seconds=120)
    await actions.resume_over(database, at=clock.at)
    provider.trouble = None
    await guarded.open(WANTED)
    told = await events(database)
    assert [kind for kind, _ in told] == ["payments.method.paused.v1", "payments.method.resumed.v1"]
    assert told[0][1]["trouble"] == "maintenance"


async def test_only_one_call_probes_a_provider_that_was_away(guarded, provider, database, clock):
    await break_opening(guarded, provider)
    clock.at = NOW + timedelta(minutes=30)
    other = Guarded(provider, database, clock, calls_per_second=1000)
    provider.calls = 0
    with pytest.raises(AmbiguousError):
        await guarded.open(WANTED)
    with pytest.raises(Away):
        await other.open(WANTED)
    assert provider.calls == 1
