"""`momiji verify`: the chain and the balances of the journal, and that it says what its sources say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from console.installation import CannotStartError
from console.postgres import EmbeddedPostgres
from console.tokens import find_running
from kernel.clock import SystemClock
from kernel.rows import Database

if TYPE_CHECKING:
    from reconciliation.journal.verifying import Verified


def verify(environment: Mapping[str, str], known: Sequence[str]) -> int:
    """Print what is found; return 0 if nothing is wrong, else 1. `known`: such as 1234:<hash>, written down before."""
    heads = dict(_known(each) for each in known)
    return asyncio.run(_verify(_address(environment), heads))


def _known(said: str) -> tuple[int, bytes]:
    found = re.fullmatch(r"([0-9]+):([0-9a-f]{64})", said)
    if found is None:
        raise CannotStartError(f"{said} is not NUMBER:HASH, as an earlier run of this printed it: 1234: and 64 digits.")
    return int(found.group(1)), bytes.fromhex(found.group(2))


def _address(environment: Mapping[str, str]) -> str:
    given = environment.get("MOMIJI_RECONCILIATION_DATABASE_URL")
    if given:
        return given
    installation, _ = find_running(environment)
    return EmbeddedPostgres(installation.data).url("reconciliation")


async def _verify(url: str, known: Mapping[int, bytes]) -> int:
    from reconciliation.journal import store, verifying

    database = Database(url, service="reconciliation", pool_size_max=1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        async with database.transaction("verify") as tx:
            total, _ = await store.last(tx)
        with Progress(*columns) as progress:
            bar = progress.add_task("vouchers verified", total=total)
            async with database.transaction("verify") as tx:
                found = await verifying.verify(
                    tx, known=known, tell=lambda number: progress.update(bar, completed=number)
                )
            async with database.transaction("verify") as tx:
                await verifying.keep(tx, found, by="momiji verify", at=SystemClock().now())
            _print(progress.console, found)
    finally:
        await database.close()
    return 0 if found.sound else 1


def _print(screen: Console, found: Verified) -> None:
    from reconciliation.journal.model import ACCOUNTS
    from reconciliation.journal.verifying import FAULTS

    def say(line: str) -> None:
        screen.print(line, highlight=False, markup=False, soft_wrap=True)

    say(f"{found.vouchers:,} vouchers balance and follow each other.")
    for code, amount in sorted(found.balances.items()):
        say(f"  {code:<20} {amount!s:>18}  {ACCOUNTS[code].title_ja}")
    if found.number:
        say(f"  The last sound voucher is {found.number}, sha256 {found.head.hex()}. Write both down; later ask with")
        say(f"  momiji verify --known {found.number}:{found.head.hex()}")
    if found.waiting:
        say(f"{found.waiting:,} vouchers are booked by the worker's next run, within a minute.")
    if found.fault is None:
        say("SOUND: the journal is what was sealed, and says what its sources say.")
        return
    what, then = FAULTS[found.fault.kind]
    number = found.fault.number
    say(f"BROKEN: {what.format(number=number, origin=found.fault.origin)} {then}")
    for origin in found.differing[1:]:
        say(f"  {origin} differs too.")
