"""What providers paid out is fetched from payments, once, whole or not at all, and never doubles what a file said."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import httpx
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import SQLAlchemyError

from kernel.access import Issuer, Role, Verifier, new_key_pair
from kernel.clock import SystemClock
from reconciliation.fetching import actions, model, rounds
from reconciliation.fetching.asking import AwayError, Payments
from reconciliation.fetching.model import Lines, Payout
from reconciliation.settings import ReconciliationSettings
from reconciliation.statements.stripe_payouts import COLUMNS
from support.live_payments import counter, eventually
from support.payout_reports import report_of

PRIVATE, PUBLIC = new_key_pair()
ATTEMPT = "01939f00-0000-7000-8000-000000000001"


def line(number, *, gross=1000, fee=36, **more):
    said = {
        "id": f"txn_{number}",
        "kind": "charge",
        "gross": gross,
        "fee": fee,
        "net": gross - fee,
        "currency": "jpy",
        "at": "2026-11-20T15:00:00+00:00",
        "payment": "pi_1",
        "attempt": ATTEMPT,
        "brand": "visa",
    }
    return said | more


def payout(name, *lines, net=None):
    made = sum(each["net"] for each in lines)
    own = line(f"{name}_own", kind="payout", gross=-made, fee=0, payment=None, attempt=None, brand="")
    return {
        "payout": name,
        "created_at": "2026-11-24T00:00:00+00:00",
        "arrives_on": "2026-11-25",
        "net": made if net is None else net,
    }, {"payout": name, "lines": [*lines, own]}


class Stand:
    """Stands where payments would and tells of payouts; `asked` are the paths that it was asked for."""

    def __init__(self):
        self.told, self.asked, self.tokens, self.broken = {}, [], [], {}

    def tell(self, *payouts):
        self.told |= {listed["payout"]: (listed, lines) for listed, lines in payouts}

    def __call__(self, request):
        self.asked.append(request.url.path.removeprefix("/v1/payouts/stripe").lstrip("/"))
        self.tokens.append(request.headers["authorization"].removeprefix("Bearer "))
        name = self.asked[-1]
        if name in self.broken:
            return self.broken[name](request)
        if not name:
            return httpx.Response(200, json={"items": [listed for listed, _ in self.told.values()]})
        return httpx.Response(200, json=self.told[name][1])


@pytest.fixture
def stand():
    return Stand()


@pytest.fixture
async def asking(books, stand):
    client = httpx.AsyncClient(transport=httpx.MockTransport(stand), base_url="http://payments")
    made = Payments(base_url="", issuer=Issuer("reconciliation", PRIVATE), clock=books.wiring.clock, client=client)
    yield made
    await made.close()


@pytest.fixture
def fetch(books, asking):
    async def once(stop=None):
        return await actions.fetch_all(books.wiring, asking, stop or asyncio.Event())

    return once


@pytest.fixture
def rows(books):
    async def read(sql):
        async with books.wiring.database.transaction("test") as tx:
            return [tuple(row) for row in await tx.execute(sql)]

    return read


async def test_a_payout_becomes_a_statement_that_was_fetched(fetch, stand, rows):
    stand.tell(payout("po_1", line(1), line(2, kind="refund", gross=-300, fee=0)))
    assert await fetch() == 1
    assert await rows("SELECT format, file_name, way, line_count, new_count, amount FROM statement_files") == [
        ("stripe_payouts", "po_1.csv", "fetch", 2, 2, 664)
    ]
    assert await rows(
        "SELECT kind, CAST(attempt_id AS text), key, gross, fee, net, payout, arrives_on, occurred_on, brand "
        "FROM settlement_lines ORDER BY gross DESC"
    ) == [
        ("charge", ATTEMPT, "pi_1", 1000, 36, 964, "po_1", date(2026, 11, 25), date(2026, 11, 21), "visa"),
        ("refund", ATTEMPT, "pi_1", -300, 0, -300, "po_1", date(2026, 11, 25), date(2026, 11, 21), "visa"),
    ]


async def test_a_payout_is_asked_for_once(fetch, stand, rows):
    stand.tell(payout("po_1", line(1)))
    await fetch()
    stand.tell(payout("po_2", line(2)))
    assert await fetch() == 1
    assert stand.asked == ["", "po_1", "", "po_2"]
    assert await rows(
        "SELECT p.payout, f.file_name FROM fetched_payouts AS p "
        "JOIN statement_files AS f ON f.id = p.file_id ORDER BY payout"
    ) == [("po_1", "po_1.csv"), ("po_2", "po_2.csv")]


async def test_what_was_fetched_is_never_changed(fetch, stand, rows):
    stand.tell(payout("po_1", line(1)))
    await fetch()
    with pytest.raises(SQLAlchemyError, match="rows are only added"):
        await rows("DELETE FROM fetched_payouts RETURNING payout")


async def test_after_a_crash_before_that_was_written_down_it_is_one_statement(fetch, stand, rows, books):
    stand.tell(payout("po_1", line(1)))
    listed, told = stand.told["po_1"]
    (chosen,) = actions.FORMATS
    taken = await actions.take(books.wiring, chosen, Payout.model_validate(listed), Lines.model_validate(told))
    assert taken
    assert await fetch() == 0
    assert await rows("SELECT count(*) FROM statement_files") == [(1,)]


async def test_a_payout_that_does_not_add_up_is_refused_with_words_once_and_asked_for_again(fetch, stand, rows):
    stand.tell(payout("po_1", line(1), net=1), payout("po_2", line(2)))
    assert await fetch() == 1
    assert await fetch() == 0
    assert stand.asked == ["", "po_1", "po_2", "", "po_1"]
    assert await rows("SELECT way, file_name, slug FROM refused_files") == [("fetch", "po_1.csv", "payout-incomplete")]
    assert await rows("SELECT file_name FROM statement_files") == [("po_2.csv",)]


async def test_money_in_another_currency_is_refused(fetch, stand, rows):
    stand.tell(payout("po_1", line(1, currency="usd")))
    assert await fetch() == 0
    assert await rows("SELECT slug FROM refused_files") == [("statement-cell",)]


@pytest.mark.parametrize("said", ["no JSON", '{"payout": "po_1", "lines": []}', '{"payout": "po_1"}'])
async def test_one_answer_that_makes_no_sense_keeps_no_other_waiting(fetch, stand, rows, said):
    stand.tell(payout("po_1", line(1)), payout("po_2", line(2)))
    stand.broken["po_1"] = lambda _: httpx.Response(200, text=said)
    assert await fetch() == 1
    assert await rows("SELECT payout FROM fetched_payouts") == [("po_2",)]


@pytest.mark.parametrize("status", [404, 403])
async def test_where_payments_tells_of_none_nothing_happens(fetch, stand, status):
    stand.broken[""] = lambda _: httpx.Response(status)
    assert await fetch() == 0


async def test_payments_that_does_not_answer_is_asked_again_later(fetch, stand):
    stand.tell(payout("po_1", line(1)))
    stand.broken["po_1"] = lambda _: httpx.Response(503)
    with pytest.raises(AwayError):
        await fetch()
    del stand.broken["po_1"]
    assert await fetch() == 1


async def test_a_round_in_which_nobody_answers_is_repeated_in_a_minute_else_in_an_hour(books, asking, stand):
    stand.broken[""] = lambda _: httpx.Response(503)
    assert await rounds.fetch_once(books.wiring, asking, asyncio.Event()) == 60
    del stand.broken[""]
    assert await rounds.fetch_once(books.wiring, asking, asyncio.Event()) == 3_600


async def test_no_token_is_written_into_the_log(books, asking, stand, caplog):
    caplog.set_level("INFO")
    stand.tell(payout("po_1", line(1)), payout("po_2", line(2), net=1))
    await rounds.fetch_once(books.wiring, asking, asyncio.Event())
    stand.broken[""] = lambda _: httpx.Response(401)
    await rounds.fetch_once(books.wiring, asking, asyncio.Event())
    assert "a payout was fetched" in caplog.text
    said = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert not [token for token in stand.tokens if token in said]


async def test_stopping_gives_a_slow_answer_up(fetch, stand):
    stop = asyncio.Event()

    async def never(_):
        stop.set()
        await asyncio.sleep(60)

    stand.broken[""] = never
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(fetch(stop), 5)


async def test_each_question_carries_a_short_token_of_our_own_for_payments(fetch, stand, books, tmp_path):
    (tmp_path / "reconciliation.pem").write_text(PUBLIC)
    await fetch()
    (token,) = stand.tokens
    principal = Verifier.from_folder(tmp_path, audience="payments").verify(token, at=books.clock.at)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (principal.name, principal.role) == ("reconciliation", Role.SERVICE)
    assert claims["exp"] - claims["iat"] <= 60


def test_the_look_goes_back_from_the_last_one_however_long_ago_that_was():
    now = datetime(2026, 11, 26, tzinfo=UTC)
    assert model.since(fetched_at=None, at=now) == date(2026, 8, 28)
    assert model.since(fetched_at=now - timedelta(days=100), at=now) == date(2026, 5, 20)
    assert model.since(fetched_at=now + timedelta(days=9), at=now) == date(2026, 8, 28)


@given(st.permutations([line(1), line(2, gross=-300, fee=0), line(3, at="2026-11-19T00:00:00Z")]))
def test_the_same_lines_in_any_order_are_the_same_bytes(lines):
    listed, told = payout("po_1", *lines)
    (_, again) = payout("po_1", *sorted(lines, key=lambda each: each["id"]))
    asked = Payout.model_validate(listed)
    assert model.table_of(asked, Lines.model_validate(told), COLUMNS) == model.table_of(
        asked, Lines.model_validate(again), COLUMNS
    )


def test_nothing_but_a_plain_id_is_put_into_an_address():
    with pytest.raises(ValueError, match="pattern"):
        Payout.model_validate(payout("po_1/../../charges", line(1))[0])


@pytest.mark.parametrize(
    ("given", "on"),
    [
        ({}, False),
        ({"payments_url": "http://127.0.0.1:8102"}, False),
        ({"service_key": PRIVATE}, False),
        ({"service_key": PRIVATE, "payments_url": "http://127.0.0.1:8102"}, True),
        ({"service_key": PRIVATE, "payments_internal_url": "http://payments:8102"}, True),
    ],
)
def test_it_is_off_unless_it_is_said_where_payments_is_and_there_is_a_key(monkeypatch, given, on):
    for name in ("PAYMENTS_URL", "PAYMENTS_INTERNAL_URL", "SERVICE_KEY"):
        monkeypatch.delenv(f"MOMIJI_{name}", raising=False)
    assert ReconciliationSettings(**given).fetches_payouts is on


async def test_without_an_address_the_worker_s_round_ends_at_once(books):
    await asyncio.wait_for(rounds.keep_fetching(books.wiring, asyncio.Event()), 1)


@pytest.fixture(scope="module")
def till(postgres, tmp_path_factory):
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    with counter(database, stream, tmp_path_factory.mktemp("keys")) as made:
        yield made
    postgres.drop(database)
    postgres.drop(stream)


@pytest.fixture
async def paid_out(books, till):
    """A payout of a payment, another and a refund of the first, with fees, and what fetches it."""
    first, second = till.open(amount=1000), till.open(amount=2000)
    for each in (first, second):
        till.pay(each["checkout_url"])
        assert till.captured(each["id"])
    till.refund(first["id"], 300)
    assert eventually(lambda: till.events("refund.settled", first["id"]))
    made = till.client.post(f"{till.sandbox_url}/stripe/advance").json()["payout"]
    books.clock.at = SystemClock().now()
    asking = Payments(base_url=till.url, issuer=till.books, clock=books.wiring.clock)
    yield first, made, lambda: actions.fetch_all(books.wiring, asking, asyncio.Event())
    await asking.close()


@pytest.mark.parametrize("order", ["fetched first", "file first"])
async def test_a_payout_read_by_the_interface_and_by_file_gives_each_line_once(books, web, till, rows, paid_out, order):
    first, made, fetch = paid_out
    report = report_of(till.sandbox_url, made)

    async def send():
        answer = await web.post("/v1/statements/stripe_payouts", content=report, headers=books.token(Role.ACCOUNTING))
        assert answer.status_code == 201, answer.text
        return answer.json()

    steps = [fetch, send] if order == "fetched first" else [send, fetch]
    await steps[0]()
    sql = "SELECT id, kind, attempt_id, key, gross, fee, payout, arrives_on, occurred_on, brand FROM settlement_lines"
    of_this = f"{sql} WHERE payout = '{made['id']}' ORDER BY id"
    before = await rows(of_this)
    await steps[1]()
    assert await rows(of_this) == before
    assert sorted(row[4] for row in before) == [-300, 1000, 2000]
    assert await rows(f"SELECT sum(net)::int FROM settlement_lines WHERE payout = '{made['id']}'") == [
        (made["amount"],)
    ]
    attempt = till.rows("SELECT id FROM attempts WHERE charge_id = %s", first["id"])[0][0]
    assert {row[4] for row in before if row[2] == attempt} == {1000, -300}
