"""A Pay-easy trade of the agency and its transitions: registered, numbers issued, paid, taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace

BASIS_POINTS = 10_000


class GmopgError(Exception):
    """An answer of the agency's that is not a success: HTTP 200 with ErrCode and ErrInfo.

    Codes that are publicly known are used as they are (E01030002 wrong shop, E01040010 OrderID used before, E01110002
    no such trade); for fields that have none here, M01 and the field's name stand in.
    """

    def __init__(self, *codes: str) -> None:
        super().__init__(", ".join(codes))
        self.codes = codes


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade. Times are epochs in seconds; `id` is the shop's OrderID; `finished` is when it was paid."""

    id: str
    access_id: str
    access_pass: str
    amount: int
    tax: int
    created: int
    processed: int
    status: str = "UNPROCESSED"  # REQSUCCESS, PAYSUCCESS, PAYFAIL, EXPIRED, CANCEL
    cust_id: str = ""
    bk_code: str = ""
    conf_no: str = ""
    receipt_no: str = ""
    term: int = 0
    shown: str = ""
    finished: int | None = None
    fee: int = 0

    @property
    def total(self) -> int:
        """What the payer pays."""
        return self.amount + self.tax

    @property
    def taken_back(self) -> bool:
        """Whether it was paid and the bank took the payment back."""
        return self.status == "CANCEL" and self.finished is not None


def pay(trade: Trade, *, at: int, fee_basis_points: int, late: bool = False) -> Trade:
    """Take the payer's money. `late`: the network took it although the numbers had ended."""
    ended = trade.status in {"EXPIRED", "CANCEL"} and trade.finished is None
    if not (trade.status == "REQSUCCESS" or (late and ended)) or (at > trade.term and not late):
        raise GmopgError(f"the trade is {trade.status}")
    fee = (trade.total * fee_basis_points + BASIS_POINTS // 2) // BASIS_POINTS
    return replace(trade, status="PAYSUCCESS", finished=at, processed=at, fee=fee)


def end(trade: Trade, status: str, *, at: int) -> Trade:
    """End a trade that waits for its payer as EXPIRED, CANCEL or PAYFAIL."""
    if trade.status != "REQSUCCESS":
        raise GmopgError("E11010003" if status == "CANCEL" else f"the trade is {trade.status}")
    return replace(trade, status=status, processed=at)


def take_back(trade: Trade, *, at: int) -> Trade:
    """Take a notified payment back, as a bank does at its window (取消)."""
    if trade.status != "PAYSUCCESS":
        raise GmopgError(f"the trade is {trade.status}; only a paid one is taken back")
    return replace(trade, status="CANCEL", processed=at, fee=0)
