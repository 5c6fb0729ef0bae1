"""One entry per ticket and facility, however many gates, processes, repeats and power cuts come between."""

import asyncio
from datetime import UTC, datetime
from random import Random
from uuid import uuid4

from support.gate_codes import issue
from support.load import run_load, scan_body, scan_request

NOW = datetime.now(UTC).isoformat()


def request_of(live_gate, code, *, scan_id=None, gate="hpam-1"):
    return scan_request("localhost", gate, live_gate.token(), scan_body(scan_id or uuid4(), code, NOW))


async def test_fifty_scans_of_one_ticket_in_two_processes_admit_exactly_one(live_gate, port):
    other = live_gate.start()
    (ticket,) = issue(live_gate.url, 1)
    requests = [request_of(live_gate, ticket.code) for _ in range(50)]
    loads = await asyncio.gather(
        run_load(port, requests[:25], connections=25), run_load(other, requests[25:], connections=25)
    )
    reasons = [each.body["reason"] for load in loads for each in load.answers]
    assert sorted(set(reasons)) == ["already_admitted", "ok"]
    assert (len(reasons), reasons.count("ok")) == (50, 1)
    assert live_gate.rows("SELECT count(*) FROM admissions WHERE ticket_id = %s", ticket.id) == [(1,)]
    live_gate.kill(other)


async def test_one_scan_id_sent_to_two_processes_at_once_is_answered_the_same(live_gate, port):
    other = live_gate.start()
    tickets = issue(live_gate.url, 20)
    codes = [each.code for each in tickets] + [f"junk {n}" for n in range(20)]
    requests = [request_of(live_gate, code) for code in codes]
    loads = await asyncio.gather(run_load(port, requests, connections=8), run_load(other, requests, connections=8))
    first, second = ({each.body["scan_id"]: each.body for each in load.answers} for load in loads)
    assert len(first) == len(codes)
    assert first == second
    live_gate.kill(other)


async def test_any_mixture_of_gates_repeats_and_voids_keeps_one_entry(live_gate, port):
    random = Random(11)
    tickets = issue(live_gate.url, 12, admits=["hpam", "shukkeien"], per_order=3)
    texts = [each.code for each in tickets] + [each.order_number for each in tickets[::3]] + ["junk"]
    requests = []
    for _ in range(300):
        if requests and random.random() < 0.2:
            requests.append(random.choice(requests))
        else:
            gate = random.choice(["hpam-1", "shukkeien-1"])
            requests.append(request_of(live_gate, random.choice(texts), gate=gate))

    async def void_some() -> None:
        for each in tickets[:3]:
            await asyncio.sleep(0.02)
            await asyncio.to_thread(
                live_gate.execute,
                "UPDATE tickets SET status = 'voided', voided_at = now(), version = version + 1 WHERE id = %s",
                each.id,
            )

    load, _ = await asyncio.gather(run_load(port, requests, connections=20), void_some())
    assert {each.status for each in load.answers} == {200}
    answers: dict[str, dict] = {}
    for each in load.answers:
        assert answers.setdefault(each.body["scan_id"], each.body) == each.body
    twice = live_gate.rows(
        "SELECT ticket_id, facility FROM admissions WHERE reversed_at IS NULL GROUP BY 1, 2 HAVING count(*) > 1"
    )
    assert twice == []
    admitted = sum(each["decision"] == "admit" for each in answers.values())
    ids = [each.id for each in tickets]
    assert live_gate.rows("SELECT count(*) FROM admissions WHERE ticket_id = ANY(%s)", ids) == [(admitted,)]
    broken = live_gate.rows(
        "SELECT aggregateid FROM outbox WHERE aggregatetype = 'ticket' GROUP BY 1 "
        "HAVING count(*) <> count(DISTINCT aggregate_version)"
    )
    assert broken == []


async def test_a_power_cut_loses_no_scan_that_was_answered(live_gate):
    victim = live_gate.start()
    tickets = issue(live_gate.url, 1500)
    requests = [request_of(live_gate, each.code) for each in tickets]
    running = asyncio.create_task(run_load(victim, requests, connections=16))
    await asyncio.sleep(0.6)
    live_gate.kill(victim)
    load = await running
    assert 0 < len(load.answers) < len(requests)
    answered = [each.body["scan_id"] for each in load.answers]
    kept = live_gate.rows("SELECT count(*) FROM scans WHERE id = ANY(%s::uuid[]) AND decision = 'admit'", answered)
    assert kept == [(len(answered),)]
    survivor = live_gate.start()
    again = await run_load(survivor, requests, connections=16)
    assert {each.body["reason"] for each in again.answers} == {"ok"}
    ids = [each.id for each in tickets]
    books = "SELECT count(*), count(DISTINCT ticket_id) FROM admissions WHERE ticket_id = ANY(%s)"
    assert live_gate.rows(books, ids) == [(1500, 1500)]
    told = "SELECT count(*) FROM outbox WHERE type = 'ticketing.ticket.admitted.v1' AND aggregateid = ANY(%s)"
    assert live_gate.rows(told, [str(each) for each in ids]) == [(1500,)]
