import dataclasses
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from pathlib import Path
from uuid import UUID

import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from pypdf import PdfReader

import kernel.web
import ticketing
from kernel.money import Yen
from kernel.web.language import catalogue
from kernel.web.printing import NoJapaneseFont
from ticketing.tickets import document
from ticketing.tickets.code import TicketClaims, sign
from ticketing.tickets.document import OrderPaper, PaperTicket, RateTotal, Receipt, TicketPrinter

WORDS = (Path(ticketing.__file__).parent / "words",)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
AT = datetime(2026, 11, 20, 3, tzinfo=UTC)
PRINTER = TicketPrinter()
RECEIPT = Receipt(
    issuer="広島県",
    registration_number="T8000020340006",
    paid_on=date(2026, 11, 20),
    method="クレジットカード",
    totals=(RateTotal(10, Yen(1200), Yen(109)),),
)


def code(number):
    return sign(TicketClaims(1, UUID(int=number), 3, 17, 2, 1, date(2026, 11, 23), time(9, 30)), KEY)


def paper(count=1, **changes):
    example = OrderPaper(
        order_number="7K3MW-9QD2X",
        facility="広島県立美術館",
        address="広島市中区上幟町2-22",
        visit_date=date(2026, 11, 23),
        slot=time(9, 30),
        tickets=[PaperTicket(code(each), "特別展「もみじの美」", "大人", Yen(1200)) for each in range(count)],
        language="ja",
    )
    return dataclasses.replace(example, **changes)


def printed(what):
    words = catalogue(what.language, WORDS).gettext
    return PdfReader(io.BytesIO(PRINTER.pdf(what, words=words, at=AT)))


def text_of(reader):
    return "\n".join(page.extract_text() for page in reader.pages)


def fonts_of(reader):
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            for descendant in font.get_object().get("/DescendantFonts", [font]):
                yield descendant.get_object()["/FontDescriptor"]


def test_the_paper_says_in_japanese_what_was_bought():
    text = text_of(printed(paper()))
    for words in (
        "広島県立美術館",
        "特別展",
        "大人",
        "2026年11月23日(月)",
        "令和8年11月23日",
        "9:30 入場",
        "7K3MW-9QD2X",
        "¥1,200",
    ):
        assert words in text, words


def test_the_paper_says_in_english_what_was_bought():
    tickets = [PaperTicket(code(1), "Permanent collection", "Adult", Yen(510))]
    text = text_of(printed(paper(language="en", facility="Art Museum", tickets=tickets, slot=None)))
    for words in ("Art Museum", "Permanent collection", "Monday 23 November 2026", "All day", "How to enter", "¥510"):
        assert words in text, words
    assert "令和" not in text


def test_every_font_is_embedded_so_that_no_printer_shows_boxes():
    embedded = list(fonts_of(printed(paper(receipt=RECEIPT))))
    assert embedded
    assert all({"/FontFile2", "/FontFile3"} & set(descriptor) for descriptor in embedded)


@pytest.mark.parametrize(("tickets", "pages"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_three_tickets_stand_on_a_page(tickets, pages):
    assert len(printed(paper(tickets)).pages) == pages


def test_one_ticket_and_its_receipt_share_a_page():
    assert len(printed(paper(receipt=RECEIPT)).pages) == 1


def test_every_code_scans_off_the_paper():
    compiler, family = PRINTER._printer._compiler()
    data = {**document._data(paper(3), catalogue("ja", WORDS).gettext), "font": family}
    png = compiler.compile(format="png", ppi=150, sys_inputs={"data": json.dumps(data)})
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    assert {each.text for each in found} == {code(each) for each in range(3)}
    assert {each.ec_level for each in found} == {"M"}


def test_a_receipt_has_all_that_the_law_asks_of_a_simplified_qualified_invoice():
    text = text_of(printed(paper(receipt=RECEIPT)))
    for words in (
        "領収書（適格簡易請求書）",
        "広島県",
        "T8000020340006",
        "2026年11月20日",
        "10%対象",
        "内消費税 ¥109",
        "¥1,200",
    ):
        assert words in text, words


def test_without_a_registration_number_it_is_a_plain_receipt():
    text = text_of(printed(paper(receipt=dataclasses.replace(RECEIPT, registration_number=None))))
    assert "領収書" in text
    assert "適格" not in text
    assert "登録番号" not in text


def test_each_tax_rate_has_its_own_total():
    totals = (RateTotal(10, Yen(700), Yen(63)), RateTotal(8, Yen(300), Yen(22)), RateTotal(0, Yen(200), Yen(0)))
    text = text_of(printed(paper(receipt=dataclasses.replace(RECEIPT, totals=totals))))
    for words in ("10%対象（内消費税 ¥63）", "8%対象（内消費税 ¥22）", "消費税の対象外"):
        assert words in text, words


def test_a_receipt_that_does_not_add_up_is_never_printed():
    with pytest.raises(ValueError, match="another sum"):
        paper(2, receipt=RECEIPT)


def test_a_free_ticket_says_so():
    assert "無料" in text_of(printed(paper(tickets=[PaperTicket(code(1), "常設展", "障害者手帳をお持ちの方", Yen(0))])))


def test_a_group_ticket_says_how_many_it_admits():
    group = [PaperTicket(code(1), "常設展", "小学生団体", Yen(4000), party=40)]
    assert "小学生団体 40名" in text_of(printed(paper(tickets=group)))


def test_a_name_is_printed_as_it_is_and_never_runs_as_markup():
    name = '#panic("x") $y$ @z *b* <c>'
    assert name in text_of(printed(paper(tickets=[PaperTicket(code(1), name, "大人", Yen(0))])))


def test_a_very_long_name_hides_nothing():
    long = [PaperTicket(code(1), "とても長い名前の特別展覧会" * 8, "付き添いの方" * 6, Yen(0))]
    text = text_of(printed(paper(tickets=long)))
    assert "2026年11月23日(月)" in text
    assert text.replace("\n", "").count("とても長い名前の特別展覧会") == 8


def test_it_is_accessible():
    reader = printed(paper())
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "ja"
    assert root["/MarkInfo"]["/Marked"]
    assert "pdfuaid:part" in root["/Metadata"].get_data().decode()
    assert reader.metadata is not None
    assert reader.metadata.title == "チケット 7K3MW-9QD2X"


def test_the_same_paper_has_the_same_bytes_from_any_thread():
    words = catalogue("ja", WORDS).gettext
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: PRINTER.pdf(paper(2), words=words, at=AT), range(8)))
    assert len(set(made)) == 1


def test_without_a_japanese_font_it_says_what_to_install():
    with pytest.raises(NoJapaneseFont, match=r"make web.*fonts-noto-cjk"):
        TicketPrinter(folders=(), system_fonts=False).pdf(paper(), words=str, at=AT)
    words = catalogue("ja", (Path(kernel.web.__file__).parent / "words",)).gettext
    assert words(NoJapaneseFont.advice) != NoJapaneseFont.advice


@pytest.mark.parametrize("count", [0, 301])
def test_a_paper_has_a_sensible_number_of_tickets(count):
    with pytest.raises(ValueError, match="1 to 300"):
        paper(count)


def test_every_word_of_the_paper_has_its_japanese():
    words = catalogue("ja", WORDS).gettext
    missing = []

    def listen(message):
        if words(message) == message:
            missing.append(message)
        return words(message)

    document._data(paper(1, receipt=RECEIPT), listen)
    document._data(paper(1, slot=None, receipt=dataclasses.replace(RECEIPT, registration_number=None)), listen)
    assert missing == []
