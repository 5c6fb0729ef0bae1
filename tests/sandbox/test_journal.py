import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import httpx
import pytest

from sandbox.journal import Journal, JournalInUseError

SESSION_BODY = (
    "mode=payment&success_url=http://127.0.0.1/ok&line_items[0][price_data][currency]=jpy"
    "&line_items[0][price_data][unit_amount]=500&line_items[0][price_data][product_data][name]=x"
)


@dataclass(frozen=True)
class Thing:
    id: str
    colour: str
    parts: tuple = ()


def opened(file, *, objects_max=100, bytes_max=10**6):
    journal = Journal(file, objects_max=objects_max, bytes_max=bytes_max)
    things = journal.shelf("thing", Thing, colour=lambda each: each.colour)
    journal.open()
    return journal, things


def test_what_was_put_last_is_found_after_reopening(tmp_path):
    journal, things = opened(tmp_path / "j.jsonl")
    things.put(Thing("a", "red", ("x",)))
    things.put(Thing("b", "red"))
    things.put(Thing("a", "blue", ("x", "y")))
    things.drop("b")
    journal.close()
    journal, things = opened(tmp_path / "j.jsonl")
    assert list(things) == [Thing("a", "blue", ("x", "y"))]
    assert things.by("colour", "blue") == [Thing("a", "blue", ("x", "y"))]
    assert things.by("colour", "red") == []
    journal.close()


def test_a_torn_last_line_loses_its_whole_change_and_no_other(tmp_path):
    file = tmp_path / "j.jsonl"
    journal, things = opened(file)
    things.put(Thing("a", "red"))
    with journal.change():
        things.put(Thing("b", "red"))
        things.put(Thing("c", "red"))
    journal.close()
    file.write_bytes(file.read_bytes()[:-9])
    journal, things = opened(file)
    assert [each.id for each in things] == ["a"]
    things.put(Thing("d", "red"))
    journal.close()
    journal, things = opened(file)
    assert [each.id for each in things] == ["a", "d"]
    journal.close()


def test_the_file_is_written_anew_when_it_has_grown_too_far(tmp_path):
    file = tmp_path / "j.jsonl"
    journal, things = opened(file, bytes_max=5_000)
    for number in range(1_000):
        things.put(Thing("a", f"colour {number}"))
    assert file.stat().st_size < 6_000
    journal.close()
    journal, things = opened(file)
    assert [each.colour for each in things] == ["colour 999"]
    journal.close()


def test_the_oldest_are_forgotten_beyond_the_bound(tmp_path):
    journal, things = opened(tmp_path / "j.jsonl", objects_max=3)
    for name in "abcde":
        things.put(Thing(name, "red"))
    assert [each.id for each in things] == ["c", "d", "e"]
    assert len(things.by("colour", "red")) == 3
    journal.close()


def test_two_sandboxes_do_not_share_a_journal(tmp_path):
    journal, _ = opened(tmp_path / "j.jsonl")
    with pytest.raises(JournalInUseError, match="MOMIJI_SANDBOX_JOURNAL_FILE"):
        opened(tmp_path / "j.jsonl")
    journal.close()


def test_an_entry_of_another_version_is_left_out(tmp_path):
    file = tmp_path / "j.jsonl"
    file.write_text('[["thing","a",{"id":"a","colour":"red","weight":1}],["thing","b",{"id":"b","colour":"red"}]]\n')
    journal, things = opened(file)
    assert [each.id for each in things] == ["b"]
    journal.close()


class Killable:
    """A sandbox in a process of its own, to be ended the hard way."""

    def __init__(self, folder, port, payments_port):
        self.url = f"http://127.0.0.1:{port}"
        told = {
            "MOMIJI_SANDBOX_JOURNAL_FILE": str(folder / "journal.jsonl"),
            "MOMIJI_SANDBOX_PUBLIC_URL": self.url,
            "MOMIJI_SANDBOX_WEBHOOK_RETRY_SECONDS_MAX": "0.5",
            "MOMIJI_PAYMENTS_URL": f"http://127.0.0.1:{payments_port}",
        }
        command = ["-m", "uvicorn", "--factory", "sandbox.app:create_app", "--port", str(port), "--log-level", "error"]
        self.process = subprocess.Popen([sys.executable, *command], env=os.environ | told)
        self.client = httpx.Client(base_url=self.url, trust_env=False)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError("the sandbox did not start")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.client.close()

    def open(self, key):
        headers = {"authorization": "Bearer sk_test_momiji_sandbox", "idempotency-key": key}
        return self.client.post("/stripe/v1/checkout/sessions", content=SESSION_BODY, headers=headers).json()


def test_a_killed_sandbox_knows_everything_and_tells_what_it_had_not_told(tmp_path, catcher, free_port):
    catcher.refusals_left = 10**6  # payments is away
    port = free_port()
    first = Killable(tmp_path, port, catcher.port)
    sessions = [first.open(f"key-{number}") for number in range(5)]
    for each in sessions[:3]:
        first.client.post("/payers", json={"checkout_url": each["url"], "outcome": "pay"})
    first.kill()
    catcher.refusals_left = 0
    second = Killable(tmp_path, port, catcher.port)
    try:
        books = second.client.get("/books").json()["stripe"]
        assert (books["count"], books["captured"]) == (3, 1500)
        assert second.open("key-4")["id"] == sessions[4]["id"]  # idempotency keys are remembered as well
        answer = second.client.post("/payers", json={"checkout_url": sessions[4]["url"], "outcome": "pay"})
        assert answer.json()["status"] == "succeeded"
        deadline = time.monotonic() + 10
        while len(catcher.events("stripe", "checkout.session.completed")) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        told = {each["data"]["object"]["id"] for each in catcher.events("stripe", "checkout.session.completed")}
        assert told == {sessions[number]["id"] for number in (0, 1, 2, 4)}
    finally:
        second.kill()


def test_what_was_answered_before_a_kill_in_full_run_is_there_after_it(tmp_path, catcher, free_port):
    port = free_port()
    first = Killable(tmp_path, port, catcher.port)
    answered = []

    def buy(worker):
        client = httpx.Client(base_url=first.url, trust_env=False)
        try:
            for number in range(10_000):
                headers = {"authorization": "Bearer sk_test_momiji_sandbox", "idempotency-key": f"{worker}-{number}"}
                opened = client.post("/stripe/v1/checkout/sessions", content=SESSION_BODY, headers=headers).json()
                said = client.post("/payers", json={"checkout_url": opened["url"], "outcome": "pay"}).json()
                answered.append((said["payment"], said["status"]))
        except httpx.HTTPError:
            pass  # the sandbox was killed
        finally:
            client.close()

    workers = [threading.Thread(target=buy, args=(name,)) for name in "ab"]
    for each in workers:
        each.start()
    deadline = time.monotonic() + 20
    while len(answered) < 100 and time.monotonic() < deadline:
        time.sleep(0.005)
    first.kill()
    for each in workers:
        each.join()
    second = Killable(tmp_path, port, catcher.port)
    try:
        assert len(answered) >= 100
        auth = ("sk_test_momiji_sandbox", "")
        for session, status in answered:
            found = second.client.get(f"/stripe/v1/checkout/sessions/{session}", auth=auth).json()
            assert (status, found["payment_status"]) == ("succeeded", "paid")
        books = second.client.get("/books").json()["stripe"]
        assert books["count"] in range(len(answered), len(answered) + 3)  # at most one unanswered for each worker
        assert books["captured"] == 500 * books["count"]
    finally:
        second.kill()
