"""Keeps the processes of an embedded installation alive: starts, restarts, stops."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from console.installation import rotate

log = logging.getLogger(__name__)

RESTART_SECONDS_MIN = 0.2
RESTART_SECONDS_MAX = 5.0
NICE = 10
CALM_SECONDS = 30.0  # A process that ran this long starts again with the shortest delay.
STOP_SECONDS_MAX = 8.0


@dataclass(slots=True)
class Child:
    """One process that is to run for as long as the installation does; `gives_way`: others get the processor first."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    gives_way: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    delay_seconds: float = RESTART_SECONDS_MIN
    restarts: int = field(default=0)

    def start(self) -> None:
        """Start the process; its output goes to its log file."""
        rotate(self.log_file)
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own module with our own arguments
                [sys.executable, "-m", "console.main", *self.arguments],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops things in order.
            )
        if self.gives_way:
            _give_way(self.process.pid)
        self.started_at = time.monotonic()
        self.restart_at = None

    def watch(self, now: float) -> None:
        """Start the process again if it ended; wait longer each time it ends quickly."""
        assert self.process is not None  # noqa: S101 - start() comes first
        if self.restart_at is not None:
            if now >= self.restart_at:
                self.restarts += 1
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        if now - self.started_at > CALM_SECONDS:
            self.delay_seconds = RESTART_SECONDS_MIN
        log.warning("a process ended and is started again", extra={"child": self.name, "code": code})
        self.restart_at = now + self.delay_seconds
        self.delay_seconds = min(self.delay_seconds * 2, RESTART_SECONDS_MAX)


def _give_way(pid: int) -> None:
    """Lower a process's priority, and that of its session where the kernel shares time between sessions first."""
    with suppress(OSError):  # It ended at once, or may not be changed: then it shares equally.
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE), encoding="ascii")  # sched(7)


def stop_all(children: Sequence[Child]) -> None:
    """Ask every process to end, wait, and end those that do not."""
    alive = [child.process for child in children if child.process is not None and child.process.poll() is None]
    for process in alive:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    for process in alive:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
