"""What a person would decide in the made-up world: which suggestions about deposits that differ are right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb


def to_accept(world: duckdb.DuckDBPyConnection, suggestions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the ids of suggestions, as /v1/deposit-suggestions says them, that put together what belongs together.

    Only those whose amounts differ; of each transfer once.
    """
    rows = world.execute(
        "SELECT t.transfer, t.booked_on, t.amount, p.provider, p.key FROM transfers AS t JOIN payouts AS p USING "
        "(transfer) WHERE t.transfer IN (SELECT transfer FROM payouts WHERE role = 'differs')"
    ).fetchall()
    booked = {(str(day), amount): transfer for transfer, day, amount, _, _ in rows}
    whole: dict[int, set[tuple[str, str]]] = {}
    for transfer, _, _, provider, key in rows:
        whole.setdefault(transfer, set()).add((provider, key))
    for each in suggestions:
        lines = [booked.get((line["booked_on"], line["amount"])) for line in each["bank_lines"]]
        paid = {(payout["provider"], payout["key"]) for payout in each["payouts"]}
        if len(lines) == 1 and lines[0] is not None and whole.get(lines[0]) == paid:
            del whole[lines[0]]
            yield str(each["id"])
