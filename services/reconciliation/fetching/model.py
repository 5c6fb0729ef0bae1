"""A payout as payments tells of it, and the same as the table that its provider's report would be. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from kernel.clock import business_date
from kernel.refusals import Invalid
from reconciliation.statements.columns import Columns

LOOK_BACK: Final = timedelta(days=90)
PAYOUTS_MAX: Final = 5_000  # as many as payments lists
LINES_MAX: Final = 100_000  # as many as payments reads of one
OWN_KIND: Final = "payout"

PayoutId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]
Text = Annotated[str, StringConstraints(max_length=200)]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Payout(_Told):
    """One payout of a list; `net` in yen."""

    payout: PayoutId
    arrives_on: date
    net: int


class Payouts(_Told):
    """A list of payouts."""

    items: Annotated[tuple[Payout, ...], Field(max_length=PAYOUTS_MAX)]


class Line(_Told):
    """One line of a payout; in yen, negative when money left us."""

    id: Annotated[Text, StringConstraints(min_length=1)]
    kind: Text
    gross: int
    fee: int
    net: int
    currency: Text
    at: AwareDatetime
    payment: Text | None
    attempt: Text | None
    brand: Text


class Lines(_Told):
    """What a payout consists of."""

    payout: PayoutId
    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=LINES_MAX)]


class PayoutIncomplete(Invalid):
    """The lines of a payout do not make what was transferred; nothing of it is taken."""

    slug = "payout-incomplete"
    advice = (
        "Nothing of the payout {payout} was taken: {expected} yen were transferred, but its lines make {found} yen. "
        "It is asked for again by itself; if this stays, ask the provider, or send the provider's report as a file."
    )


def since(*, fetched_at: datetime | None, at: datetime) -> date:
    """Return from which day on to look, in Japan: well before the last one that was fetched, however long ago."""
    return business_date(min(at, fetched_at or at) - LOOK_BACK)


def table_of(payout: Payout, told: Lines, columns: Columns) -> bytes:
    """Return a payout as CSV with the headings of its provider's report; raise PayoutIncomplete.

    The same payout makes the same bytes. Its own line is left out, as in the report: it is the sum of the others.
    """
    lines = sorted((each for each in told.lines if each.kind != OWN_KIND), key=lambda each: (each.at, each.id))
    found = sum(each.net for each in lines)
    if found != payout.net:
        raise PayoutIncomplete(payout=payout.payout, expected=f"{payout.net:,}", found=f"{found:,}")
    headings = {name: column.headings[0] for name, column in columns.columns.items()}
    if columns.currency is not None:
        headings["currency"] = columns.currency.headings[0]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(headings.values())
    writer.writerows([cells[name] for name in headings] for cells in _cells(payout, lines))
    return out.getvalue().encode()


def _cells(payout: Payout, lines: list[Line]) -> Iterator[dict[str, str]]:
    for each in lines:
        yield {
            "line": each.id,
            "kind": each.kind,
            "attempt": each.attempt or "",
            "key": each.payment or "",
            "brand": each.brand,
            "gross": str(each.gross),
            "fee": str(each.fee),
            "net": str(each.net),
            "payout": payout.payout,
            "arrives_on": f"{payout.arrives_on} 00:00:00",
            "occurred_on": each.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "currency": each.currency,
        }
