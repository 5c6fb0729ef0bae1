import httpx
import pytest

BODY = (
    "mode=payment&success_url=http://127.0.0.1/ok&line_items[0][price_data][currency]=jpy"
    "&line_items[0][price_data][unit_amount]=500&line_items[0][price_data][product_data][name]=x"
)


def open_session(live, key):
    headers = {"authorization": "Bearer sk_test_momiji_sandbox", "idempotency-key": key}
    return live.client.post("/stripe/v1/checkout/sessions", content=BODY, headers=headers)


def sessions(live):
    return live.client.get("/stripe/v1/checkout/sessions", auth=("sk_test_momiji_sandbox", "")).json()["data"]


def test_an_answer_lost_after_success_is_found_again_under_its_key(live):
    live.fault("stripe", "error_500_after_success", "open")
    assert open_session(live, "k").status_code == 500
    assert len(sessions(live)) == 1
    assert open_session(live, "k").json()["id"] == sessions(live)[0]["id"]


def test_an_error_before_the_deed_leaves_nothing(live):
    live.fault("stripe", "error_500", "open")
    assert open_session(live, "k").status_code == 500
    assert sessions(live) == []


def test_a_time_out_does_the_deed_and_keeps_the_caller_waiting(start):
    live = start(timeout_fault_seconds=0.5)
    live.fault("paypay", "timeout", "open")
    live.client.timeout = httpx.Timeout(0.25)
    with pytest.raises(httpx.ReadTimeout):
        live.code("p-1")
    assert live.paypay("GET", "/v2/codes/payments/p-1").json()["data"]["status"] == "CREATED"


def test_maintenance_is_said_in_each_providers_words(live):
    live.fault("*", "maintenance", "*", count=3)
    assert open_session(live, "k").status_code == 503
    paypay = live.code()
    assert (paypay.status_code, paypay.json()["resultInfo"]["code"]) == (503, "MAINTENANCE_MODE")
    assert paypay.json()["resultInfo"]["codeId"] == "08100999"
    assert live.numbers().status_code == 503
    assert live.numbers().status_code == 200


def test_too_many_requests_are_said_in_each_providers_words(live):
    live.fault("*", "rate_limited", "*", count=3)
    card = open_session(live, "k")
    assert (card.status_code, card.headers["retry-after"]) == (429, "1")
    paypay = live.code()
    assert (paypay.status_code, paypay.json()["resultInfo"]["code"]) == (429, "RATE_LIMIT")
    assert live.numbers().status_code == 429
    assert open_session(live, "k").status_code == 200


def test_a_fault_strikes_only_its_operation_and_only_so_often(live):
    live.fault("paypay", "error_500", "query", count=2)
    assert live.code().status_code == 201
    answers = [live.paypay("GET", "/v2/codes/payments/order-1").status_code for _ in range(3)]
    assert answers == [500, 500, 200]


def test_waiting_faults_are_listed_and_cleared(live):
    live.fault("stripe", "slow_ms:20", "open", count=7)
    waiting = live.client.get("/faults").json()["faults"]
    assert [(each["kind"], each["slow_ms"], each["count"]) for each in waiting] == [("slow_ms", 20, 7)]
    assert live.client.delete("/faults").json() == {"cleared": 1}
    assert live.client.get("/faults").json() == {"faults": []}


@pytest.mark.parametrize(
    "wrong", [{"kind": "earthquake"}, {"kind": "slow_ms:0"}, {"kind": "timeout", "operation": "webhook"}], ids=str
)
def test_an_unknown_fault_is_refused_with_the_known_ones(live, wrong):
    answer = live.client.post("/faults", json={"provider": "stripe"} | wrong)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-fault")
    assert "duplicate_webhook" in answer.json()["detail"]
