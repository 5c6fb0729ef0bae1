"""What is open between books, providers and bank, as rows that a test writes itself in place of matching."""

from kernel.clock import business_date

ITEM = {
    "kind": "fee_differs",
    "subject": "line:1",
    "order_id": "",
    "number": "",
    "facility": "",
    "provider": "stripe",
    "amount": 30,
}
_TABLE = (
    "CREATE TABLE told_items (kind text, subject text, order_id text, number text, facility text, provider text, "
    "day date, amount bigint, since timestamptz, PRIMARY KEY (kind, subject))"
)


async def stand_in(tx):
    """Let the view be about rows of the test's own, for what matching finds is matching's own tests' business."""
    await tx.execute(_TABLE)
    await tx.execute("DROP VIEW IF EXISTS open_items")
    await tx.execute("CREATE VIEW open_items AS SELECT * FROM told_items")


async def tell_item(tx, at, **given):
    row = ITEM | {"day": business_date(at), "since": at} | given
    await tx.execute(
        "INSERT INTO told_items VALUES (:kind, :subject, :order_id, :number, :facility, :provider, :day, :amount, "
        ":since) ON CONFLICT (kind, subject) DO UPDATE SET amount = EXCLUDED.amount",
        **row,
    )
