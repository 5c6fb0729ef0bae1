"""What must hold when a key is replaced, and when a process dies between two steps."""

from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from pydantic import SecretStr

from kernel.clock import new_id
from kernel.money import Yen
from kernel.settings import Environment
from payments.charges import actions as charges
from payments.charges import store as charge_rows
from payments.methods.payeasy_komoju.adapter import connect
from payments.methods.protocol import RefundFinding
from payments.refunds import actions as refunds
from payments.settings import PaymentsSettings
from payments.transfer_files import actions as files
from payments.transfers import account as accounts
from payments.transfers import actions, store
from payments.transfers.sealing import CannotOpenError, Keyring
from payments.wiring import _payer, wire
from support.live_payments import counter
from support.transfer_desk import ACCOUNT, Desk

OLD, NEW = "the old key of this test, long enough", "the new key of this test, long enough"


@pytest.fixture(scope="module")
def at_desk(postgres, tmp_path_factory):
    """Payments without its worker: the test itself does the worker's steps, and dies where it wants."""
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    with counter(database, stream, tmp_path_factory.mktemp("keys"), worker=False) as made:
        yield Desk(made, made.issuer)
    postgres.drop(database)
    postgres.drop(stream)


@asynccontextmanager
async def wired(at_desk):
    made = wire(at_desk.till.settings)
    try:
        yield made
    finally:
        await made.close()


class Dying(Exception):  # noqa: N818 - it is no error of the code
    """The process ends here."""


class Mortal:
    """A method whose process dies before or after one of its calls reached the provider."""

    def __init__(self, method, call, when):
        self._method, self._call, self._when = method, call, when
        self.capabilities = method.capabilities

    def __getattr__(self, name):
        real = getattr(self._method, name)
        if name != self._call:
            return real

        async def dies(*args):
            if self._when == "after":
                await real(*args)
            raise Dying

        return dies


async def approved(at_desk, made, *, amount=510, charge=None):
    """Return a transfer that two people approved, by way of the actions themselves."""
    at = made.clock.now()
    if charge is None:
        charge = at_desk.till.open(method="payeasy_komoju", amount=1000)
        at_desk.till.pay(charge["checkout_url"])
        await settle_attempts(made, charge["id"])
    refund_id = new_id()
    account = accounts.read(ACCOUNT, yucho=False)
    async with made.database.transaction("test") as tx:
        await refunds.request(
            tx,
            UUID(charge["id"]),
            refund_id=refund_id,
            amount=Yen(amount),
            reason="test",
            bank_account_needed=made.bank_account_needed,
            at=at,
        )
        await actions.submit(tx, made.data_keys, UUID(charge["id"]), account, at=at)
        await actions.open_account(tx, refund_id, by="ana", at=at)
        await actions.propose(tx, refund_id, by="ana", at=at)
        await actions.open_account(tx, refund_id, by="ben", at=at)
        await actions.approve(tx, refund_id, by="ben", route_of=made.refund_route, at=at)
    return charge, refund_id


async def settle_attempts(made, charge_id):
    async with made.database.transaction("test") as tx:
        (attempt,) = await charge_rows.attempts_of(tx, UUID(charge_id))
    await charges.ask_and_apply(made.database, made.method("payeasy_komoju"), attempt, at=made.clock.now())


async def move(made, refund_id, method=None):
    method = method or made.method("payeasy_komoju")
    return await actions.move_on(made.database, method, made.data_keys, refund_id, at=made.clock.now())


async def settle(made, refund_id):
    for _ in range(100):
        if await move(made, refund_id) in {"settled", "waits for people"}:
            return


def requests_at(at_desk, charge):
    """Return the sums of the refund requests of a charge at the provider."""
    rows = at_desk.till.client.get(f"{at_desk.till.sandbox_url}/books").json()["komoju"]["payments"]
    return rows[-1]["refunded"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_that_dies_while_sending_sends_once(at_desk, when):
    async with wired(at_desk) as made:
        charge, refund_id = await approved(at_desk, made)
        with pytest.raises(Dying):
            await move(made, refund_id, Mortal(made.method("payeasy_komoju"), "refund", when))
        assert at_desk.state(refund_id) == "sent"
        await settle(made, refund_id)
        assert at_desk.state(refund_id) == "transferred"
        assert requests_at(at_desk, charge) == 510
        assert len(at_desk.till.events("refund.settled", charge["id"])) == 1
        assert ("sent_again" in at_desk.history(refund_id)) is (when == "before")


async def test_a_process_that_dies_before_it_wrote_the_answer_down_asks_again(at_desk, monkeypatch):
    async with wired(at_desk) as made:
        charge, refund_id = await approved(at_desk, made)

        async def dies(*_args, **_more):
            raise Dying

        with monkeypatch.context() as patch:
            patch.setattr(actions, "_write_answer", dies)
            with pytest.raises(Dying):
                await move(made, refund_id)
        await settle(made, refund_id)
        assert requests_at(at_desk, charge) == 510
        assert at_desk.history(refund_id).count("sent") == 1


async def test_the_answer_about_one_refund_is_not_taken_for_another_of_the_same_payment(at_desk):
    async with wired(at_desk) as made:
        charge, first = await approved(at_desk, made, amount=300)
        await settle(made, first)
        _, second = await approved(at_desk, made, amount=200, charge=charge)
        with pytest.raises(Dying):
            await move(made, second, Mortal(made.method("payeasy_komoju"), "refund", "before"))
        assert await move(made, second) == "not_there"  # and not: settled, as the first one is
        await settle(made, second)
        assert requests_at(at_desk, charge) == 500


async def test_what_is_sealed_under_an_old_key_is_sealed_anew_and_the_old_one_may_go(at_desk):
    async with wired(at_desk) as made:
        before, both, after = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
        charge = at_desk.till.open(method="payeasy_komoju", amount=1000)
        at_desk.till.pay(charge["checkout_url"])
        await settle_attempts(made, charge["id"])
        at, account = made.clock.now(), accounts.read(ACCOUNT, yucho=False)
        async with made.database.transaction("test") as tx:
            refund = await refunds.request(
                tx,
                UUID(charge["id"]),
                refund_id=new_id(),
                amount=Yen(10),
                reason="test",
                bank_account_needed=made.bank_account_needed,
                at=at,
            )
            await actions.submit(tx, before, UUID(charge["id"]), account, at=at)
        assert await actions.reseal(made.database, both) >= 1
        async with made.database.transaction("test") as tx:
            kept = await store.find(tx, refund.id)
        assert actions.unsealed(after, refund.id, kept.sealed) == account
        with pytest.raises(CannotOpenError):
            actions.unsealed(before, refund.id, kept.sealed)


async def test_an_account_whose_key_is_gone_stays_as_it_is_and_stops_nobody(at_desk):
    async with wired(at_desk) as made:
        _, refund_id = await approved(at_desk, made)
        stranger = Keyring([NEW])
        assert await actions.reseal(made.database, stranger) == 0
        with pytest.raises(CannotOpenError):
            await actions.move_on(
                made.database, made.method("payeasy_komoju"), stranger, refund_id, at=made.clock.now()
            )
        assert at_desk.state(refund_id) == "approved"
        assert await move(made, refund_id) == "pending"


async def test_our_own_wrong_key_at_the_agency_costs_the_payer_nothing(at_desk):
    async with wired(at_desk) as made:
        _, refund_id = await approved(at_desk, made)
        stranger = connect(
            at_desk.till.settings.model_copy(update={"komoju_secret_key": SecretStr("wrong")}), made.clock
        )
        assert await move(made, refund_id, stranger) == "not_sent"
        await stranger.close()
        assert at_desk.state(refund_id) == "approved"
        (later,) = at_desk.till.rows(
            "SELECT next_poll_at > now() + interval '4 min' FROM refunds WHERE id = %s", refund_id
        )
        assert later == (True,)


async def test_a_file_that_dies_half_made_leaves_nothing(at_desk, monkeypatch):
    settings = at_desk.till.settings.model_copy(update={"refunds_by_own_transfer": ("payeasy_komoju",)})
    made = wire(settings)
    try:
        _, refund_id = await approved(at_desk, made)

        async def make():
            async with made.database.transaction("test") as tx:
                at = made.clock.now()
                return await files.make(
                    tx, made.data_keys, made.payer, file_id=new_id(), on=files.proposed_day(at), by="cleo", at=at
                )

        with monkeypatch.context() as patch:
            patch.setattr(files.store, "add", lambda *_: (_ for _ in ()).throw(Dying()))
            with pytest.raises(Dying):
                await make()
        assert at_desk.state(refund_id) == "approved"
        assert (await make()).count == 1
    finally:
        await made.close()


async def test_a_settlement_that_dies_half_way_goes_on_where_it_was(at_desk, monkeypatch):
    settings = at_desk.till.settings.model_copy(update={"refunds_by_own_transfer": ("payeasy_komoju",)})
    made = wire(settings)
    try:
        deals = [await approved(at_desk, made) for _ in range(2)]
        at = made.clock.now()
        async with made.database.transaction("test") as tx:
            kept = await files.make(
                tx, made.data_keys, made.payer, file_id=new_id(), on=files.proposed_day(at), by="cleo", at=at
            )
            await files.download(tx, made.data_keys, kept.id, by="cleo", at=at)
            await files.mark_done(tx, kept.id, by="cleo", at=at)
        real, calls = refunds.conclude_within, []

        async def dies_second(tx, refund_id, finding: RefundFinding, *, at):
            calls.append(refund_id)
            if len(calls) == 2:
                raise Dying
            return await real(tx, refund_id, finding, at=at)

        with monkeypatch.context() as patch:
            patch.setattr(refunds, "conclude_within", dies_second)
            with pytest.raises(Dying):
                await files.settle_done(made.database, at=at)
        await files.settle_done(made.database, at=at)
        await files.settle_done(made.database, at=at)
        for charge, refund_id in deals:
            assert at_desk.state(refund_id) == "transferred"
            assert len(at_desk.till.events("refund.settled", charge["id"])) == 1
    finally:
        await made.close()


def test_transfers_by_file_need_our_own_account_in_production():
    wanted = PaymentsSettings(refunds_by_own_transfer=("payeasy_komoju",))
    assert _payer(wanted, {}) is not None
    with pytest.raises(ValueError, match="set the MOMIJI_TRANSFER_"):
        _payer(wanted.model_copy(update={"environment": Environment.PRODUCTION}), {})


def test_our_own_account_is_read_into_the_banks_characters():
    told = {
        "transfer_consignor_code": "1234567890",
        "transfer_consignor_name": "ひろしまけん",
        "transfer_bank_code": "0169",
        "transfer_branch_code": "001",
        "transfer_account_number": "1234567",
    }
    payer = _payer(PaymentsSettings(**told), {})
    assert (payer.consignor_name, payer.bank_code, payer.number) == ("ﾋﾛｼﾏｹﾝ", "0169", "1234567")
    with pytest.raises(ValueError, match="not complete"):
        _payer(PaymentsSettings(**told | {"transfer_bank_code": ""}), {})
