"""Lists of discrepancies: filtered, sorted, page by page from an index, and how many of which kind there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Invalid
from kernel.rows import Transaction
from reconciliation.discrepancies.handling import State, Stored
from reconciliation.discrepancies.model import ORDER_KINDS, Discrepancy
from reconciliation.discrepancies.store import COLUMNS, VISIBLE, stored

Sort = Literal["age", "newest", "amount"]
COUNTED_MAX: Final = 10_000
OF_ORDER_MAX: Final = 200
COMPACTED_MAX: Final = 20_000
AGE_DAYS: Final = (7, 30, 90)  # with how many days each group of ages but the first begins
# As the partial indexes say it.
_OPEN: Final = "state IN ('open', 'proposed')"
_ORDER: Final[dict[Sort, str]] = {"age": "day, id", "newest": "day DESC, id DESC", "amount": "size DESC, id"}
_BEHIND: Final[dict[Sort, str]] = {
    "age": "(day, id) > (CAST(:key AS date), CAST(:id AS uuid))",
    "newest": "(day, id) < (CAST(:key AS date), CAST(:id AS uuid))",
    "amount": "size <= CAST(:key AS bigint) AND (size < CAST(:key AS bigint) OR id > CAST(:id AS uuid))",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Which discrepancies somebody wants to see; the open ones include those that wait for approval.

    `assignee` None: whoever it is; '': nobody's. Amounts are yen, whichever way.
    """

    state: State = "open"
    kind: str = ""
    facility: str = ""
    provider: str = ""
    assignee: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    text: str = ""
    sort: Sort = "age"

    @property
    def counted_before(self) -> bool:
        """Tell whether the counts that are kept answer for it."""
        return not self.text and self.amount_min is None and self.amount_max is None


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _conditions(wish: Wish, *, counts: bool = False) -> tuple[str, dict[str, Any]]:
    """Return what a wish says, as SQL and its parameters; `counts`: of the columns that counts have."""
    parts = [_OPEN if wish.state == "open" else f"state = '{wish.state}'", VISIBLE]
    given: dict[str, Any] = {}
    equal = {"kind": wish.kind, "facility": wish.facility, "provider": wish.provider}
    for name, value in equal.items():
        if value:
            parts.append(f"{name} = :{name}")
            given[name] = value
    if wish.assignee is not None:
        # Said in the index's own words where somebody has it.
        parts.append("assignee = :assignee" + (" AND assignee <> ''" if wish.assignee else ""))
        given["assignee"] = wish.assignee
    if wish.first_day is not None:
        parts.append("day >= :first_day")
        given["first_day"] = wish.first_day
    if wish.last_day is not None:
        parts.append("day <= :last_day")
        given["last_day"] = wish.last_day
    if not counts:
        if wish.amount_min is not None:
            parts.append("size >= :amount_min")
            given["amount_min"] = wish.amount_min
        if wish.amount_max is not None:
            parts.append("size <= :amount_max")
            given["amount_max"] = wish.amount_max
        if wish.text:
            parts.append("((number LIKE :prefix AND number <> '') OR (order_id = :text AND order_id <> ''))")
            given |= {"prefix": _like(wish.text.upper()), "text": wish.text}
    # PostgreSQL's text holds no NUL, and nothing is called so.
    return " AND ".join(parts), {k: v.replace("\0", "") if isinstance(v, str) else v for k, v in given.items()}


def cursor_of(last: Stored, sort: Sort) -> str:
    """Return where the page after this one begins."""
    return f"{abs(last.amount.amount) if sort == 'amount' else last.day.isoformat()}_{last.id}"


def _place(cursor: str, sort: Sort) -> tuple[date | int, UUID]:
    key, _, last = cursor.partition("_")
    try:
        return Yen(int(key)).amount if sort == "amount" else date.fromisoformat(key), UUID(last)
    except ValueError:
        raise Invalid(problem="The cursor is none of this list. Begin again without it.") from None


async def page(
    tx: Transaction, facilities: Sequence[str] | None, wish: Wish, *, cursor: str, limit: int
) -> tuple[list[Stored], str | None]:
    """Return a page of what somebody wants to see, and where the next one begins. Raises Invalid for a bad cursor."""
    said, given = _conditions(wish)
    if cursor:
        said += f" AND {_BEHIND[wish.sort]}"
        given["key"], given["id"] = _place(cursor, wish.sort)
    rows = await tx.execute(
        f"SELECT {COLUMNS} FROM discrepancies WHERE {said} ORDER BY {_ORDER[wish.sort]} LIMIT :limit",
        facilities=facilities,
        limit=limit + 1,
        **given,
    )
    found = [stored(row) for row in rows]
    more = cursor_of(found[limit - 1], wish.sort) if len(found) > limit else None
    return found[:limit], more


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of a kind, of an age (how many of AGE_DAYS are over), and over how much, whichever way."""

    kind: str
    age: int
    items: int
    size: Yen


@dataclass(frozen=True, slots=True)
class Tallies:
    """Tallies of a wish; `at_least`: there are more than were counted."""

    each: tuple[Tally, ...]
    at_least: bool

    @property
    def items(self) -> int:
        """How many in all."""
        return sum(each.items for each in self.each)

    @property
    def size(self) -> Yen:
        """Over how much in all, whichever way."""
        return Yen(sum(each.size.amount for each in self.each))


async def tallies(tx: Transaction, facilities: Sequence[str] | None, wish: Wish, *, today: date) -> Tallies:
    """Return how many there are: from the counts that are kept, or else counted, up to COUNTED_MAX."""
    kept = wish.counted_before
    said, given = _conditions(wish, counts=kept)
    source = (
        f"SELECT kind, day, items, size FROM discrepancy_counts WHERE {said}"
        if kept
        else f"SELECT kind, day, 1 AS items, size FROM discrepancies WHERE {said} LIMIT {COUNTED_MAX + 1}"
    )
    rows = await tx.execute(
        "SELECT kind, width_bucket(CAST(:today AS date) - day, CAST(:ages AS integer[])) AS age, "
        f"sum(items)::bigint AS items, sum(size)::bigint AS size FROM ({source}) AS found "
        "GROUP BY 1, 2 HAVING sum(items) <> 0 ORDER BY 1, 2",
        facilities=facilities,
        today=today,
        ages=list(AGE_DAYS),
        **given,
    )
    found = tuple(Tally(row.kind, row.age, row.items, Yen(row.size)) for row in rows)
    return Tallies(found, not kept and sum(each.items for each in found) > COUNTED_MAX)


async def by_day(
    tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date, without: Sequence[str] = ()
) -> dict[date, tuple[int, Yen]]:
    """Return how many are open on each day of a range, `without` some kinds, and over how much, whichever way."""
    rows = await tx.execute(
        f"SELECT day, sum(items)::bigint AS items, sum(size)::bigint AS size FROM discrepancy_counts "
        f"WHERE {_OPEN} AND {VISIBLE} AND day BETWEEN :first AND :last AND kind <> ALL(CAST(:without AS text[])) "
        "GROUP BY day HAVING sum(items) <> 0",
        facilities=facilities,
        without=list(without),
        first=first,
        last=last,
    )
    return {row.day: (row.items, Yen(row.size)) for row in rows}


async def choices(tx: Transaction, facilities: Sequence[str] | None, state: State) -> dict[str, list[str]]:
    """Return which facilities, providers and assignees there are to choose from."""
    said, given = _conditions(Wish(state=state), counts=True)
    rows = await tx.execute(
        f"SELECT facility, provider, assignee FROM discrepancy_counts WHERE {said} "
        "GROUP BY 1, 2, 3 HAVING sum(items) <> 0",
        facilities=facilities,
        **given,
    )
    found: dict[str, set[str]] = {"facility": set(), "provider": set(), "assignee": set()}
    for row in rows:
        for name, values in found.items():
            values.add(getattr(row, name))
    return {name: sorted(values - {""}) for name, values in found.items()}


async def open_ones(
    tx: Transaction, facilities: Sequence[str] | None, *, days: tuple[date, date] | None, limit: int
) -> list[Discrepancy]:
    """Return what is open on the days from the first to the last (None: all), oldest first, at most `limit`."""
    first, last = days or (None, None)
    said, given = _conditions(Wish(first_day=first, last_day=last))
    rows = await tx.execute(
        f"SELECT {COLUMNS} FROM discrepancies WHERE {said} ORDER BY day, id LIMIT :limit",
        facilities=facilities,
        limit=limit,
        **given,
    )
    return [as_found(stored(row)) for row in rows]


async def of_order(tx: Transaction, order_id: str, facilities: Sequence[str] | None) -> list[Stored]:
    """Return everything that was ever raised about an order, oldest first."""
    rows = await tx.execute(
        f"SELECT {COLUMNS} FROM discrepancies WHERE order_id = :order_id AND order_id <> '' AND {VISIBLE} "
        f"ORDER BY day, id LIMIT {OF_ORDER_MAX}",
        order_id=order_id,
        facilities=facilities,
    )
    return [stored(row) for row in rows]


def as_found(kept: Stored) -> Discrepancy:
    """Return a stored discrepancy as it was found."""
    return Discrepancy(
        kept.kind,  # type: ignore[arg-type]  # what was stored was found once
        kept.order_id,
        kept.number,
        kept.facility,
        kept.amount,
        kept.since,
        subject=kept.subject if kept.kind not in ORDER_KINDS else "",
        provider=kept.provider,
        shows_on=kept.day,
    )


async def compact_counts(tx: Transaction) -> int:
    """Add up the differences that counts are kept as, of which each change leaves one or two; return of how many.

    Whoever gets COMPACTED_MAX calls it again, in another transaction.
    """
    done = await tx.execute(
        "WITH worn AS (SELECT state, kind, facility, provider, assignee, day FROM discrepancy_counts "
        f"GROUP BY 1, 2, 3, 4, 5, 6 HAVING count(*) > 1 LIMIT {COMPACTED_MAX}), "
        "taken AS (DELETE FROM discrepancy_counts AS c USING worn AS w WHERE (c.state, c.kind, c.facility, c.provider, "
        "c.assignee, c.day) = (w.state, w.kind, w.facility, w.provider, w.assignee, w.day) RETURNING c.*), "
        "kept AS (INSERT INTO discrepancy_counts SELECT state, kind, facility, provider, assignee, day, sum(items), "
        "sum(size) FROM taken GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(items) <> 0 OR sum(size) <> 0) "
        "SELECT count(*) FROM worn"
    )
    return int(done.scalar_one())
