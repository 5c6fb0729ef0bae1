"""A live sandbox on a free port, a catcher of its webhooks, and the merchant's side of each provider."""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import uvicorn

from kernel.clock import SystemClock
from sandbox.app import create_app
from sandbox.settings import SandboxSettings

PATIENCE_SECONDS = 5.0
METHODS = {"stripe": "stripe_card", "paypay": "paypay", "komoju": "payeasy_komoju", "gmopg": "payeasy_gmopg"}


@pytest.fixture(name="free_port")
def find_free_port():
    return free_port


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(claim, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while True:
        found = claim()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


@dataclass
class Caught:
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Catcher:
    """Stands where payments would: takes webhooks, and shows a checkout page if given one."""

    port: int
    caught: list = field(default_factory=list)
    refusals_left: int = 0
    page: str = ""
    says: bytes = b"0"  # what one agency takes for "understood"

    def of(self, provider):
        method = METHODS[provider]
        return [each for each in self.caught if each.path == f"/v1/webhooks/{method}"]

    def events(self, provider, kind=None):
        said = [each.json for each in self.of(provider)]
        name = "state" if provider == "paypay" else "type"
        return [each for each in said if kind is None or each[name] == kind]


@pytest.fixture
def catcher():
    port = free_port()
    catcher = Catcher(port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # Whoever sent it was killed in the middle.
                self.close_connection = True
                return
            if catcher.refusals_left > 0:
                catcher.refusals_left -= 1
                self.send_response(503)
            else:
                catcher.caught.append(Caught(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(200)
            self.send_header("content-length", str(len(catcher.says)))
            self.end_headers()
            self.wfile.write(catcher.says)

        def do_GET(self):
            if self.path.startswith("/redirect"):
                self.send_response(303)
                self.send_header("location", catcher.page)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            page = catcher.page.encode()
            self.send_response(503 if self.path.startswith("/away") else 200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield catcher
    server.shutdown()
    server.server_close()


def pay_easy(order, amount):
    return {
        "amount": amount,
        "currency": "JPY",
        "external_order_num": order,
        "payment_details": {
            "type": "pay_easy",
            "email": "office@example.jp",
            "phone": "082-000-0000",
            "family_name": "ヒロシマ",
            "given_name": "タロウ",
            "family_name_kana": "ヒロシマ",
            "given_name_kana": "タロウ",
        },
    }


@dataclass
class Live:
    """A running sandbox."""

    url: str
    settings: SandboxSettings
    client: httpx.Client
    catcher: Catcher

    # PayPay's merchant: signs as the published description says, on its own, not by the sandbox's code.
    def paypay(self, method, path, body=None, *, nonce=None, epoch=None, merchant=None, secret=None, content=None):
        raw = content if content is not None else (b"" if body is None else json.dumps(body).encode())
        kind = "application/json" if raw else "empty"
        nonce = nonce or secrets.token_hex(4)
        epoch = str(epoch or int(SystemClock().now().timestamp()))
        digest = "empty" if not raw else base64.b64encode(hashlib.md5(kind.encode() + raw).digest()).decode()  # noqa: S324
        text = f"{path}\n{method}\n{nonce}\n{epoch}\n{kind}\n{digest}"
        key = (secret or self.settings.paypay_api_secret.get_secret_value()).encode()
        mac = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
        headers = {
            "authorization": f"hmac OPA-Auth:{self.settings.paypay_api_key}:{mac}:{nonce}:{epoch}:{digest}",
            "x-assume-merchant": merchant or self.settings.paypay_merchant_id,
        } | ({"content-type": kind} if raw else {})
        return self.client.request(method, f"/paypay{path}", content=raw or None, headers=headers)

    def code(self, payment="order-1", amount=500, **more):
        said = {
            "merchantPaymentId": payment,
            "amount": {"amount": amount, "currency": "JPY"},
            "codeType": "ORDER_QR",
            "requestedAt": int(SystemClock().now().timestamp()),
        }
        return self.paypay("POST", "/v2/codes", said | more)

    def komoju(self, method, path, body=None, *, key=None, secret=None):
        headers = {"x-komoju-idempotency": key} if key else {}
        auth = (secret or self.settings.komoju_secret_key.get_secret_value(), "")
        return self.client.request(method, f"/komoju/api/v1{path}", json=body, headers=headers, auth=auth)

    def numbers(self, order="order-1", amount=1000, key=None, **more):
        return self.komoju("POST", "/payments", pay_easy(order, amount) | more, key=key)

    pay_easy = staticmethod(pay_easy)

    def pay(self, url, outcome="pay"):
        return self.client.post("/payers", json={"checkout_url": url, "outcome": outcome})

    def fault(self, provider, kind, operation="*", count=1):
        said = {"provider": provider, "operation": operation, "kind": kind, "count": count}
        answer = self.client.post("/faults", json=said)
        assert answer.status_code == 201, answer.text


@pytest.fixture
def start(catcher):
    """Start a sandbox in a thread with settings of one's own; all are stopped at the end."""
    running = []

    def begin(**settings):
        port = settings.pop("port", None) or free_port()
        made = SandboxSettings(
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            **{
                "payments_url": f"http://127.0.0.1:{catcher.port}",
                "stripe_refund_seconds": 0.05,
                "komoju_refund_seconds": 0.05,
                "webhook_retry_seconds_min": 0.05,
            }
            | settings,
        )
        server = uvicorn.Server(
            uvicorn.Config(create_app(made), host="127.0.0.1", port=port, log_level="error", access_log=False)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        assert eventually(lambda: server.started or not thread.is_alive())
        assert server.started
        client = httpx.Client(base_url=made.base, timeout=10, trust_env=False)
        running.append((server, thread, client))
        return Live(made.base, made, client, catcher)

    yield begin
    for server, thread, client in running:
        client.close()
        server.should_exit = True
        thread.join(5)


@pytest.fixture
def live(start):
    return start()
