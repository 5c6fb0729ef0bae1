"""`momiji bench`: measures an installation of its own, with PostgreSQL's floor of the same run beside it."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from console.bench import measures
from console.bench.place import BenchPlace
from console.bench.reconciling.plan import PAYMENTS_MAX, PAYMENTS_MIN
from console.installation import CannotStartError


def bench(
    environment: Mapping[str, str],
    *,
    seconds: float,
    only: list[str],
    payments: int = 1_000_000,
    months: int = 12,
    kill: bool = False,
) -> int:
    """Print one JSON line for each measurement; return 0 when all could be made."""
    known = measures.ALL
    unknown = [name for name in only if name not in known]
    if unknown:
        raise CannotStartError(f"There is no measurement {unknown[0]}. Choose from: {', '.join(known)}.")
    if not 0.5 <= seconds <= 600:  # noqa: PLR2004 - a bench that ends
        raise CannotStartError("--seconds takes a number from 0.5 to 600.")
    if not PAYMENTS_MIN <= payments <= PAYMENTS_MAX:
        raise CannotStartError(f"--payments takes a number from {PAYMENTS_MIN} to {PAYMENTS_MAX}.")
    home = Path(tempfile.mkdtemp(prefix="momiji-bench-"))
    home.chmod(0o711)
    place = BenchPlace(home, environment, seconds=seconds, payments=payments, months=months, kill=kill)
    _line({"name": "machine", "cores": os.cpu_count(), "python": platform.python_version(), "stream": place.stream})
    try:
        place.start()
        for name in only or known:
            for result in asyncio.run(_measure(known[name], place)):
                _line(result)
    finally:
        place.stop()
        shutil.rmtree(home, ignore_errors=True)
    return 0


async def _measure(measure: measures.Measure, place: BenchPlace) -> list[measures.Result]:
    return await measure(place)


def _line(result: Mapping[str, object]) -> None:
    rounded = {name: round(value, 2) if isinstance(value, float) else value for name, value in result.items()}
    print(json.dumps(rounded), flush=True)
