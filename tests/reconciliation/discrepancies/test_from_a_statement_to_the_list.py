"""What a statement brings that our books do not have is on the list, and on its page with the row that tells of it."""

from pathlib import Path

from kernel.access import Role
from kernel.clock import new_id
from reconciliation import statements
from reconciliation.discrepancies import actions
from reconciliation.matching import actions as matching

FILE = Path(statements.__path__[0]) / "stripe_payouts" / "example" / "one_payout.csv"


async def test_what_matching_leaves_open_is_on_the_list(books, web):
    token, at = books.token(Role.ACCOUNTING), books.clock.at
    await web.post("/v1/statements/stripe_payouts?name=nov.csv", content=FILE.read_bytes(), headers=token)
    async with books.wiring.database.transaction("test") as tx:
        await matching.run(tx, run_id=new_id(), at=at)
        await actions.examine_items(tx, at=at)
        left = (await tx.execute("SELECT kind, subject, amount FROM open_items")).all()
    listed = (await web.get("/v1/discrepancies", headers=token)).json()["items"]
    assert sorted((each["kind"], each["subject"], each["amount"]) for each in listed) == sorted(map(tuple, left))
    lines = [each for each in listed if each["kind"] == "missing_here"]
    assert lines
    for each in lines:
        page = (await web.get(f"/discrepancies/{each['id']}", headers=token)).text
        assert "nov.csv" in page
