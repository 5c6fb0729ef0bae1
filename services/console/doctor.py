"""`momiji doctor`: examines an installation and says what to do about what it finds."""

from __future__ import annotations

import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.installation import SERVICES, CannotStartError, Installation, Ports, home_folder, require_free_ports

DISK_BYTES_MIN = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One examined thing: well, or with what to do."""

    what: str
    well: bool
    words: str


def doctor(environment: Mapping[str, str]) -> int:
    """Print every finding; return 0 if all is well, else 1."""
    findings = [examine(environment) for examine in _EXAMINATIONS]
    for finding in findings:
        print(f"{'ok  ' if finding.well else 'MEND'}  {finding.what:<12} {finding.words}")
    return 0 if all(finding.well for finding in findings) else 1


def _python(_environment: Mapping[str, str]) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")


def _folder(environment: Mapping[str, str]) -> Finding:
    home = home_folder(environment)
    place = home if home.exists() else home.parent
    if not os.access(place, os.W_OK):
        return Finding("folder", well=False, words=f"{place} cannot be written; choose another with MOMIJI_HOME")
    free = shutil.disk_usage(place).free
    return Finding("folder", free > DISK_BYTES_MIN, f"{home}, {free // 10**9} GB free (1 GB is needed)")


def _pages_built(_environment: Mapping[str, str]) -> Finding:
    from kernel.web.pages import BUILT

    built = (BUILT / "manifest.json").exists()
    return Finding("pages", built, "built" if built else "not built: run 'make web'; the gate cannot scan without")


def _services(environment: Mapping[str, str]) -> Finding:
    installation = Installation(home_folder(environment))
    try:
        running = installation.running()
    except CannotStartError:
        try:
            ports = Ports.from_environment(environment)
            require_free_ports(environment.get("MOMIJI_HOST", "127.0.0.1"), ports)
        except CannotStartError as problem:
            return Finding("services", well=False, words=str(problem))
        return Finding("services", well=True, words="not running; the ports are free")
    silent = [name for name in (*SERVICES, "sandbox") if not _ready(f"{running.url(name)}/readyz")]
    words = f"process {running.pid}, event stream {running.stream}"
    if silent:
        logs = ", ".join(str(installation.logs / f"{name}.log") for name in silent)
        return Finding("services", well=False, words=f"{words}; not ready: {', '.join(silent)}. See {logs}")
    return Finding("services", well=True, words=f"{words}; all ready")


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own number
    except (OSError, urllib.error.URLError):
        return False


_EXAMINATIONS: tuple[Callable[[Mapping[str, str]], Finding], ...] = (_python, _folder, _pages_built, _services)
