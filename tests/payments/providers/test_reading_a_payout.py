"""What Stripe paid out, line by line: it adds up, and each line names our attempt or refund."""

from support.live_payments import eventually


def payout_of(till, *charges):
    for charge in charges:
        till.pay(charge["checkout_url"])
        assert till.captured(charge["id"])
    return till.client.post(f"{till.sandbox_url}/stripe/advance").json()["payout"]


def read(till, payout_id, provider="stripe"):
    return till.client.get(f"{till.url}/v1/payouts/{provider}/{payout_id}", headers=till.headers())


def test_the_lines_of_a_payout_add_up_and_name_what_is_ours(till):
    first, second = till.open(amount=1000), till.open(amount=2000)
    till.pay(first["checkout_url"])
    assert till.captured(first["id"])
    refund = till.refund(first["id"], 300).json()
    assert eventually(lambda: till.events("refund.settled", first["id"]))
    payout = payout_of(till, second)
    said = read(till, payout["id"]).json()
    assert said["net"] == payout["amount"] == said["gross"] - said["fee"]
    assert (said["gross"], said["fee"]) == (1000 + 2000 - 300, 36 + 72)
    attempts = {str(row[0]) for row in till.rows("SELECT id FROM attempts")}
    kinds = {line["reference"]: line["kind"] for line in said["lines"] if line["kind"] != "payout"}
    assert {kinds[each] for each in kinds if each in attempts} == {"charge"}
    assert kinds[refund["id"]] == "refund"


def test_a_payout_that_is_not_there_is_not_found(till):
    assert read(till, "po_nothing").status_code == 404
    assert read(till, "po_1", "paypay").status_code == 404


def test_a_provider_in_maintenance_is_said_to_be_away(till):
    till.fault("stripe", "maintenance", "query")
    answer = read(till, "po_1")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/provider-away")


def test_nobody_reads_it_without_a_token(till):
    assert till.client.get(f"{till.url}/v1/payouts/stripe/po_1").status_code == 401
