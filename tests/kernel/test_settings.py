"""Settings come from variables or secret files; production takes no example values."""

import pytest

from kernel.settings import Settings

SECRETS = {"service_key": "x" * 40, "session_key": "y" * 40, "environment": "production"}
ADDRESSES = {
    "ticketing_url": "https://tickets.pref.test",
    "payments_url": "https://pay.pref.test",
    "reconciliation_url": "https://accounts.pref.test",
}


def test_a_secret_may_lie_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "momiji_session_key").write_text("from-a-file")
    monkeypatch.setenv("MOMIJI_SECRETS_DIR", str(tmp_path))
    assert Settings().session_key.get_secret_value() == "from-a-file"


def test_a_variable_wins_over_a_file(tmp_path, monkeypatch):
    (tmp_path / "momiji_session_key").write_text("from-a-file")
    monkeypatch.setenv("MOMIJI_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("MOMIJI_SESSION_KEY", "from-a-variable")
    assert Settings().session_key.get_secret_value() == "from-a-variable"


def test_a_secret_is_not_printed():
    assert "x" * 40 not in repr(Settings(service_key="x" * 40))


@pytest.mark.parametrize("name", ["service_key", "session_key"])
def test_production_starts_only_with_every_secret(name):
    with pytest.raises(ValueError, match=f"MOMIJI_{name.upper()} is not set"):
        Settings(**(SECRETS | ADDRESSES | {name: ""}))


@pytest.mark.parametrize(
    ("name", "value"), [("session_key", "sk_test_example"), ("payments_url", "http://sandbox:8109")]
)
def test_production_refuses_example_and_sandbox_values(name, value):
    with pytest.raises(ValueError, match="production refuses"):
        Settings(**(SECRETS | ADDRESSES | {name: value}))


def test_production_starts_when_all_is_set():
    assert Settings(**(SECRETS | ADDRESSES)).environment == "production"
