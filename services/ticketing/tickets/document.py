"""The paper of an order: tickets with large QR codes and a receipt, as an accessible A4 PDF in Japanese or English.

`words` below is the gettext function of the reader's language; every text of the paper is a message of the
service's catalogue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Final, Literal

from babel.dates import format_date

from kernel.money import Yen, total
from kernel.web.pages import wareki
from kernel.web.printing import BUILT_FONTS, Printer
from ticketing.tickets import picture

Words = Callable[[str], str]
TICKETS_MAX: Final = 300
TEMPLATE: Final = Path(__file__).parent / "templates" / "tickets.typ"


@dataclass(frozen=True, slots=True)
class PaperTicket:
    """One ticket on paper; names are in the reader's language. `party` is how many persons it admits."""

    code: str
    product: str
    category: str
    price: Yen
    party: int = 1


@dataclass(frozen=True, slots=True)
class RateTotal:
    """What was paid at one tax rate: the total with tax and the tax in it. Rate 0 is what is not taxed."""

    rate_percent: int
    total: Yen
    tax: Yen


@dataclass(frozen=True, slots=True)
class Receipt:
    """The fields of a simplified qualified invoice (適格簡易請求書, 消費税法57条の4第2項).

    With a registration number it is one; without, it is a plain receipt. The lines come from the tickets.
    """

    issuer: str
    registration_number: str | None
    paid_on: date
    method: str
    totals: Sequence[RateTotal]

    @property
    def total(self) -> Yen:
        """The sum over all rates."""
        return total(each.total for each in self.totals)


@dataclass(frozen=True, slots=True)
class OrderPaper:
    """Everything that the PDF of one order says. `slot` is the start in Japan's time, None for the whole day.

    Raises:
        ValueError: no ticket, more than an order can have, or a receipt whose totals are not the tickets' sum.
    """

    order_number: str
    facility: str
    address: str
    visit_date: date
    slot: time | None
    tickets: Sequence[PaperTicket]
    language: Literal["ja", "en"]
    receipt: Receipt | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.tickets) <= TICKETS_MAX:
            raise ValueError(f"A paper holds 1 to {TICKETS_MAX} tickets, not {len(self.tickets)}.")
        if self.receipt is not None and self.receipt.total != total(each.price for each in self.tickets):
            raise ValueError(f"The receipt says {self.receipt.total}, its tickets cost another sum.")


class TicketPrinter:
    """Makes the PDFs; keep one for the process. `folders`, `system_fonts`: where fonts come from, see Printer."""

    def __init__(self, folders: Sequence[Path] = (BUILT_FONTS,), *, system_fonts: bool = True) -> None:
        self._printer = Printer(TEMPLATE, folders, system_fonts)

    def pdf(self, paper: OrderPaper, *, words: Words, at: datetime) -> bytes:
        """Return the PDF; raise NoJapaneseFont.

        The same paper at the same moment gives the same bytes. Safe to call from several threads.
        """
        return self._printer.pdf(_data(paper, words), at=at)


def _data(paper: OrderPaper, words: Words) -> dict[str, object]:
    """Return what the template prints, every value a text that is ready to print."""
    count = len(paper.tickets)
    return {
        "language": paper.language,
        "title": words("Tickets {number}").format(number=paper.order_number),
        "heading": words("Tickets"),
        "order": {"label": words("Order number"), "number": paper.order_number},
        "facility": paper.facility,
        "address": paper.address,
        "visit": {
            "label": words("Date of visit"),
            "day": _day(paper.visit_date, paper.language),
            "era": wareki(paper.visit_date) if paper.language == "ja" else "",
            "slot": words("All day")
            if paper.slot is None
            else words("From {time}").format(time=f"{paper.slot.hour}:{paper.slot.minute:02}"),
        },
        "steps": [
            words("Show the QR code at the gate, one code for each ticket."),
            words("A creased or wet code may not be read. The screen of a phone works as well."),
            words("If it cannot be read, tell the staff your order number."),
        ],
        "steps_heading": words("How to enter"),
        "tickets": [
            {
                "place": f"{at} / {count}",
                "product": each.product,
                "category": each.category
                if each.party == 1
                else words("{category}, {count} persons").format(category=each.category, count=each.party),
                "price": _price(each.price, words),
                "qr": picture.svg(each.code, level="M", scale=1, title=""),
                "alt": words("QR code of ticket {place}").format(place=f"{at} / {count}"),
            }
            for at, each in enumerate(paper.tickets, start=1)
        ],
        "receipt": None if paper.receipt is None else _receipt(paper, paper.receipt, words),
    }


def _receipt(paper: OrderPaper, receipt: Receipt, words: Words) -> dict[str, object]:
    lines = Counter((each.product, each.category, each.price) for each in paper.tickets)
    facts = [
        (words("Issuer"), receipt.issuer),
        *([(words("Registration number"), receipt.registration_number)] if receipt.registration_number else []),
        (words("Date of payment"), _day(receipt.paid_on, paper.language)),
        (words("Paid by"), receipt.method),
        (words("Order number"), paper.order_number),
    ]
    qualified = receipt.registration_number is not None
    return {
        "heading": words("Receipt (simplified qualified invoice)") if qualified else words("Receipt"),
        "facts": facts,
        "columns": [words("Item"), words("Unit price"), words("Quantity"), words("Amount")],
        "lines": [
            [f"{paper.facility}　{product}　{category}", _price(price, words), str(count), str(price * count)]
            for (product, category, price), count in lines.items()
        ],
        "totals": [
            [
                words("Not subject to tax")
                if each.rate_percent == 0
                else words("At {rate} % (tax {tax} included)").format(rate=each.rate_percent, tax=each.tax),
                str(each.total),
            ]
            for each in receipt.totals
        ],
        "total": [words("Total"), str(receipt.total)],
    }


def _price(price: Yen, words: Words) -> str:
    return words("Free") if price == Yen(0) else str(price)


def _day(day: date, language: str) -> str:
    return format_date(day, "y年M月d日(EEEEE)" if language == "ja" else "EEEE d MMMM y", locale=language)
