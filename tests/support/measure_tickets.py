"""Measure ticket codes, pictures and papers: `python tests/support/measure_tickets.py`; one JSON line a figure.

The median of many runs on this machine, one process. To compare with the library `qrcode`: `pip install qrcode`
in an environment of your own; its lines appear if it is there.
"""

import dataclasses
import importlib.util
import io
import json
import statistics
import time as clock
from datetime import UTC, date, datetime, time
from functools import partial
from uuid import UUID

import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.money import Yen
from ticketing.tickets import number, picture
from ticketing.tickets.code import TicketClaims, read, sign, verify
from ticketing.tickets.document import OrderPaper, PaperTicket, TicketPrinter
from ticketing.tickets.keys import VerificationKey

AT = datetime(2026, 11, 23, tzinfo=UTC)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEYS = {1: VerificationKey(1, PRIVATE.public_key().public_bytes_raw(), AT)}
CLAIMS = TicketClaims(1, UUID(int=5), 3, 17, 2, 1, date(2026, 11, 23), time(9, 30))
CODE = sign(CLAIMS, PRIVATE)


def measure(what, act, *, runs=200, **more):
    taken = []
    made = act()
    for _ in range(runs):
        start = clock.perf_counter()
        made = act()
        taken.append(clock.perf_counter() - start)
    size = {"bytes": len(made)} if isinstance(made, bytes | str) else {}
    print(json.dumps({"what": what, "median_us": round(statistics.median(taken) * 1e6, 1), **size, **more}))  # noqa: T201 - that is its output


def qrcode_svg(level):
    import qrcode
    import qrcode.image.svg

    drawn = io.BytesIO()
    made = qrcode.QRCode(error_correction=getattr(qrcode.constants, f"ERROR_CORRECT_{level}"))
    made.add_data(CODE)
    made.make_image(image_factory=qrcode.image.svg.SvgPathImage).save(drawn)
    return drawn.getvalue()


def main():
    measure("sign", lambda: sign(CLAIMS, PRIVATE), runs=2000)
    measure("read", lambda: read(CODE), runs=2000)
    measure("verify", lambda: verify(CODE, KEYS, at=AT), runs=2000)
    measure("order number", lambda: number.number_from(1234567890123), runs=2000)
    measure("read order number", lambda: number.read_number("13XRZ-P16BP"), runs=2000)
    for level in ("L", "M"):
        version = segno.make_qr(CODE, error=level, boost_error=False).designator
        measure(f"svg {level}", lambda level=level: picture.svg(CODE, level=level), runs=50, version=version)
        measure(f"png {level}", lambda level=level: picture.png(CODE, level=level), runs=50, version=version)
        if importlib.util.find_spec("qrcode"):
            measure(f"svg {level} by qrcode", lambda level=level: qrcode_svg(level), runs=50)
    printer = TicketPrinter()
    for count in (1, 3, 30):
        tickets = [PaperTicket(CODE, "特別展「もみじの美」", "大人", Yen(1200))] * count
        paper = OrderPaper(
            "7K3MW-9QD2X", "広島県立美術館", "広島市中区", date(2026, 11, 23), None, tickets, language="ja"
        )
        measure(f"pdf of {count}, the same again", partial(printer.pdf, paper, words=str, at=AT), runs=10)
        others = (dataclasses.replace(paper, order_number=f"7K3MW-{each:05}") for each in range(11))
        measure(f"pdf of {count}, another order", lambda o=others: printer.pdf(next(o), words=str, at=AT), runs=10)


if __name__ == "__main__":
    main()
