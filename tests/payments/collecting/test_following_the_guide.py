"""docs/collecting.md does what it says: its commands and its example run against payments and the sandbox."""

import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.live_payments import eventually, free_port

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "collecting.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs" / "examples" / "collecting_system.py"
REGISTER, RUN, NOTICES = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)


def shell(text, **told):
    """Run a block of the guide, but for the lines that say where this installation is and who asks."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(("export ", "TOKEN=")))
    done = subprocess.run(
        [shutil.which("bash"), "-e", "-c", kept],
        cwd=ROOT,
        env=os.environ | told,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made(desk):
    port = free_port()
    token = desk.as_role()["Authorization"].removeprefix("Bearer ")
    block = REGISTER.replace(":8120", f":{port}").replace('"shinsei"', '"shinsei-guide"')
    return shell(block, PAYMENTS=desk.till.url, TOKEN=token) | {"port": port}


def test_the_example_collects_and_gives_back(desk, made, tmp_path):
    assert "docs/examples/collecting_system.py" in RUN
    told = {
        "MOMIJI_PAYMENTS": desk.till.url,
        "MOMIJI_KEY": made["key"],
        "MOMIJI_WEBHOOK_SECRET": made["webhook_secret"],
        "PORT": str(made["port"]),
        "PYTHONIOENCODING": "utf-8",
    }
    out = tmp_path / "out"
    with out.open("w") as written:
        process = subprocess.Popen([sys.executable, EXAMPLE], env=os.environ | told, stdout=written, stderr=written)
        try:
            address = eventually(lambda: re.search(r"send the applicant to: (\S+)", out.read_text()))
            assert address, out.read_text()
            chosen = desk.till.client.post(f"{address[1]}/method", data={"method": "paypay"})
            assert chosen.status_code == 303, chosen.text
            desk.till.pay(address[1])
            assert process.wait(60) == 0, out.read_text()
        finally:
            process.kill()
            process.wait()
    said = out.read_text()
    assert "paid: 400 yen by paypay" in said
    assert "given back: 150 yen" in said


def test_the_example_takes_no_message_that_others_signed(made, monkeypatch):
    monkeypatch.setenv("MOMIJI_KEY", "x")
    monkeypatch.setenv("MOMIJI_WEBHOOK_SECRET", "mms_right")
    space = {"__name__": "example"}
    exec(compile(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE, "exec"), space)  # noqa: S102 - our own example

    def signed(secret, at):
        return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.{{}}".encode(), hashlib.sha256).hexdigest()

    genuine = space["is_genuine"]
    assert genuine(signed("mms_right", 1000), b"{}", now=1010)
    assert genuine(signed("mms_right", 1000) + "," + signed("mms_other", 1000).split(",")[1], b"{}", now=1010)
    for header in (signed("mms_wrong", 1000), signed("mms_right", 1000)[:-1], "", "t=1000", "v1=x", "t=é,v1=é"):
        assert not genuine(header, b"{}", now=1010)
    assert not genuine(signed("mms_right", 1000), b"{}", now=1000 + 301)
    assert not genuine(signed("mms_right", 1000), b"{ }", now=1010)


def test_the_notices_of_the_guide_are_made(desk, made):
    batch = shell(NOTICES, PAYMENTS=desk.till.url, MOMIJI_KEY=made["key"])
    headers = {"Authorization": f"Bearer {made['key']}"}
    address = f"{desk.till.url}/v1/notices/batches/{batch['id']}"
    done = eventually(
        lambda: (now := desk.till.client.get(address, headers=headers).json())["status"] == "done" and now
    )
    assert (done["total"], done["made"]) == (2, 2)
