import io
import re
import xml.etree.ElementTree as ET
from datetime import date, time
from uuid import UUID

import pytest
import typst
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image, ImageOps

from ticketing.tickets import picture
from ticketing.tickets.code import TicketClaims, sign

ID = UUID("01985d2e-7c4a-7b3e-9f10-2a6b5c4d3e2f")
CODE = sign(
    TicketClaims(1, ID, 3, 17, 2, 1, date(2026, 11, 23), time(9, 30)),
    Ed25519PrivateKey.from_private_bytes(bytes(32)),
)
SVG = "{http://www.w3.org/2000/svg}"


def image(level="L", scale=8):
    return Image.open(io.BytesIO(picture.png(CODE, level=level, scale=scale))).convert("L")


def scanned(seen):
    return [found.text for found in zxingcpp.read_barcodes(seen)]


def drawn(svg, scale=4):
    """Draw the rectangles of an SVG's dark path, as any browser would."""
    root = ET.fromstring(svg)  # noqa: S314 - our own
    size = int(root.attrib["viewBox"].split()[2])
    dark = root.findall(f"{SVG}path")[1].attrib["d"]
    canvas = Image.new("L", (size, size), 255)
    for left, top, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", dark):
        canvas.paste(0, (int(left), int(top), int(left) + int(width), int(top) + 1))
    return canvas.resize((size * scale, size * scale), Image.Resampling.NEAREST)


@pytest.mark.parametrize("level", ["L", "M"])
@pytest.mark.parametrize("scale", [2, 3, 8])
def test_a_png_scans_as_its_code(level, scale):
    assert scanned(image(level, scale)) == [CODE]


@pytest.mark.parametrize("level", ["L", "M"])
def test_an_svg_scans_as_its_code(level):
    assert scanned(drawn(picture.svg(CODE, level=level))) == [CODE]


@pytest.mark.parametrize("level", ["L", "M"])
def test_a_code_inverted_by_a_dark_page_still_scans(level):
    assert scanned(ImageOps.invert(image(level))) == [CODE]


@pytest.mark.parametrize("level", ["L", "M"])
def test_a_code_that_fills_a_fifth_of_a_camera_frame_scans(level):
    frame = Image.new("L", (1280, 720), 200)
    frame.paste(image(level).resize((144, 144), Image.Resampling.BILINEAR), (500, 300))
    assert scanned(frame) == [CODE]


def test_paper_survives_a_stain_that_a_screen_never_has():
    stained = image("M")
    stained.paste(255, (150, 150, 206, 206))  # 7 × 7 of 41 × 41 modules
    assert scanned(stained) == [CODE]


@pytest.mark.parametrize(("level", "version"), [("L", "5"), ("M", "6")])
def test_the_code_fits_the_version_that_was_planned(level, version):
    (found,) = zxingcpp.read_barcodes(image(level))
    modules = 17 + 4 * int(version)
    assert image(level, 1).size == (modules + 8, modules + 8)
    assert found.ec_level == level


def test_four_white_modules_stand_around():
    frame = image(scale=1)
    size = frame.size[0]
    for box in ((0, 0, size, 4), (0, size - 4, size, size), (0, 0, 4, size), (size - 4, 0, size, size)):
        assert frame.crop(box).getextrema() == (255, 255)


def test_a_screen_reader_hears_what_it_is():
    svg = picture.svg(CODE, level="L", title="入園券 <大人> & 1 名")
    root = ET.fromstring(svg)  # noqa: S314 - our own
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}title") == "入園券 <大人> & 1 名"


def test_an_svg_needs_no_exception_from_a_strict_policy():
    svg = picture.svg(CODE, level="L")
    assert "style" not in svg
    assert "<script" not in svg
    assert len(svg) < 12_000


@pytest.mark.parametrize(("code", "scale"), [("", 8), ("A" * 513, 8), (CODE, 0), (CODE, 41)])
def test_a_picture_nobody_needs_is_not_drawn(code, scale):
    with pytest.raises(ValueError, match="A picture takes"):
        picture.svg(code, level="L", scale=scale)
    with pytest.raises(ValueError, match="A picture takes"):
        picture.png(code, level="L", scale=scale)


def test_an_svg_drawn_by_another_program_scans(tmp_path):
    (tmp_path / "code.svg").write_text(picture.svg(CODE, level="L"), encoding="utf-8")
    page = tmp_path / "page.typ"
    page.write_text('#set page(width: auto, height: auto, margin: 0pt)\n#image("code.svg")', encoding="utf-8")
    assert scanned(Image.open(io.BytesIO(typst.compile(str(page), format="png"))).convert("L")) == [CODE]
