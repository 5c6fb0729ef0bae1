"""docker-compose.yml and deploy/ keep what they promise; 'make prove-compose' runs them for real."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from kernel.settings import Environment, Settings
from payments.settings import PaymentsSettings
from reconciliation.settings import ReconciliationSettings
from sandbox.settings import SandboxSettings
from ticketing.settings import TicketingSettings

ROOT = Path(__file__).parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
SHELL_SCRIPTS = sorted((ROOT / "deploy").rglob("*.sh")) + sorted((ROOT / "deploy").rglob("*.entrypoint"))

OURS = {name for name, service in SERVICES.items() if service["image"] == "momiji:local"}
FOREIGN = set(SERVICES) - OURS
ONCE = {"migrate", "momiji"}  # they do one thing and end
WORKERS = {name for name in OURS if name.endswith("-work")}  # they listen nowhere: broken ones end and start again
SETTINGS = {
    "ticketing": TicketingSettings,
    "payments": PaymentsSettings,
    "reconciliation": ReconciliationSettings,
    "sandbox": SandboxSettings,
}
READ_BY_THE_COMMAND = {  # by `momiji migrate` and `momiji token`, which have no settings class
    "migrate": {f"MOMIJI_{name.upper()}_DATABASE_URL" for name in ("ticketing", "payments", "reconciliation")},
    "momiji": {"MOMIJI_STAFF_KEY_FILE", "MOMIJI_TICKETING_DATABASE_URL"},
}
SECRET_WORDS = re.compile(r"PASSWORD|SECRET|TOKEN|(?<!TRUSTED_)KEYS?\b", re.IGNORECASE)


def variables_of(settings):
    """Every MOMIJI_* name that a settings class reads."""
    prefix = settings.model_config["env_prefix"]
    names = set()
    for field, described in settings.model_fields.items():
        aliases = getattr(described.validation_alias, "choices", None) or [f"{prefix}{field}"]
        names |= {str(alias).upper() for alias in aliases}
    return names


def base_images(text):
    return set(re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_of_ours_can_change_nothing_and_gain_nothing(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    written = {"sandbox": "/var/lib/momiji", "reconciliation-work": "/var/lib/momiji/statements"}
    mounts = [str(mount) for mount in service.get("volumes", [])]
    assert all(each.endswith((":ro", f":{written.get(name, 'nothing')}")) for each in mounts)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_gains_privileges_or_fills_the_disk_with_its_log(name):
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES[name]["logging"]["options"].keys() >= {"max-size", "max-file"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_what_runs_on_is_started_again(name):
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE - WORKERS))
def test_what_listens_has_a_health_check(name):
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert check.keys() >= {"interval", "timeout", "retries", "start_period"}


@pytest.mark.parametrize("name", sorted(set(SETTINGS)))
def test_a_health_check_asks_the_port_that_the_service_listens_on(name):
    fields = SETTINGS[name].model_fields
    port = (fields.get(f"{name}_port") or fields["port"]).default
    assert f"http://127.0.0.1:{port}/readyz" in SERVICES[name]["healthcheck"]["test"][-1]


def test_only_the_front_door_is_reached_from_outside_and_by_default_from_this_machine():
    assert {name for name in SERVICES if "ports" in SERVICES[name]} == {"caddy"}
    assert SERVICES["caddy"]["ports"] == ["${MOMIJI_HTTPS_BIND:-127.0.0.1:8443}:8443"]
    assert not any("network_mode" in service for service in SERVICES.values())


def test_images_are_pinned():
    for image in {SERVICES[name]["image"] for name in FOREIGN} | base_images(DOCKERFILE):
        _, _, tag = image.partition(":")
        assert re.match(r"\d", tag), f"{image} has no version"


def test_no_secret_has_a_value_or_a_default():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET_WORDS.search(variable) and not str(value).startswith("/run/momiji/"):
                pytest.fail(f"{variable} of {name} is {value!r}: secrets are files")
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), f"{variable} of {name} holds a password"
    defaulted = re.findall(r"\$\{(\w+):-", COMPOSE_TEXT)
    assert not [name for name in defaulted if SECRET_WORDS.search(name)]


def test_the_staff_key_is_seen_by_no_service():
    seeing = {name for name, service in SERVICES.items() if "staff.key" in str(service.get("volumes", []))}
    assert seeing == {"momiji"}
    assert SERVICES["momiji"]["profiles"] == ["tools"]


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_service_sees_its_own_secrets_only(name):
    others = set(SETTINGS) - {name}
    for container in {name, f"{name}-work"} & set(SERVICES):
        mounted = str(SERVICES[container].get("volumes", []))
        assert not [other for other in others if f"/secrets/{other}:" in mounted]


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_one_that_the_program_reads(name):
    said = {variable for variable in SERVICES[name]["environment"] if variable.startswith("MOMIJI_")}
    if name in ONCE:
        known = variables_of(Settings) | READ_BY_THE_COMMAND[name]
    else:
        known = variables_of(SETTINGS[name.removesuffix("-work")])
    assert said <= known


def test_the_image_runs_as_a_named_user_without_rights():
    final = DOCKERFILE.rpartition("FROM ")[2]
    user = re.search(r"^USER (\d+):(\d+)$", final, flags=re.MULTILINE)
    assert user is not None
    assert int(user[1]) > 0
    assert f"useradd --uid {user[1]}" in final
    assert f"os.chown(file, {user[1]}, {user[2]})" in (ROOT / "deploy/compose/init.sh").read_text()


def test_stand_ins_exist_for_exactly_the_images_that_are_named():
    build = (ROOT / "deploy/compose/stand-ins/build.sh").read_text()
    base = re.search(r"^base=(\S+)$", build, flags=re.MULTILINE)
    assert base is not None
    assert base_images(DOCKERFILE) == {base[1]}
    files = {
        file.name.removesuffix(".Dockerfile"): file for file in (ROOT / "deploy/compose/stand-ins").glob("*.Dock*")
    }
    # build.sh reads the tags themselves out of docker-compose.yml by this very expression.
    named = re.findall(r"^    image: (.*)$", COMPOSE_TEXT, flags=re.MULTILINE)
    assert "sed -n 's/^    image: //p'" in build
    assert set(named) == {SERVICES[name]["image"] for name in FOREIGN}
    assert set(files) == {image.partition(":")[0].rpartition("/")[2] for image in named}
    for file in files.values():
        assert base_images(file.read_text()) == {base[1]}
        assert "LABEL momiji.stand-in=yes" in file.read_text()


def test_caddy_serves_the_addresses_that_the_services_are_told():
    caddyfile = (ROOT / "deploy/compose/Caddyfile").read_text()
    told = SERVICES["ticketing"]["environment"]
    for service in ("TICKETING", "PAYMENTS", "RECONCILIATION"):
        variable = f"MOMIJI_{service}_URL"
        assert SERVICES["caddy"]["environment"][variable] == told[variable]
        default = told[variable].removeprefix(f"${{{variable}:-").removesuffix("}")
        port = SETTINGS[service.lower()].model_fields[f"{service.lower()}_port"].default
        site = f"{{${variable}:{default}}} {{\n\timport door\n\treverse_proxy {service.lower()}:{port}\n}}"
        assert site in caddyfile


def production_example():
    lines = (ROOT / "deploy/compose/production.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def settled(name, given):
    """The environment of one service as Compose would settle it from an env file."""

    def settle(value):
        return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda found: given.get(found[1], found[2] or ""), str(value))

    return {variable: settle(value) for variable, value in SERVICES[name]["environment"].items()}


def test_the_production_template_sets_only_what_compose_reads():
    read = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    assert set(production_example()) <= read


@pytest.fixture
def secrets(tmp_path):
    real = {
        "service_key": "a real key",
        "session_key": "s" * 48,
        "order_key_secret": "o" * 48,
        "payments_data_keys": f'["{"d" * 48}"]',
        "ticket_signing_key": "0" * 64,
        "stripe_secret_key": "sk_live_1",
        "stripe_webhook_secrets": '["whsec_1"]',
        "paypay_api_key": "a_1",
        "paypay_api_secret": "p",
        "paypay_merchant_id": "1",
        "komoju_secret_key": "sk_live_2",
        "komoju_webhook_secret": "k",
        "komoju_contact_email": "tickets@city.jp",
        "komoju_contact_phone": "0821234567",
    }
    for name, value in real.items():
        (tmp_path / f"momiji_{name}").write_text(value)
    return tmp_path


@pytest.mark.parametrize("name", ["ticketing", "payments", "reconciliation"])
def test_the_production_template_once_filled_in_starts_every_service(name, secrets, monkeypatch):
    filled = {key: value.replace("example.jp", "city.jp") for key, value in production_example().items()}
    for variable in [each for each in os.environ if each.startswith("MOMIJI_")]:
        monkeypatch.delenv(variable)
    for variable, value in (settled(name, filled) | {"MOMIJI_SECRETS_DIR": str(secrets)}).items():
        monkeypatch.setenv(variable, value)
    settings = SETTINGS[name]()
    assert settings.environment is Environment.PRODUCTION
    assert settings.stream == "kafka"


@pytest.mark.parametrize("name", ["ticketing", "payments"])
def test_the_production_template_not_filled_in_is_refused(name, secrets, monkeypatch):
    for variable, value in (settled(name, production_example()) | {"MOMIJI_SECRETS_DIR": str(secrets)}).items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match="MOMIJI_TICKETING_URL holds an example or sandbox value"):
        SETTINGS[name]()


def test_forms_may_lead_to_the_sandbox_where_it_is_proved():
    for name in ("ticketing", "payments"):
        origins = json.loads(settled(name, {})["MOMIJI_FORM_ACTION_ORIGINS"])
        assert origins == [SERVICES["sandbox"]["environment"]["MOMIJI_SANDBOX_PUBLIC_URL"]]


@pytest.mark.parametrize("script", SHELL_SCRIPTS, ids=lambda script: str(script.relative_to(ROOT)))
def test_scripts_are_executable_stop_at_the_first_error_and_parse(script):
    text = script.read_text()
    assert "set -euo pipefail" in text
    assert script.suffix == ".entrypoint" or script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
