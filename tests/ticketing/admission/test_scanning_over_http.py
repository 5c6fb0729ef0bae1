"""A gate device's view: what it sends, what it hears, and what is in the books afterwards."""

from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest

from kernel.access import Role
from support.gate_codes import OTHER_KEY, code_of, issue, today

NOW = datetime.now(UTC)


def scan(live_gate, port, code, *, gate="hpam-1", scan_id=None, at=None, **more):
    body = {"scan_id": str(scan_id or uuid4()), "code": code, "scanned_at": (at or NOW).isoformat()}
    return live_gate.ask(port, "POST", f"/v1/gates/{gate}/scans", body, **more)


def reason_of(answer):
    status, body = answer
    assert status == 200, body
    assert (body["decision"] == "admit") == (body["reason"] == "ok")
    return body["reason"]


def test_a_valid_ticket_is_admitted_and_a_second_scan_refused(live_gate, port):
    (ticket,) = issue(live_gate.url, 1, categories=["child"])
    status, first = scan(live_gate, port, ticket.code)
    assert (status, first["decision"], first["reason"]) == (200, "admit", "ok")
    assert first["ticket"]["category"] == "child"
    assert first["ticket"]["category_name"] == "Child"
    assert first["ticket"]["order_number"] == ticket.order_number
    status, second = scan(live_gate, port, ticket.code)
    assert (second["decision"], second["reason"]) == ("refuse", "already_admitted")
    assert second["admitted_at"] == first["admitted_at"]
    events = live_gate.rows(
        "SELECT type, aggregate_version, payload->>'gate_facility' FROM outbox WHERE aggregateid = %s", str(ticket.id)
    )
    assert events == [("ticketing.ticket.admitted.v1", 2, "hpam")]
    assert live_gate.rows("SELECT status, version FROM tickets WHERE id = %s", ticket.id) == [("admitted", 2)]


def test_every_refusal_has_its_reason_and_its_event(live_gate, port):
    (garden,) = issue(live_gate.url, 1, facility="shukkeien")
    (tomorrow,) = issue(live_gate.url, 1, day=today() + timedelta(days=1))
    (voided,) = issue(live_gate.url, 1, voided=True)
    (forged,) = issue(live_gate.url, 1)
    forged_code = code_of(forged.id, today(), key=OTHER_KEY)
    sent = {
        "wrong_facility": garden.code,
        "wrong_date": tomorrow.code,
        "voided": voided.code,
        "unknown_ticket": code_of(uuid4(), today()),
        "bad_signature": forged_code,
        "malformed": "https://example.org/menu",
    }
    for expected, code in sent.items():
        scan_id = uuid4()
        assert reason_of(scan(live_gate, port, code, scan_id=scan_id)) == expected
        events = live_gate.rows("SELECT type, payload->>'reason' FROM outbox WHERE aggregateid = %s", str(scan_id))
        assert events == [("ticketing.ticket.rejected.v1", expected)]


def test_words_are_in_the_readers_language(live_gate, port):
    english = scan(live_gate, port, "junk")[1]["message"]
    japanese = scan(live_gate, port, "junk", headers={"accept-language": "ja"})[1]["message"]
    assert english == "This is not one of our tickets."
    assert japanese == "このシステムのチケットではありません。"


def test_the_same_scan_is_answered_the_same_for_ever(live_gate, port):
    (ticket,) = issue(live_gate.url, 1)
    scan_id = uuid4()
    first = scan(live_gate, port, ticket.code, scan_id=scan_id)
    scan(live_gate, port, ticket.code)
    assert scan(live_gate, port, ticket.code, scan_id=scan_id) == first
    assert live_gate.rows("SELECT count(*) FROM scans WHERE id = %s", scan_id) == [(1,)]


@pytest.mark.parametrize("offset", ["+09:00", "+23:59", "-00:30:15.250000"])
def test_a_repeat_reads_the_same_whatever_clock_the_gate_has(live_gate, port, offset):
    (ticket,) = issue(live_gate.url, 1)
    hours = datetime.fromisoformat(f"2026-11-23T00:00:00{offset}").tzinfo
    scan_id = uuid4()
    first = scan(live_gate, port, ticket.code, scan_id=scan_id, at=NOW.astimezone(hours))
    assert reason_of(first) == "ok"
    assert scan(live_gate, port, ticket.code, scan_id=scan_id, at=NOW.astimezone(hours)) == first


def test_a_scan_id_with_another_code_is_refused(live_gate, port):
    one, other = issue(live_gate.url, 2)
    scan_id = uuid4()
    scan(live_gate, port, one.code, scan_id=scan_id)
    status, problem = scan(live_gate, port, other.code, scan_id=scan_id)
    assert (status, problem["type"]) == (422, "/problems/scan-id-reused")
    assert live_gate.rows("SELECT status FROM tickets WHERE id = %s", other.id) == [("valid",)]


def test_an_order_number_admits_one_person_after_the_other(live_gate, port):
    family = issue(live_gate.url, 3, per_order=3)
    typed = family[0].order_number.lower().replace("-", " ")
    answers = [scan(live_gate, port, typed)[1] for _ in range(4)]
    assert [each["reason"] for each in answers] == ["ok", "ok", "ok", "already_admitted"]
    assert [each["remaining"] for each in answers] == [2, 1, 0, None]


def test_a_ticket_of_two_facilities_enters_once_at_each(live_gate, port):
    (both,) = issue(live_gate.url, 1, admits=["hpam", "shukkeien"])
    gates = ["hpam-1", "shukkeien-1", "hpam-1", "shukkeien-1"]
    reasons = [reason_of(scan(live_gate, port, both.code, gate=gate)) for gate in gates]
    assert reasons == ["ok", "ok", "already_admitted", "already_admitted"]
    versions = live_gate.rows(
        "SELECT aggregate_version FROM outbox WHERE aggregateid = %s ORDER BY position", str(both.id)
    )
    assert versions == [(2,), (3,)]


def test_a_slot_is_not_open_long_before_it_starts(live_gate, port):
    day = today() + timedelta(days=2)
    (ticket,) = issue(live_gate.url, 1, day=day, slot=time(14, 0))
    early = datetime.combine(day, time(4, 44), tzinfo=UTC)  # 13:44 in Japan
    refused = scan(live_gate, port, ticket.code, at=early)[1]
    assert refused["reason"] == "wrong_date"
    assert "14:00" in refused["message"]
    assert reason_of(scan(live_gate, port, ticket.code, at=early + timedelta(minutes=1))) == "ok"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"code": "x", "scanned_at": "2026-11-23T10:00:00Z"}, 422),
        ({"scan_id": "no", "code": "x", "scanned_at": "2026-11-23T10:00:00Z"}, 422),
        ({"scan_id": str(uuid4()), "code": "x", "scanned_at": "2026-11-23T10:00:00"}, 422),
        ({"scan_id": str(uuid4()), "code": "x" * 601, "scanned_at": "2026-11-23T10:00:00Z"}, 422),
        ({"scan_id": str(uuid4()), "code": 7, "scanned_at": "2026-11-23T10:00:00Z"}, 422),
        ({"scan_id": str(uuid4()), "code": "\ud800\x00", "scanned_at": "2026-11-23T10:00:00Z"}, 200),
        ([], 400),
    ],
)
def test_a_scan_that_cannot_be_read_says_what_is_wrong(live_gate, port, body, status):
    answered, said = live_gate.ask(port, "POST", "/v1/gates/hpam-1/scans", body)
    assert answered == status
    assert status == 200 or said["detail"]


def test_a_gate_that_does_not_exist_is_404(live_gate, port):
    assert scan(live_gate, port, "x", gate="castle-9")[0] == 404


def test_only_gate_staff_of_the_facility_may_scan(live_gate, port):
    assert scan(live_gate, port, "x", token="nonsense")[0] == 401
    assert scan(live_gate, port, "x", token=live_gate.token(Role.ACCOUNTING))[0] == 403
    assert scan(live_gate, port, "x", token=live_gate.token(Role.GATE, "shukkeien"))[0] == 403
    assert scan(live_gate, port, "x", token=live_gate.token(Role.SUPERVISOR, "hpam"))[0] == 200


def test_an_offline_queue_keeps_what_happened_and_names_the_conflicts(live_gate, port):
    fresh, used, cancelled = issue(live_gate.url, 2) + issue(live_gate.url, 1, voided=True)
    scan(live_gate, port, used.code)
    queue = [
        {"scan_id": str(uuid4()), "code": code, "scanned_at": NOW.isoformat(), "decision": "admit", "reason": "ok"}
        for code in (fresh.code, used.code, cancelled.code)
    ]
    status, answer = live_gate.ask(port, "POST", "/v1/gates/hpam-1/scans/batch", {"scans": queue})
    assert status == 200
    assert [each["decision"] for each in answer["scans"]] == ["admit"] * 3
    assert [each["conflict"] for each in answer["scans"]] == [None, "already_admitted", "voided"]
    assert all(each["offline"] for each in answer["scans"])
    assert answer["conflicts"] == 2
    assert live_gate.rows("SELECT count(*) FROM admissions WHERE ticket_id = %s", used.id) == [(1,)]
    assert live_gate.rows("SELECT count(*) FROM audit WHERE action = 'offline_conflict'") == [(2,)]
    again = live_gate.ask(port, "POST", "/v1/gates/hpam-1/scans/batch", {"scans": queue})[1]
    assert again["scans"] == answer["scans"]


def test_a_full_queue_fits_and_a_larger_one_does_not(live_gate, port):
    tickets = issue(live_gate.url, 1000)
    queue = [{"scan_id": str(uuid4()), "code": each.code, "scanned_at": NOW.isoformat()} for each in tickets]
    status, answer = live_gate.ask(port, "POST", "/v1/gates/hpam-1/scans/batch", {"scans": queue})
    assert status == 200
    assert {each["reason"] for each in answer["scans"]} == {"ok"}
    queue.append(queue[0])
    assert live_gate.ask(port, "POST", "/v1/gates/hpam-1/scans/batch", {"scans": queue})[0] == 422


def test_a_reused_scan_id_in_a_queue_is_a_problem_of_its_own(live_gate, port):
    one, other = issue(live_gate.url, 2)
    scan_id = str(uuid4())
    queue = [{"scan_id": scan_id, "code": each.code, "scanned_at": NOW.isoformat()} for each in (one, other)]
    answer = live_gate.ask(port, "POST", "/v1/gates/hpam-1/scans/batch", {"scans": queue})[1]["scans"]
    assert answer[0]["reason"] == "ok"
    assert answer[1]["problem"]["status"] == 422


def test_a_supervisor_undoes_an_entry_once_and_the_ticket_admits_again(live_gate, port):
    (ticket,) = issue(live_gate.url, 1)
    scan_id = uuid4()
    first = scan(live_gate, port, ticket.code, scan_id=scan_id)
    path, why = f"/v1/gates/hpam-1/scans/{scan_id}/reverse", {"reason": "wrong person"}
    assert live_gate.ask(port, "POST", path, why)[0] == 403
    supervisor = live_gate.token(Role.SUPERVISOR, "hpam")
    status, done = live_gate.ask(port, "POST", path, why, token=supervisor)
    assert (status, done["ticket_id"]) == (200, str(ticket.id))
    assert live_gate.ask(port, "POST", path, why, token=supervisor)[1] == done
    assert live_gate.rows("SELECT status, version FROM tickets WHERE id = %s", ticket.id) == [("valid", 3)]
    assert scan(live_gate, port, ticket.code, scan_id=scan_id) == first
    assert reason_of(scan(live_gate, port, ticket.code)) == "ok"
    types = live_gate.rows("SELECT type FROM outbox WHERE aggregateid = %s ORDER BY position", str(ticket.id))
    admitted, undone = "ticketing.ticket.admitted.v1", "ticketing.ticket.admission_reversed.v1"
    assert [each for (each,) in types] == [admitted, undone, admitted]


def test_a_refused_scan_has_no_entry_to_undo(live_gate, port):
    scan_id = uuid4()
    scan(live_gate, port, "junk", scan_id=scan_id)
    supervisor = live_gate.token(Role.SUPERVISOR)
    for asked, expected in ((scan_id, 409), (uuid4(), 404)):
        path = f"/v1/gates/hpam-1/scans/{asked}/reverse"
        assert live_gate.ask(port, "POST", path, {"reason": "x"}, token=supervisor)[0] == expected


def test_a_briefing_tells_a_gate_all_it_needs_and_is_not_sent_twice(live_gate, port):
    (inside,) = issue(live_gate.url, 1)
    (void,) = issue(live_gate.url, 1, voided=True)
    scan(live_gate, port, inside.code)
    status, told = live_gate.ask(port, "GET", "/v1/gates/hpam-1/briefing")
    assert status == 200
    assert (told["facility"], told["date"]) == ("hpam", today().isoformat())
    assert str(inside.id) in told["admitted"]
    assert str(void.id) in told["voided"]
    assert [len(each["public_key"]) for each in told["keys"]] == [64]
    etag = {"if-none-match": told["_etag"]}
    assert live_gate.ask(port, "GET", "/v1/gates/hpam-1/briefing", headers=etag)[0] == 304
    scan(live_gate, port, "junk")
    assert live_gate.ask(port, "GET", "/v1/gates/hpam-1/briefing", headers=etag)[0] == 200


def test_a_gate_may_ask_for_what_changed_since_its_last_briefing(live_gate, port):
    entered, undone, cancelled, untouched = issue(live_gate.url, 4)
    cursor = live_gate.ask(port, "GET", "/v1/gates/hpam-1/briefing")[1]["cursor"]
    scan_id = uuid4()
    scan(live_gate, port, entered.code)
    scan(live_gate, port, undone.code, scan_id=scan_id)
    supervisor = live_gate.token(Role.SUPERVISOR)
    live_gate.ask(port, "POST", f"/v1/gates/hpam-1/scans/{scan_id}/reverse", {"reason": "x"}, token=supervisor)
    live_gate.execute(
        "UPDATE tickets SET status = 'voided', voided_at = now(), version = version + 1 WHERE id = %s", cancelled.id
    )
    changes = live_gate.ask(port, "GET", f"/v1/gates/hpam-1/briefing?since={cursor}")[1]
    assert changes["partial"] is True
    assert str(entered.id) in changes["admitted"]
    assert str(undone.id) in changes["undone"]
    assert str(cancelled.id) in changes["voided"]
    listed = {*changes["admitted"], *changes["undone"], *changes["voided"]}
    assert str(untouched.id) not in listed
    yesterday = (NOW - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    whole = live_gate.ask(port, "GET", f"/v1/gates/hpam-1/briefing?since={yesterday}")[1]
    assert whole["partial"] is False
