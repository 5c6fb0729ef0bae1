import pytest

from sandbox.app import create_app
from sandbox.settings import SandboxSettings


def test_it_refuses_to_start_in_production(monkeypatch):
    monkeypatch.setenv("MOMIJI_ENVIRONMENT", "production")
    with pytest.raises(ValueError, match="does not start with MOMIJI_ENVIRONMENT=production"):
        create_app()


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MOMIJI_SANDBOX_PORT", "9109")
    monkeypatch.setenv("MOMIJI_PAYMENTS_URL", "http://127.0.0.1:9102")
    monkeypatch.setenv("MOMIJI_SANDBOX_STRIPE_WEBHOOK_SECRETS", '["whsec_a", "whsec_b"]')
    settings = SandboxSettings()
    assert settings.port == 9109
    assert settings.webhook_url("stripe") == "http://127.0.0.1:9102/v1/webhooks/stripe_card"
    assert [each.get_secret_value() for each in settings.stripe_webhook_secrets] == ["whsec_a", "whsec_b"]


def test_it_says_that_it_is_well_and_ready(live):
    assert live.client.get("/healthz").status_code == 200
    assert live.client.get("/readyz").json()["ready"] is True


def test_every_page_says_that_it_is_practice_in_both_languages(live):
    pages = ["/", live.code().json()["data"]["url"], live.numbers().json()["payment_details"]["payment_url"]]
    for page in pages:
        answer = live.client.get(page)
        assert answer.status_code == 200
        assert "これは練習用です" in answer.text
        assert "No real money" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    index = live.client.get("/").text
    assert "/paypay/pay/" in index
    assert "/komoju/pay/" in index


def test_an_unknown_page_and_a_body_too_large_are_refused(live):
    assert live.client.get("/paypay/pay/nobody").status_code == 404
    large = live.client.post("/stripe/v1/refunds", content=b"x" * 70_000, auth=("sk_test_momiji_sandbox", ""))
    assert (large.status_code, large.json()["type"]) == (413, "/problems/too-large")
