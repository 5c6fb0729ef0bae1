"""A collecting system in one file: open a charge, be told that it is paid, give the money back, be told of that.

Needs Python 3.11 and httpx. Set MOMIJI_KEY and MOMIJI_WEBHOOK_SECRET (both shown once when the system was made), and
MOMIJI_PAYMENTS if payments is not at http://127.0.0.1:8102. See docs/collecting.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import queue
import sys
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

PAYMENTS = os.environ.get("MOMIJI_PAYMENTS", "http://127.0.0.1:8102")
KEY = os.environ["MOMIJI_KEY"]
SECRET = os.environ["MOMIJI_WEBHOOK_SECRET"]
PORT = int(os.environ.get("PORT", "8120"))
AGE_SECONDS_MAX = 300  # an older signature may be somebody's recording

events: queue.Queue[dict] = queue.Queue()
seen: set[str] = set()  # a real system keeps this in its database, in the transaction of the effect


def is_genuine(header: str, body: bytes, *, now: float) -> bool:
    """Tell whether Momiji signed this body, and lately. There are two v1 while the secret is being replaced."""
    parts = [part.partition("=")[::2] for part in header.split(",")]
    moment = next((value for name, value in parts if name == "t"), "")
    if not moment.isascii() or not moment.isdecimal() or abs(now - int(moment)) > AGE_SECONDS_MAX:
        return False
    expected = hmac.new(SECRET.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(expected.encode(), value.encode()) for name, value in parts if name == "v1")


class Webhook(BaseHTTPRequestHandler):
    """Takes Momiji's messages: check, remember, answer at once, do the work afterwards."""

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), 65_536))
        if not is_genuine(self.headers.get("Momiji-Signature", ""), body, now=time.time()):
            self.send_response(401)
            self.end_headers()
            return
        event = json.loads(body)
        if event["id"] not in seen:  # the same message may come more than once
            seen.add(event["id"])
            events.put(event)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def wait_for(kind: str, charge: str) -> dict:
    """Return the message of a kind about a charge. Messages may come in any order."""
    while True:
        event = events.get(timeout=900)
        print(f"told: {event['type']} {event['charge']['reference']} ({event['charge']['status']})", flush=True)
        if event["type"] == kind and event["charge"]["id"] == charge:
            return event


def main() -> int:
    """Collect 400 yen and give 150 of them back."""
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    reference = f"SHINSEI-{uuid.uuid4().hex[:8]}"  # your own number of what is to be paid
    with httpx.Client(base_url=PAYMENTS, headers={"Authorization": f"Bearer {KEY}"}, timeout=40) as momiji:
        opened = momiji.post(
            "/v1/charges",
            # The same key for the same wish: after a time-out, send it again and nothing happens twice.
            headers={"Idempotency-Key": f"charge-{reference}"},
            json={
                "reference": reference,
                "amount": 400,
                "description": "住民票の写し 交付手数料",
                "expires_at": (datetime.now(UTC) + timedelta(hours=2)).isoformat(),
                "return_url": f"http://127.0.0.1:{PORT}/applications/1",
                # "method": "stripe_card" would choose for the applicant; without it they choose themselves.
            },
        )
        opened.raise_for_status()
        charge = opened.json()
        print(f"send the applicant to: {charge['checkout_url']}", flush=True)

        paid = wait_for("charge.captured", charge["id"])
        print(f"paid: {paid['charge']['captured']} yen by {paid['charge']['method']}", flush=True)

        refund = momiji.post(
            f"/v1/charges/{charge['id']}/refunds",
            headers={"Idempotency-Key": f"refund-{reference}"},
            json={"amount": 150, "reason": "fewer copies"},
        )
        refund.raise_for_status()
        settled = wait_for("refund.settled", charge["id"])
        print(f"given back: {settled['refund']['amount']} yen", flush=True)
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
