"""What somebody looks for, and the day's chart; nothing here calls or remembers anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from kernel.clock import JAPAN
from kernel.money import Yen
from kernel.refusals import Invalid

WISH_LENGTH_MAX = 255
_DAY = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$")
_AMOUNT = re.compile(r"^[¥￥]?(\d{1,3}(?:,\d{3})+|\d{1,9})円?$")
_MARKED = re.compile(r"[¥￥円,]")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９－，　", "0123456789-, ")


class DayUnreadable(Invalid):
    """A day of the search does not exist."""

    slug = "search-day-unreadable"
    advice = "There is no such day. Write it as 2026-11-24."


class AmountUnreadable(Invalid):
    """An amount of the search is no amount."""

    slug = "search-amount-unreadable"
    advice = "This is no amount. Write it as 1020 or 1,020."


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for: a name or number of something, an amount, a day in Japan; each may be absent."""

    name: str = ""
    amount: Yen | None = None
    day: date | None = None

    @property
    def uuid(self) -> UUID | None:
        """The name, if it is one of our own ids."""
        try:
            return UUID(self.name)
        except ValueError:
            return None

    @property
    def number(self) -> str:
        """The name as an order's number is compared: without hyphens, in upper case."""
        return self.name.replace("-", "").upper()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is looked for in particular."""
        return not self.name and self.amount is None and self.day is None


def wish(text: str, *, amount: str = "", day: str = "") -> Wish:
    """Parse what was typed: one name, or a day and an amount in any order; the fields of their own count first.

    A bare number is an amount only beside a day or with a mark of money: it may be an order's number.
    Raises DayUnreadable or AmountUnreadable.
    """
    words = text.translate(_FULL_WIDTH).split()
    said_day, said_amount = day.strip(), amount.translate(_FULL_WIDTH).strip()
    left: list[str] = []
    for word in words:
        if _DAY.match(word) and not said_day:
            said_day = word
        else:
            left.append(word)
    rest: list[str] = []
    for word in left:
        money = _AMOUNT.match(word) and (said_day or _MARKED.search(word))
        if money and not said_amount:
            said_amount = word
        else:
            rest.append(word)
    return Wish(" ".join(rest)[:WISH_LENGTH_MAX], _amount(said_amount), _day(said_day))


def _day(said: str) -> date | None:
    if not said:
        return None
    found = _DAY.match(said)
    try:
        return date(*(int(each) for each in found.groups())) if found else date.fromisoformat(said)
    except (ValueError, TypeError):
        raise DayUnreadable from None


def _amount(said: str) -> Yen | None:
    if not said:
        return None
    found = _AMOUNT.match(said)
    if found is None:
        raise AmountUnreadable
    return Yen(int(found[1].replace(",", "")))


def span(day: date) -> tuple[datetime, datetime]:
    """Return a day's beginning and end in Japan's time; the end belongs to the next day."""
    begins = datetime.combine(day, time(), JAPAN)
    return begins, begins + timedelta(days=1)


def first_id(at: datetime) -> UUID:
    """Return the smallest UUIDv7 of a moment (RFC 9562 §5.7): a range of ids is a span of time."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


@dataclass(frozen=True, slots=True)
class Slice:
    """One hour and method of a day: how many charges were paid."""

    hour: int
    method: str
    count: int


@dataclass(frozen=True, slots=True)
class Block:
    """One rectangle of the chart, in its own units; `colour` is the method's place, from 0."""

    hour: int
    method: str
    count: int
    colour: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A day as bars of 24 hours, one block for each method. `ticks` are (count, y) of the grid's lines."""

    blocks: tuple[Block, ...]
    ticks: tuple[tuple[int, float], ...]
    hours: tuple[tuple[int, float], ...]
    width: int
    height: int
    left: int
    base: int


WIDTH, HEIGHT, LEFT, BASE, TOP = 720, 220, 40, 190, 10
COLOURS = 5


def chart(slices: Iterable[Slice], methods: Sequence[str]) -> Chart:
    """Return the day's chart; the methods' order gives the colours and what stands below what."""
    counts: Mapping[tuple[int, str], int] = {(each.hour, each.method): each.count for each in slices}
    most = max((sum(counts.get((hour, each), 0) for each in methods) for hour in range(24)), default=0)
    step = _step(most)
    top = max(step, -(-most // step) * step)
    each_height = (BASE - TOP) / top
    each_width = (WIDTH - LEFT) / 24
    blocks: list[Block] = []
    for hour in range(24):
        y = float(BASE)
        for place, method in enumerate(methods):
            count = counts.get((hour, method), 0)
            if count:
                height = count * each_height
                y -= height
                x = LEFT + hour * each_width + 3
                blocks.append(Block(hour, method, count, place % COLOURS, x, y, each_width - 6, height))
    ticks = tuple((count, BASE - count * each_height) for count in range(0, top + 1, step))
    hours = tuple((hour, LEFT + (hour + 0.5) * each_width) for hour in range(0, 24, 3))
    return Chart(tuple(blocks), ticks, hours, WIDTH, HEIGHT, LEFT, BASE)


def _step(most: int) -> int:
    """Return a round step that gives at most five lines: 1, 2 or 5 times a power of ten."""
    step = 1
    while most > step * 4:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return step
