"""`momiji export`: fetches one accounting export and writes it to a file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import httpx

from console.installation import CannotStartError
from console.tokens import find_running, token


def export(environment: Mapping[str, str], chosen: argparse.Namespace) -> int:
    """Write the export to a new file; raise CannotStartError with the service's own words if refused."""
    _, running = find_running(environment)
    bearer = token(environment, role="accounting", facilities=[])
    wishes = {"from": chosen.first, "to": chosen.last} | ({"facility": chosen.facility} if chosen.facility else {})
    answer = httpx.get(
        f"{running.url('reconciliation')}/v1/exports/{chosen.format}",
        params=wishes,
        headers={"Authorization": f"Bearer {bearer}"},
        timeout=120,
    )
    if not answer.is_success:
        raise CannotStartError(str(answer.json().get("detail", answer.text)))
    file = Path(chosen.output or _name_of(answer) or f"{chosen.format}-{chosen.first}-{chosen.last}")
    if file.exists():
        raise CannotStartError(f"{file} is there already. Choose another name with --output.")
    file.write_bytes(answer.content)
    print(file)
    return 0


def _name_of(answer: httpx.Response) -> str | None:
    """Return the file name of Content-Disposition (RFC 6266), without any folder in it."""
    found = re.search(r"filename\*=UTF-8''([^;]+)", answer.headers.get("content-disposition", ""))
    return Path(unquote(found.group(1))).name if found else None
