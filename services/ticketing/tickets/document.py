"""The paper of an order: tickets with large QR codes and a receipt, as an accessible A4 PDF in Japanese or English.

`words` below is the gettext function of the reader's language; every text of the paper is a message of the
service's catalogue. What is printed reaches the template as data, never as markup, so that no name can break it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from threading import Lock
from typing import Final, Literal

import typst
from babel.dates import format_date

from kernel.money import Yen, total
from kernel.refusals import Unavailable
from kernel.web.pages import BUILT, wareki
from ticketing.tickets import picture

Words = Callable[[str], str]
TICKETS_MAX: Final = 300
TEMPLATE: Final = Path(__file__).parent / "templates" / "tickets.typ"
BUILT_FONTS: Final = BUILT / "fonts"
FAMILIES: Final = ("BIZ UDPGothic", "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAPGothic", "Hiragino Sans")
"""Japanese fonts by preference. The first is a universal design font (UDフォント) and comes with the web build."""


class NoJapaneseFont(Unavailable):
    """No Japanese font is on this machine; a paper of empty boxes is never printed."""

    slug = "no-japanese-font"
    advice = (
        "PDF tickets need a Japanese font. Run 'make web', which brings one, or install fonts-noto-cjk. "
        "The tickets on the screen are valid without paper."
    )


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


@dataclass(slots=True)
class TicketPrinter:
    """Makes the PDFs. Keep one for the process: its compiler remembers fonts and layout, 20 times faster.

    Args:
        folders: where fonts are looked for first; those of the web build.
        system_fonts: whether the machine's own fonts may serve if the folders have none.
    """

    folders: Sequence[Path] = (BUILT_FONTS,)
    system_fonts: bool = True
    _ready: tuple[typst.Compiler, str] | None = None
    _lock: Lock = field(default_factory=Lock)

    def pdf(self, paper: OrderPaper, *, words: Words, at: datetime) -> bytes:
        """Return the PDF (PDF/UA-1: tagged, with language, title and texts for its pictures).

        The same paper at the same moment gives the same bytes. Safe to call from several threads.

        Raises:
            NoJapaneseFont: no font on this machine has Japanese letters.
        """
        with self._lock:
            compiler, family = self._compiler()
            data = json.dumps(_data(paper, words, family), ensure_ascii=False)
            made = compiler.compile(
                format="pdf", sys_inputs={"data": data}, pdf_standards="ua-1", timestamp=at.astimezone(UTC)
            )
        assert isinstance(made, bytes)  # noqa: S101 - a PDF is one file
        return made

    def _compiler(self) -> tuple[typst.Compiler, str]:
        if self._ready is None:
            fonts, family = self._fonts()
            self._ready = typst.Compiler(str(TEMPLATE), root=str(TEMPLATE.parent), font_paths=fonts), family
        return self._ready

    def _fonts(self) -> tuple[typst.Fonts, str]:
        present = [str(folder) for folder in self.folders if folder.is_dir()]
        for with_system in (False, True) if self.system_fonts else (False,):
            fonts = typst.Fonts(
                include_system_fonts=with_system, include_embedded_fonts=False, font_paths=list(present)
            )
            families = set(fonts.families())
            family = next((each for each in FAMILIES if each in families), None)
            if family is not None:
                return fonts, family
        raise NoJapaneseFont


def _data(paper: OrderPaper, words: Words, family: str) -> dict[str, object]:
    """Return what the template prints, every value a text that is ready to print."""
    count = len(paper.tickets)
    return {
        "language": paper.language,
        "font": family,
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
