"""What happens at the agency: trades are registered, numbers issued, paid at a bank, taken back, told of by a form."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlencode

from kernel.clock import JAPAN, Clock
from sandbox.gmopg import model
from sandbox.gmopg.model import GmopgError, Trade
from sandbox.gmopg.store import GmopgStore
from sandbox.journal import Journal
from sandbox.settings import SandboxSettings
from sandbox.webhooks import Delivery, Sender

Later = Callable[[float, Callable[[], object]], object]

BK_CODE = "58021"  # an example 収納機関番号
ENCODING = "cp932"
FORM = "application/x-www-form-urlencoded; charset=Shift_JIS"


def sign(_delivery: Delivery, _at: int) -> Mapping[str, str]:
    """Return the headers of a notice: a form, and no signature."""
    return {"content-type": FORM}


def moment(epoch: int) -> str:
    """Return an epoch as the agency writes times: yyyyMMddHHmmss of Japan."""
    return datetime.fromtimestamp(epoch, UTC).astimezone(JAPAN).strftime("%Y%m%d%H%M%S")


class GmopgDesk:
    """Every action at the agency, by the shop's calls or by the payer's hand."""

    def __init__(self, settings: SandboxSettings, clock: Clock, journal: Journal, sender: Sender, later: Later) -> None:
        self.store = GmopgStore(journal)
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._sender = sender
        self._later = later

    def start(self) -> None:
        """Take up again what waits for its time."""
        for trade in self.store.trades:
            if trade.status == "REQSUCCESS":
                self._watch(trade)

    def now(self) -> int:
        """The present as an epoch in seconds."""
        return int(self._clock.now().timestamp())

    def register(self, order_id: str, amount: int, tax: int) -> Trade:
        """Register a trade. Raises GmopgError for an OrderID that was used before, whatever became of it."""
        if self.store.trades.get(order_id) is not None:
            raise GmopgError("E01040010")
        at = self.now()
        return self.store.trades.put(
            Trade(order_id, secrets.token_hex(16), secrets.token_hex(16), amount, tax, created=at, processed=at)
        )

    def issue(self, trade: Trade, *, days: int, shown: str) -> Trade:
        """Issue the numbers of a registered trade, once. They end with the day of Japan that is `days` from today."""
        if trade.status != "UNPROCESSED":
            raise GmopgError("E11010001")
        day = self._clock.now().astimezone(JAPAN).date() + timedelta(days=days)
        term = int(datetime.combine(day, time(23, 59, 59), tzinfo=JAPAN).timestamp())
        issued = replace(
            trade,
            status="REQSUCCESS",
            processed=self.now(),
            bk_code=BK_CODE,
            cust_id="".join(secrets.choice("0123456789") for _ in range(11)),
            conf_no="".join(secrets.choice("0123456789") for _ in range(6)),
            receipt_no=secrets.token_hex(24),
            term=min(term, self.now() + self._settings.gmopg_deadline_seconds),
            shown=shown,
        )
        with self._journal.change():
            self.store.trades.put(issued)
            self.announce(issued)
        self._watch(issued)
        return issued

    def pay(self, trade: Trade, *, late: bool = False) -> Trade:
        """Let the payer pay the numbers. Raises GmopgError if they are not payable."""
        return self._keep(
            model.pay(trade, at=self.now(), fee_basis_points=self._settings.gmopg_fee_basis_points, late=late)
        )

    def end(self, trade: Trade, status: str) -> Trade:
        """End an unpaid trade as EXPIRED, CANCEL or PAYFAIL. Raises GmopgError."""
        return self._keep(model.end(trade, status, at=self.now()))

    def take_back(self, trade: Trade) -> Trade:
        """Let the bank take a payment back. Raises GmopgError."""
        return self._keep(model.take_back(trade, at=self.now()))

    def announce(self, trade: Trade) -> None:
        """Tell the shop of a trade's state: a form, told again until it is answered with 0."""
        settings = self._settings
        said = {
            "ShopID": settings.gmopg_shop_id,
            "ShopPass": "*" * 10,
            "AccessID": trade.access_id,
            "AccessPass": "*" * 32,
            "OrderID": trade.id,
            "Status": trade.status,
            "JobCd": "",
            "Amount": str(trade.amount),
            "Tax": str(trade.tax),
            "Currency": "JPN",
            "TranDate": moment(trade.processed),
            "ErrCode": "",
            "ErrInfo": "",
            "PayType": "4",
            **self.numbers(trade),
        }
        body = urlencode(said, encoding=ENCODING)
        self._sender.send("gmopg", event_id=secrets.token_hex(8), event_type=trade.status, body=body)

    def numbers(self, trade: Trade) -> dict[str, str]:
        """Return the fields of a trade that has its numbers."""
        return {
            "CustID": trade.cust_id,
            "BkCode": trade.bk_code,
            "ConfNo": trade.conf_no,
            "EncryptReceiptNo": trade.receipt_no,
            "PaymentTerm": moment(trade.term) if trade.term else "",
            "FinishDate": moment(trade.finished) if trade.finished is not None else "",
        }

    def _keep(self, trade: Trade) -> Trade:
        with self._journal.change():
            self.store.trades.put(trade)
            self.announce(trade)
        return trade

    def _watch(self, trade: Trade) -> None:
        def end() -> None:
            found = self.store.trades.get(trade.id)
            if found is not None and found.status == "REQSUCCESS":
                self.end(found, "EXPIRED")

        self._later(trade.term - self._clock.now().timestamp(), end)
