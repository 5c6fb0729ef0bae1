"""Lists of the matching desk in SQL: narrowed by days, amounts and a name, a page at a time, read only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from kernel.refusals import Invalid
from kernel.rows import Transaction
from reconciliation.deposits.searching import Named, Wish

_BOOKED: Final = "b.basis = 'statement' AND NOT b.cancelled AND b.amount <> 0"
_NET: Final = "coalesce(p.stated_net, p.net)"


@dataclass(frozen=True, slots=True)
class Page:
    """Ids of one page of a list in its order, and where the next page begins ('': there is none)."""

    ids: tuple[UUID, ...]
    next: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list is asked for: a search, whom its name means, after which cursor, and how many."""

    wish: Wish
    named: Named | None
    cursor: str
    limit: int


def _like(text: str) -> str:
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _side(day: str, amount: str, name: str, asked: Asked) -> str:
    """Return the condition on one side of a match, of the columns that it has."""
    wish, parts = asked.wish, []
    if wish.first is not None:
        parts.append(f"{day} >= :first")
    if wish.last is not None:
        parts.append(f"{day} <= :last")
    # An amount whichever way it goes.
    if wish.least is not None:
        parts.append(f"abs({amount}) >= :least")
    if wish.most is not None:
        parts.append(f"abs({amount}) <= :most")
    if asked.named is not None:
        parts.append(name)
    return " AND ".join(parts) or "true"


def _line(asked: Asked) -> str:
    said = "b.id IN (SELECT n.line_id FROM bank_line_names AS n WHERE n.sender LIKE ANY(CAST(:said AS text[])))"
    return _side("b.booked_on", "b.amount", said, asked)


def _payout(asked: Asked) -> str:
    said = "(p.provider = ANY(CAST(:providers AS text[])) OR plain_name(p.key) LIKE ANY(CAST(:said AS text[])))"
    return _side("p.arrives_on", _NET, said, asked)


def _given(asked: Asked) -> dict[str, Any]:
    wish = asked.wish
    given: dict[str, Any] = {"first": wish.first, "last": wish.last, "least": wish.least, "most": wish.most}
    if asked.named is not None:
        given |= {"said": [_like(each) for each in asked.named.said], "providers": list(asked.named.providers)}
    return {name: value for name, value in given.items() if value is not None}


Read = Callable[[str], Any]


def _after(asked: Asked, *read: Read) -> dict[str, Any]:
    """Return what a cursor says, by place, for the statement; raise Invalid for one that is no list's."""
    if not asked.cursor:
        return {}
    said = asked.cursor.split("~")
    try:
        return {f"k{place}": how(each) for place, (how, each) in enumerate(zip(read, said, strict=True))}
    except ValueError:
        raise Invalid(problem="The cursor is none of this list. Begin again without it.") from None


async def _page(tx: Transaction, statement: str, asked: Asked, given: Mapping[str, Any]) -> Page:
    """Return a page of a statement that gives id and cursor."""
    rows = (await tx.execute(f"{statement} LIMIT :limit", limit=asked.limit + 1, **_given(asked), **given)).all()
    shown = rows[: asked.limit]
    more = len(rows) > asked.limit
    return Page(tuple(row.id for row in shown), str(shown[-1].cursor) if more else "")


async def open_lines(tx: Transaction, asked: Asked) -> Page:
    """Return transfers that came and that nothing explains, the newest first."""
    after = _after(asked, date.fromisoformat, UUID)
    behind = "AND (b.booked_on, b.id) < (CAST(:k0 AS date), CAST(:k1 AS uuid)) " if after else ""
    return await _page(
        tx,
        "SELECT b.id, b.booked_on || '~' || b.id AS cursor FROM bank_lines AS b "
        f"WHERE {_BOOKED} AND b.amount > 0 AND {_line(asked)} {behind}AND NOT EXISTS "
        "(SELECT FROM deposit_legs AS d WHERE d.bank_line_id = b.id AND d.stands) ORDER BY b.booked_on DESC, b.id DESC",
        asked,
        after,
    )


async def open_payouts(tx: Transaction, asked: Asked) -> Page:
    """Return payouts that nothing explains, the newest first."""
    after = _after(asked, date.fromisoformat, UUID)
    behind = "AND (p.arrives_on, p.id) < (CAST(:k0 AS date), CAST(:k1 AS uuid)) " if after else ""
    return await _page(
        tx,
        "SELECT p.id, p.arrives_on || '~' || p.id AS cursor FROM payouts AS p "
        f"WHERE {_NET} <> 0 AND {_payout(asked)} {behind}AND NOT EXISTS "
        "(SELECT FROM deposit_legs AS d WHERE d.payout_id = p.id AND d.stands) ORDER BY p.arrives_on DESC, p.id DESC",
        asked,
        after,
    )


async def suggestions(tx: Transaction, asked: Asked) -> Page:
    """Return suggestions of which a transfer or a payout is as asked, the likeliest first."""
    after = _after(asked, int, date.fromisoformat, UUID)
    behind = "AND (-s.score, s.day, s.id) > (-CAST(:k0 AS integer), CAST(:k1 AS date), CAST(:k2 AS uuid)) "
    sides = (
        f"AND (EXISTS (SELECT FROM bank_lines AS b WHERE b.id = ANY(s.bank_lines) AND {_line(asked)}) "
        f"OR EXISTS (SELECT FROM payouts AS p WHERE p.id = ANY(s.payouts) AND {_payout(asked)})) "
    )
    return await _page(
        tx,
        "SELECT s.id, s.score || '~' || s.day || '~' || s.id AS cursor FROM deposit_suggestions AS s WHERE true "
        f"{sides if asked.wish.narrows else ''}{behind if after else ''}ORDER BY s.score DESC, s.day, s.id",
        asked,
        after,
    )


async def matches(tx: Transaction, asked: Asked) -> Page:
    """Return matches that stand and of which a transfer or a payout is as asked, the newest first."""
    after = _after(asked, datetime.fromisoformat, UUID)
    behind = (
        "HAVING (max(d.accepted_at), coalesce(d.group_id, d.bank_line_id)) < "
        "(CAST(:k0 AS timestamptz), CAST(:k1 AS uuid)) "
    )
    sides = (
        "AND coalesce(d.group_id, d.bank_line_id) IN ("
        "SELECT coalesce(l.group_id, l.bank_line_id) FROM deposit_legs AS l JOIN bank_lines AS b "
        f"ON b.id = l.bank_line_id WHERE l.stands AND {_line(asked)} UNION ALL "
        "SELECT coalesce(l.group_id, l.bank_line_id) FROM deposit_legs AS l JOIN payouts AS p "
        f"ON p.id = l.payout_id WHERE l.stands AND {_payout(asked)}) "
    )
    return await _page(
        tx,
        "SELECT coalesce(d.group_id, d.bank_line_id) AS id, "
        "to_char(max(d.accepted_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"') || '~' || "
        "coalesce(d.group_id, d.bank_line_id) AS cursor FROM deposit_legs AS d WHERE d.stands "
        f"{sides if asked.wish.narrows else ''}GROUP BY coalesce(d.group_id, d.bank_line_id) "
        f"{behind if after else ''}ORDER BY max(d.accepted_at) DESC, 1 DESC",
        asked,
        after,
    )
