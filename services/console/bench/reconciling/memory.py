"""What processes took of the machine: memory at most, and time of its processors."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final, Self

LOOK_SECONDS: Final = 0.25
KIB: Final = 1024
_PROC: Final = Path("/proc")


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    found = []
    for each in _PROC.glob("[0-9]*"):
        try:
            parent = int((each / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue  # It ended meanwhile.
        if parent == pid:
            found.append(int(each.name))
    return found


def arguments_of(pid: int) -> list[str]:
    """Return a process's arguments; none if it ended."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def forget_peak(pid: int) -> None:
    """Let the kernel mark a process's peak from now on."""
    (_PROC / str(pid) / "clear_refs").write_text("5", encoding="ascii")


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process held at once (VmHWM)."""
    for line in (_PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * KIB
    return 0


def cpu_seconds(pid: int) -> float:
    """Return how much time of processors a process and its children, those that ended too, took so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    spent = 0.0
    for each in (pid, *children_of(pid)):
        try:
            said = (_PROC / str(each) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        spent += sum(int(number) for number in said[11 : 15 if each == pid else 13]) / ticks
    return spent


def _share_bytes(pid: int) -> int:
    """Return a process's proportional share: what several hold together counts once among them."""
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * KIB
    except OSError:
        pass
    return 0


class Watch:
    """Looks at a process and its children every quarter of a second; `peak_bytes`: the most that they held together."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            held = sum(_share_bytes(each) for each in (self._pid, *children_of(self._pid)))
            self.peak_bytes = max(self.peak_bytes, held)
