"""Every service's edge: limits, problem answers, headers, health."""

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field

from kernel import server
from kernel.refusals import Conflict
from kernel.server import PageSources
from kernel.telemetry import correlation_id


class Wish(BaseModel):
    quantity: int = Field(ge=1, le=200)


class SoldOut(Conflict):
    slug = "sold-out"
    advice = "Only {remaining} places are left. Choose fewer."


async def _well():
    return


async def _away():
    raise ConnectionError("no route to the database at 10.0.0.1")


def client_of(*, readiness=None, **sources):
    app = FastAPI()

    @app.post("/wish")
    async def wish(wish: Wish):
        return {"quantity": wish.quantity, "correlation_id": correlation_id.get()}

    @app.post("/sold-out")
    async def sold_out():
        raise SoldOut(remaining=3)

    @app.post("/crash")
    async def crash():
        raise RuntimeError("the secret is sk_live_1")

    server.dress(
        app,
        service="test",
        body_bytes_max=2_000,
        sources=PageSources(**sources),
        readiness=readiness or {"database": _well},
    )
    return TestClient(app, raise_server_exceptions=False)


def test_a_refusal_is_a_problem_answer_that_says_what_to_do():
    answer = client_of().post("/sold-out")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/sold-out"
    assert answer.json()["detail"] == "Only 3 places are left. Choose fewer."
    assert answer.json()["fields"] == {"remaining": 3}


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"", 422), (b'{"quantity": 0}', 422), (b'{"quantity": 10000}', 422), (b"[]", 422)],
)
def test_a_body_that_is_wrong_is_told_where(body, status):
    answer = client_of().post("/wish", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["errors"]


def test_a_crash_tells_nothing_but_where_to_find_it():
    answer = client_of().post("/crash")
    assert answer.status_code == 500
    assert "sk_live" not in answer.text
    assert answer.json()["correlation_id"]


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(declared):
    body = json.dumps({"quantity": 1, "padding": "x" * 5_000}).encode()
    content = body if declared else iter([body[:1_500], body[1_500:]])
    answer = client_of().post("/wish", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert "2000" in answer.json()["detail"]


def test_an_unknown_address_is_a_problem_too():
    assert client_of().get("/nowhere").headers["content-type"] == "application/problem+json"


def test_a_correlation_id_is_taken_from_the_caller_and_given_back():
    answer = client_of().post("/wish", json={"quantity": 1}, headers={"x-correlation-id": "corr-12345678"})
    assert answer.json()["correlation_id"] == answer.headers["x-correlation-id"] == "corr-12345678"


def test_a_correlation_id_that_could_forge_a_log_line_is_replaced():
    answer = client_of().post("/wish", json={"quantity": 1}, headers={"x-correlation-id": "x\t{injected}"})
    assert "injected" not in answer.headers["x-correlation-id"]


def test_nothing_from_third_parties_is_allowed_on_a_page():
    headers = client_of(form_action=("https://pay.example",)).get("/healthz").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "wasm" not in policy
    assert "form-action 'self' https://pay.example" in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_camera_is_only_allowed_where_a_page_scans():
    assert "camera=(self)" in client_of(camera=True).get("/healthz").headers["permissions-policy"]
    assert "camera=()" in client_of().get("/healthz").headers["permissions-policy"]


def test_a_service_whose_database_is_away_is_alive_but_not_ready():
    client = client_of(readiness={"database": _away, "stream": _well})
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"database": "does not answer", "stream": "ok"}}


def test_metrics_count_answers_by_route():
    client = client_of()
    client.post("/wish", json={"quantity": 1})
    assert (
        'momiji_http_requests_total{method="POST",route="/wish",service="test",status="200"}'
        in client.get("/metrics").text
    )
