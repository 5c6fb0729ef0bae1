"""Pay-easy as GMO Payment Gateway's protocol type names things: forms in and out, unsigned notices, no idempotency key.

Written from the public field names; docs/decisions/0126 says what is not verified against the agency itself.
"""

from __future__ import annotations

import hashlib
from base64 import b32decode, b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import httpx

from kernel.clock import JAPAN, Clock
from kernel.money import Yen
from payments.charges.model import (
    Attempt,
    Finding,
    NoAnswer,
    NotThere,
    Over,
    Paid,
    Refused,
    Reversed,
    Unpaid,
)
from payments.methods.payeasy_gmopg.settings import GmopgSettings
from payments.methods.protocol import (
    AmbiguousError,
    Away,
    BankAccount,
    Capabilities,
    MisconfiguredError,
    NotGenuine,
    Opened,
    ProviderEvent,
    RefundFinding,
    RefundWanted,
    RefusedError,
    Wanted,
    Words,
)
from payments.methods.quiet import again_at, asked_for
from payments.settings import PaymentsSettings

CAPABILITIES = Capabilities(
    name="payeasy_gmopg",
    title=Words("Pay-easy(ATM・ネットバンキング)", "Pay-easy (ATM or net banking)"),
    amount_min=Yen(1),
    amount_max=Yen(999_999),
    page="numbers",
    reopens=True,
    refund="transfer",
    reversible=True,
    provider="gmopg",
    webhook_answer="0",
)
ENCODING = "cp932"  # the protocol type's Shift_JIS
TIMEOUT_SECONDS = 30.0
IN_FLIGHT_MAX = 20
ORDER_ID_LENGTH = 26  # 128 bits in Base32, of 27 that are allowed
TERM_DAYS_MAX = 60
DAY_ENDS = time(23, 59, 59)
MOMENT = "%Y%m%d%H%M%S"
PAY_EASY = "4"
WRONG_SHOP = ("E0101", "E0102", "E0103")
DUPLICATE, UNKNOWN_TRADE, DONE_ALREADY = "E01040010", "E01110002", "E11010001"
BUSY = "E92"
BROKEN = "E91"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agency said. `status` None: no answer; 0: no connection, so nothing was sent."""

    status: int | None
    said: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None

    @property
    def errors(self) -> tuple[str, ...]:
        """The error codes, none for a success."""
        return tuple(each for each in self.said.get("ErrInfo", "").split("|") if each)

    @property
    def good(self) -> bool:
        """Whether it is an answer without an error."""
        return self.status == httpx.codes.OK and not self.errors

    @property
    def busy(self) -> bool:
        """Whether the agency wants fewer calls."""
        return self.status == httpx.codes.TOO_MANY_REQUESTS or any(each.startswith(BUSY) for each in self.errors)


def order_id(attempt_id: UUID) -> str:
    """Return our reference as the agency takes it: 26 letters and digits."""
    return b32encode(attempt_id.bytes).decode().rstrip("=")


def reference_of(said: str) -> str:
    """Return the attempt's id that an OrderID means; another system's as it is."""
    if len(said) != ORDER_ID_LENGTH:
        return said
    try:
        return str(UUID(bytes=b32decode(said + "======")))
    except ValueError:
        return said


def term_days(deadline: datetime, *, at: datetime) -> int:
    """Return PaymentTermDay: numbers end with a day of Japan, so the last one that is over by the deadline; 0 is today.

    Only what is due today cannot end in time by itself; it is cancelled at the deadline (`query`).
    """
    local, today = deadline.astimezone(JAPAN), at.astimezone(JAPAN).date()
    last = local.date() if local.time() >= DAY_ENDS else local.date() - timedelta(days=1)
    return min(max((last - today).days, 0), TERM_DAYS_MAX)


class PayEasyGmopg:
    """Talks to the agency."""

    capabilities = CAPABILITIES

    def __init__(self, settings: GmopgSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS, limits=httpx.Limits(max_connections=IN_FLIGHT_MAX), trust_env=False
        )

    async def open(self, wanted: Wanted) -> Opened:
        """Register the trade and have its numbers issued; one that was registered before is looked up instead."""
        attempt = wanted.attempt
        entry = await self._call(
            "EntryTranPayEasy", {"OrderID": order_id(attempt.id), "Amount": str(attempt.amount.amount)}
        )
        if DUPLICATE in entry.errors:
            return await self._reopen(wanted)
        _require(entry)
        return await self._issue(wanted, entry.said["AccessID"], entry.said["AccessPass"])

    async def _reopen(self, wanted: Wanted) -> Opened:
        attempt = wanted.attempt
        found = await self._search(attempt)
        _require(found)
        if _amount(found.said) != attempt.amount:
            raise RefusedError("the trade of this order has another amount")
        match found.said.get("Status"):
            case "UNPROCESSED":
                return await self._issue(wanted, found.said["AccessID"], found.said["AccessPass"])
            case "REQSUCCESS" | "PAYSUCCESS":
                return self._opened(attempt, found.said["AccessID"], found.said)
            case other:
                raise RefusedError(f"the trade is {other}")

    async def _issue(self, wanted: Wanted, access_id: str, access_pass: str) -> Opened:
        attempt = wanted.attempt
        digits = str(attempt.id.int % 10**8).zfill(8)
        issued = await self._call(
            "ExecTranPayEasy",
            {
                "AccessID": access_id,
                "AccessPass": access_pass,
                "OrderID": order_id(attempt.id),
                # No visitor's name is sent (docs/decisions/0003); what stands here is what the ATM shows.
                "CustomerName": f"もみじ{digits}",
                "CustomerKana": "モミジ",
                "TelNo": self._settings.gmopg_contact_phone,
                "PaymentTermDay": str(term_days(attempt.deadline, at=self._clock.now())),
                "RegisterDisp1": _fitting(wanted.description, 32),
                "ReceiptsDisp1": _fitting(wanted.description, 60),
                "ReceiptsDisp11": self._settings.gmopg_contact_name,
                "ReceiptsDisp12": self._settings.gmopg_contact_phone,
                "ReceiptsDisp13": self._settings.gmopg_contact_hours,
            },
        )
        if DONE_ALREADY in issued.errors:
            issued = await self._search(attempt)
        _require(issued)
        return self._opened(attempt, access_id, issued.said)

    def _opened(self, attempt: Attempt, access_id: str, said: Mapping[str, str]) -> Opened:
        page, receipt = self._settings.bank_page, said.get("EncryptReceiptNo", "")
        return Opened(
            access_id,
            page.format(receipt=receipt) if page and receipt else "",
            min(_moment(said["PaymentTerm"]), attempt.deadline),
            {"bank_id": said["BkCode"], "customer_id": said["CustID"], "confirmation_id": said["ConfNo"]},
        )

    async def query(self, attempt: Attempt) -> Finding:
        """Ask for the trade of our reference. Numbers that outlive our deadline are cancelled once it is over."""
        found = await self._search(attempt)
        overdue = found.good and found.said.get("Status") == "REQSUCCESS" and self._clock.now() > attempt.deadline
        if overdue and (await self._cancel(attempt, found.said)).good:
            found = await self._search(attempt)
        if found.busy:
            return NoAnswer(again_at(found.retry_after, at=self._clock.now()))
        if UNKNOWN_TRADE in found.errors:
            return NotThere()
        return _finding(found.said) if found.good else NoAnswer()

    async def expire(self, attempt: Attempt) -> None:
        """Cancel the numbers, so that no ATM takes them any more; a failure is found by the next query."""
        found = await self._search(attempt)
        if found.good and found.said.get("Status") == "REQSUCCESS":
            await self._cancel(attempt, found.said)

    async def refund(self, wanted: RefundWanted, account: BankAccount | None) -> RefundFinding:  # noqa: ARG002
        """Refuse: this agency carries no money back; people transfer it from our own bank."""
        raise RefusedError("this agency carries no money back: transfer it from your own bank")

    async def query_refund(self, wanted: RefundWanted) -> RefundFinding:  # noqa: ARG002
        """Say that the agency knows of none."""
        return RefundFinding("not_there")

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> ProviderEvent:  # noqa: ARG002
        """Read a result notice. It is not signed: a hint from an address that may send it, never proof.

        A repeat has the same body, and so the same id here.
        """
        allowed = self._settings.gmopg_webhook_sources
        if allowed and headers.get("x-source-address", "") not in allowed:
            raise NotGenuine
        said = _fields(body)
        if said.get("ShopID") != self._settings.gmopg_shop_id:
            raise NotGenuine
        if not said.get("OrderID"):
            raise ValueError("the notice names no order")
        return ProviderEvent(hashlib.sha256(body).hexdigest(), reference_of(said["OrderID"]))

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _search(self, attempt: Attempt) -> Answer:
        return await self._call("SearchTradeMulti", {"OrderID": order_id(attempt.id), "PayType": PAY_EASY})

    async def _cancel(self, attempt: Attempt, said: Mapping[str, str]) -> Answer:
        return await self._call(
            "PayEasyCancel",
            {
                "AccessID": said.get("AccessID", ""),
                "AccessPass": said.get("AccessPass", ""),
                "OrderID": order_id(attempt.id),
            },
        )

    async def _call(self, name: str, said: Mapping[str, str]) -> Answer:
        shop = {"ShopID": self._settings.gmopg_shop_id, "ShopPass": self._settings.gmopg_shop_pass.get_secret_value()}
        try:
            answer = await self._client.post(
                f"{self._settings.base_url}/{name}.idPass",
                content=urlencode(shop | dict(said), encoding=ENCODING, errors="replace").encode(),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Answer(0)
        except httpx.HTTPError:
            return Answer(None)
        try:
            fields = _fields(answer.content)
        except ValueError:
            fields = {}
        if answer.status_code == httpx.codes.OK and not fields:
            return Answer(None)  # A page of something in between is no answer of the agency's.
        return Answer(answer.status_code, fields, asked_for(answer.headers))


def _require(answer: Answer) -> None:
    """Raise what an answer to a call that makes something means, unless it is good."""
    if answer.good:
        return
    if answer.status == 0:
        raise Away(method="Pay-easy")
    if answer.status == httpx.codes.SERVICE_UNAVAILABLE:
        raise Away(method="Pay-easy", kind="maintenance", retry_after=answer.retry_after)
    if answer.busy:
        raise Away(method="Pay-easy", kind="rate_limited", retry_after=answer.retry_after)
    if answer.status == httpx.codes.NOT_FOUND or any(each.startswith(WRONG_SHOP) for each in answer.errors):
        raise MisconfiguredError(
            "The agency does not know the shop: check MOMIJI_GMOPG_SHOP_ID, MOMIJI_GMOPG_SHOP_PASS and "
            "MOMIJI_GMOPG_BASE_URL"
        )
    if answer.errors and not any(each.startswith(BROKEN) for each in answer.errors):
        raise RefusedError(answer.errors[0])
    raise AmbiguousError(f"the agency answered {answer.status} {' '.join(answer.errors)}")


def _finding(said: Mapping[str, str]) -> Finding:  # noqa: PLR0911 - one return for each status
    match said.get("Status"):
        case "PAYSUCCESS":
            return Paid(_amount(said), _moment(said.get("FinishDate") or said["ProcessDate"]))
        case "CANCEL" if said.get("FinishDate"):
            return Reversed()  # It was paid, and the bank took it back at its window.
        case "CANCEL" | "EXPIRED":
            return Over()
        case "PAYFAIL" | "REQFAIL":
            return Refused("declined")
        case "REQSUCCESS":
            return Unpaid()
        case "UNPROCESSED":
            return NotThere()  # Registered without numbers: our second call never came.
        case _:
            return NoAnswer()


def _amount(said: Mapping[str, str]) -> Yen:
    return Yen(int(said["Amount"]) + int(said.get("Tax") or 0))


def _moment(text: str) -> datetime:
    return datetime.strptime(text, MOMENT).replace(tzinfo=JAPAN)


def _fields(body: bytes) -> dict[str, str]:
    """Return the fields of a form; ValueError if it is none."""
    return dict(parse_qsl(body.decode(ENCODING), keep_blank_values=True, encoding=ENCODING, max_num_fields=200))


def _fitting(text: str, bytes_max: int) -> str:
    return text.encode(ENCODING, "replace")[:bytes_max].decode(ENCODING, "ignore")


def connect(settings: PaymentsSettings, clock: Clock) -> PayEasyGmopg:
    """Return the method with settings of its own; nothing is connected yet."""
    own = GmopgSettings(
        environment=settings.environment, secrets_dir=settings.secrets_dir, sandbox_url=settings.sandbox_url
    )
    return PayEasyGmopg(own, clock)
