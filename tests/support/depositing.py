"""Small worlds of payouts that are due and transfers that came, for tests of what belongs together."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from hypothesis import strategies as st

from kernel.money import Yen
from reconciliation.deposits.model import Came, Due, id_of
from reconciliation.provider_contracts.schedule import due_on
from reconciliation.statements.bank_days import bank_days_from

MONDAY = date(2026, 11, 16)
STRIPE, PAYPAY = frozenset({"ストライプ"}), frozenset({"ペイペイ"})
ACCOUNT = "0169-001-1-0001234567"
FAR = {ACCOUNT: date(2027, 1, 1), "b": date(2027, 1, 1)}


def due(number, net, day=MONDAY, *, names=STRIPE, contract="stripe", group="", account="", late=2):
    return Due(
        id=UUID(int=number),
        provider=contract,
        contract=contract,
        net=Yen(net),
        arrives_on=day,
        missed_after=bank_days_from(due_on(day), late),
        account=account,
        names=names,
        group=group,
    )


def came(number, amount, day=MONDAY, *, name="ストライプ", account=ACCOUNT):
    return Came(UUID(int=1000 + number), account, day, Yen(amount), name)


@st.composite
def worlds(draw):
    days = st.integers(0, 4).map(lambda later: MONDAY + timedelta(later))
    names = st.sampled_from([STRIPE, PAYPAY, STRIPE | PAYPAY, frozenset()])
    amounts = st.sampled_from([-100, 100, 200, 300])
    accounts = st.sampled_from(["", ACCOUNT, "b"])
    dues = [
        due(
            number,
            draw(amounts),
            draw(days),
            names=draw(names),
            contract=draw(st.sampled_from(["one", "two", "three"])),
            group=draw(st.sampled_from(["", "", "g"])),
            account=draw(accounts),
            late=draw(st.integers(0, 2)),
        )
        for number in range(draw(st.integers(0, 5)))
    ]
    lines = [
        came(
            number,
            draw(st.sampled_from([100, 200, 300, 400, 600])),
            draw(days),
            name=draw(st.sampled_from(["ストライプ", "ペイペイ", ""])),
            account=draw(st.sampled_from([ACCOUNT, "b"])),
        )
        for number in range(draw(st.integers(0, 5)))
    ]
    pairs = [id_of([line.id], [each.id]) for line in lines for each in dues]
    refused = set(draw(st.lists(st.sampled_from(pairs), max_size=2))) if pairs else set()
    reach = {account: draw(days) for account in (ACCOUNT, "b") if draw(st.booleans())}
    return lines, dues, refused, reach
