"""Who sends a large file is shown how much of it is read and written down, as a share that never shrinks by itself."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import Role
from reconciliation import statements
from reconciliation.matching import actions as matching
from reconciliation.statements.progress import BEGINS, KNOWN_MAX, NEXT, Progress, Progresses, Speed
from support.settling import AT

BODY = (Path(statements.__path__[0]) / "stripe_payouts" / "example" / "one_payout.csv").read_bytes()
SENDING = UUID("0193a000-0000-7000-8000-000000000001")


@pytest.fixture
def ask(books, web):
    async def progress(sending=SENDING, role=Role.ACCOUNTING):
        headers = books.token(role) | {"accept-language": "en"}
        return (await web.get(f"/statements/progress/{sending}", headers=headers)).json()

    return progress


@pytest.fixture
def send(books, web):
    async def post(body=BODY, **fields):
        headers = books.token(Role.ACCOUNTING) | {"accept": "application/json", "accept-language": "en"}
        return await web.post("/statements", files={"file": ("f.csv", body)}, data=fields, headers=headers)

    return post


async def test_a_file_that_is_taken_waits_for_matching_and_then_is_done(books, send, ask):
    (result,) = (await send(sending=str(SENDING))).json()["results"]
    assert (result["taken"], result["new"], result["address"].startswith("/statements/")) == (True, True, True)
    assert await ask() == {"share": None, "text": "Matching it with our books", "done": False}
    async with books.wiring.database.transaction("test") as tx:
        await matching.run(tx, run_id=uuid4(), at=books.clock.at)
    said = await ask()
    assert (said["done"], said["text"]) == (True, "Matched; what is open is with the discrepancies")


async def test_while_postgresql_copies_its_bytes_are_the_share(books, ask):
    progress = books.wiring.sending.begin(SENDING, "test-accounting")
    waits, reached = asyncio.Event(), asyncio.Event()

    async def pieces():
        yield b"1\n" * 50_000
        yield b"1\n" * 50_000  # PostgreSQL counts what it has when more comes.
        reached.set()
        await waits.wait()

    async with books.wiring.database.transaction("test") as tx:
        await tx.execute("CREATE TEMPORARY TABLE numbers (number integer) ON COMMIT DROP")
        backend = int((await tx.execute("SELECT pg_backend_pid()")).scalar_one())
        progress.copies(400_000, backend)
        copying = asyncio.create_task(tx.session.copy_in("COPY numbers FROM STDIN", pieces()))
        await reached.wait()
        said = await asked_until(ask, lambda said: said["share"] > BEGINS["copying"])
        waits.set()
        await copying
    assert BEGINS["copying"] < said["share"] <= (BEGINS["copying"] + BEGINS["keeping"]) / 2 + 0.001
    assert said["text"] == "Writing the lines down"


async def asked_until(ask, enough):
    """Ask until the answer is enough, for two seconds and more."""
    for _ in range(100):
        said = await ask()
        if enough(said):
            break
        await asyncio.sleep(0.02)
    return said


async def test_what_is_refused_or_nobody_s_says_nothing_more(send, ask):
    assert (await send(b"no statement", sending=str(SENDING))).status_code == 422
    assert (await ask())["done"] is False
    unknown = {"share": None, "text": "", "done": False}
    assert await ask(uuid4()) == unknown
    assert await ask(role=Role.AUDITOR) == unknown  # It is somebody else's.


async def test_a_plain_form_is_taken_without_an_id(send):
    assert (await send()).json()["results"][0]["taken"]
    assert (await send(sending="no id")).json()["results"][0]["new"] is False


@given(st.integers(0, 10**9), st.floats(0, 10_000), st.integers(0, 10**9))
def test_a_share_is_of_its_stage(bytes_count, seconds, copied):
    progress = Progress("ana", Speed())
    assert progress.share(at=AT, copied=None) == 0
    progress.reads(bytes_count, AT)
    shares = [("reading", progress.share(at=AT + timedelta(seconds=seconds), copied=None))]
    progress.writes(Path("/nonexistent"), AT + timedelta(seconds=seconds))
    shares.append(("writing", progress.share(at=AT, copied=None)))
    progress.copies(1_000, 1)
    shares += [("copying", progress.share(at=AT, copied=each)) for each in (None, copied, None)]
    progress.keeps()
    shares.append(("keeping", progress.share(at=AT, copied=None)))
    progress.ends(SENDING)
    assert all(BEGINS[stage] <= share <= BEGINS[NEXT[stage]] for stage, share in shares)
    assert [share for _, share in shares] == sorted(share for _, share in shares)
    assert progress.share(at=AT, copied=None) == 1


def test_the_time_of_reading_is_reckoned_from_the_files_before():
    files = Progresses()
    for _ in range(20):
        again = files.begin(SENDING, "ana")
        again.reads(20_000_000, AT)
        again.writes(Path("/nonexistent"), AT + timedelta(seconds=10))  # 2 MB a second
    now = files.begin(SENDING, "ana")
    now.reads(20_000_000, AT)
    half = now.share(at=AT + timedelta(seconds=5), copied=None)
    assert half == pytest.approx((BEGINS["reading"] + BEGINS["writing"]) / 2, abs=0.01)


def test_only_so_many_files_are_remembered():
    files = Progresses()
    for number in range(KNOWN_MAX + 10):
        files.begin(UUID(int=number), "ana")
    assert files.find(UUID(int=9), "ana") is None
    assert files.find(UUID(int=10), "ana") is not None
