"""Another Pay-easy agency is one folder and two names in settings: one made in a temporary folder sells an order."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

import payments.methods
from kernel.clock import SystemClock, business_date
from kernel.contracts import Envelope, registry
from kernel.migrations import migrate
from support.live_payments import METHODS, counter, eventually
from support.selling import close_shop, open_shop, place
from ticketing.app import create_app
from ticketing.facilities.opening import next_open_day
from ticketing.orders.charging import Charges
from ticketing.orders.consumers import handlers
from ticketing.orders.ways import WAYS, Way

# A whole agency: its book is a folder of small files, so that the test can pay there.
ADAPTER = '''
"""The village's agency."""

import os
from pathlib import Path

from kernel.money import Yen
from payments.charges.model import NotThere, Over, Paid, Unpaid
from payments.methods.protocol import Capabilities, NotGenuine, Opened, ProviderEvent, RefundFinding, Words

BOOK = Path(os.environ["VILLAGE_BOOK"])


class Village:
    capabilities = Capabilities(
        name="payeasy_village",
        title=Words("村のペイジー", "Village Pay-easy"),
        amount_min=Yen(1),
        amount_max=Yen(99_999),
        page="numbers",
        reopens=True,
        refund="transfer",
    )

    def __init__(self, clock):
        self.clock = clock

    async def open(self, wanted):
        entry = BOOK / str(wanted.attempt.id)
        if not entry.exists():
            entry.write_text("waits")
        numbers = {"bank_id": "00099", "customer_id": "01234567890", "confirmation_id": "000123"}
        return Opened(str(wanted.attempt.id), "", wanted.attempt.deadline, numbers)

    async def query(self, attempt):
        entry = BOOK / str(attempt.id)
        states = {"waits": Unpaid(), "paid": Paid(attempt.amount, self.clock.now()), "over": Over()}
        return states[entry.read_text()] if entry.exists() else NotThere()

    async def expire(self, attempt):
        (BOOK / str(attempt.id)).write_text("over")

    async def refund(self, wanted, account):
        return RefundFinding("not_there")

    async def query_refund(self, wanted):
        return RefundFinding("not_there")

    def read_webhook(self, headers, body, *, at):
        if body != b"knock":
            raise NotGenuine
        return ProviderEvent("knock", "")

    async def close(self):
        return


def connect(settings, clock):
    return Village(clock)
'''


@pytest.fixture
def village(tmp_path, monkeypatch):
    """Lay the agency's folder where payments looks for methods; return its book."""
    folder, book = tmp_path / "methods", tmp_path / "book"
    (folder / "payeasy_village").mkdir(parents=True)
    book.mkdir()
    (folder / "payeasy_village" / "__init__.py").write_text("")
    (folder / "payeasy_village" / "adapter.py").write_text(ADAPTER)
    monkeypatch.setenv("VILLAGE_BOOK", str(book))
    monkeypatch.setattr(payments.methods, "__path__", [*payments.methods.__path__, str(folder)])
    return book


@pytest.fixture
def village_till(postgres, village, tmp_path):
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    keys = tmp_path / "keys"
    keys.mkdir()
    with counter(database, stream, keys, payments={"methods_enabled": (*METHODS, "payeasy_village")}) as made:
        yield made
    postgres.drop(database)
    postgres.drop(stream)


@pytest.fixture
async def village_shop(postgres, village_till, tmp_path):
    """Ticketing, which sells by the village's agency and charges at the real payments."""
    url = postgres.new_database("ticketing")
    migrate("ticketing", url)
    (tmp_path / "shop").mkdir()
    shop = await open_shop(url, tmp_path / "shop", at=SystemClock().now())
    ways = (*WAYS, Way("payeasy_village", "payeasy", "村のペイジー", "Village Pay-easy"))
    rules = replace(shop.wiring.rules, holds=replace(shop.wiring.rules.holds, ways=ways))
    charges = Charges(base_url=village_till.url, issuer=village_till.issuer, clock=shop.clock)
    wiring = replace(shop.wiring, rules=rules, charges=charges)
    yield replace(shop, wiring=wiring)
    await charges.close()
    await close_shop(shop)
    postgres.drop(url)


async def test_an_agency_that_is_one_folder_sells_an_order(village, village_till, village_shop):
    transport = httpx.ASGITransport(app=create_app(wiring=village_shop.wiring))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8101") as web:
        book, today = village_shop.wiring.books.current, business_date(village_shop.clock.now())
        hpam = book.get("hpam")
        day = str(next_open_day(hpam, today + timedelta(days=2), holidays=book.holidays(today)))
        order = (await place(web, method="payeasy_village", visit_date=day)).json()
        assert order["status"] == "awaiting_payment"
        page = village_till.client.get(order["checkout_url"]).text
        assert "01234567890" in page

        (entry,) = village.iterdir()
        entry.write_text("paid")
        village_till.ask_soon()
        charge = order["checkout_url"].rsplit("/", 1)[1]
        assert village_till.captured(charge)

        fact = registry["payments.charge.captured.v1"].model_validate(village_till.events("charge.captured", charge)[0])
        rules, clock = village_shop.wiring.rules, village_shop.clock
        event = Envelope(UUID(int=7), fact.TYPE, "momiji/payments", charge, 2, clock.now(), "corr-0007", fact)
        async with village_shop.wiring.database.transaction("corr-0007") as tx:
            await handlers(rules=rules, clock=clock)[type(fact)](tx, event)
        got = (await web.get(f"/v1/orders/{order['id']}", headers={"X-Order-Key": order["key"]})).json()
        assert (got["status"], got["method"], len(got["tickets"])) == ("confirmed", "payeasy_village", 2)


def test_its_notices_come_in_at_an_address_of_its_own(village_till):
    address = f"{village_till.url}/v1/webhooks/payeasy_village"
    assert village_till.client.post(address, content=b"knock").status_code == 200
    assert village_till.client.post(address, content=b"bang").status_code == 401
    known = [("names nothing of ours",)]
    assert eventually(lambda: village_till.rows("SELECT outcome FROM provider_messages") == known)
