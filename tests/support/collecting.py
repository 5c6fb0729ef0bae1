"""A collecting system for tests: payments with an administrator, systems made by JSON, and a webhook receiver."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import httpx

from kernel.access import ALL_FACILITIES, Issuer, Principal, Role, new_key_pair
from kernel.clock import SystemClock
from support.live_payments import Counter, counter

ACCOUNT = {"owner": "prefecture", "account": "手数料"}
HOME = "https://shinsei.example.jp"


@dataclass
class Receiver:
    """A webhook receiver that keeps what it gets and answers as told."""

    url: str = ""
    port: int = 0
    status: int = 204
    got: list = field(default_factory=list)

    def events(self, kind=None):
        found = [json.loads(body) for _, body in self.got]
        return [each for each in found if kind in {None, each["type"]}]


@contextmanager
def receiver(tls=None):
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            kept.got.append((dict(self.headers.items()), body))
            self.send_response(kept.status)
            self.send_header("content-length", "0")
            if kept.status == 302:
                self.send_header("location", kept.url + "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    kept.port = server.server_address[1]
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Caller:
    """A collecting system that holds its key."""

    till: Counter
    name: str
    key: str
    webhook_secret: str

    def headers(self, key=None, **more):
        return {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or str(uuid4())} | more

    def wanted(self, reference=None, *, amount=400, **more):
        return {
            "reference": reference or str(uuid4()),
            "amount": amount,
            "method": "stripe_card",
            "description": "住民票の写し 交付手数料",
            "expires_at": (SystemClock().now() + timedelta(hours=2)).isoformat(),
            "return_url": f"{HOME}/applications/1",
        } | more

    def post(self, path, body, key=None):
        return self.till.client.post(f"{self.till.url}{path}", json=body, headers=self.headers(key))

    def get(self, path, **query):
        return self.till.client.get(f"{self.till.url}{path}", params=query, headers=self.headers())

    def ask(self, wanted=None, key=None, **more):
        return self.post("/v1/charges", wanted or self.wanted(**more), key)

    def open(self, **more):
        answer = self.ask(**more)
        assert answer.status_code == 201, answer.text
        return answer.json()


@dataclass
class Desk:
    """Payments with an administrator."""

    till: Counter
    staff: Issuer

    def as_role(self, role=Role.ADMIN, name="admin"):
        somebody = Principal(name, role, frozenset({ALL_FACILITIES}))
        token = self.staff.token(somebody, audience="staff", at=SystemClock().now(), lifetime=timedelta(hours=1))
        return {"Authorization": f"Bearer {token}"}

    def call(self, verb, path, body=None, role=Role.ADMIN):
        url = f"{self.till.url}{path}"
        return self.till.client.request(verb, url, json=body, headers=self.as_role(role))

    def said(self, **more):
        return {
            "name": f"shinsei-{uuid4().hex[:8]}",
            "title": "電子申請システム",
            "facility": "online",
            "methods": ["stripe_card", "paypay", "payeasy_komoju"],
            "accounts": [ACCOUNT],
            "return_origins": [HOME],
        } | more

    def make(self, **more):
        answer = self.call("POST", "/v1/collecting-systems", self.said(**more))
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return Caller(self.till, made["name"], made["key"], made["webhook_secret"])


@contextmanager
def desk(database_url, stream_url, folder, **more):
    private, public = new_key_pair()
    (folder / "staff.pem").write_text(public)
    with counter(database_url, stream_url, folder, **more) as till:
        yield Desk(till, Issuer("staff", private))


def anonymous(till, **headers):
    return httpx.Client(base_url=till.url, timeout=40, trust_env=False, headers=headers)
