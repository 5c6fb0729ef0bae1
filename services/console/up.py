"""`momiji up`: the whole line on one machine, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from console.installation import (
    DATABASES,
    SERVICES,
    CannotStartError,
    Installation,
    Ports,
    Running,
    home_folder,
    require_free_ports,
)
from console.migrating import migrate_all
from console.postgres import EmbeddedPostgres
from console.supervisor import Child, stop_all

READY_SECONDS_MAX = 60
WATCH_SECONDS = 0.2
PORT_WAIT_SECONDS_MAX = 5.0


def up(environment: Mapping[str, str]) -> int:
    """Start PostgreSQL, the services, their workers and the sandbox; stop them on SIGINT or SIGTERM."""
    if environment.get("MOMIJI_ENVIRONMENT") == "production":
        raise CannotStartError(
            "'momiji up' is the embedded mode with sandbox providers; it does not run with "
            "MOMIJI_ENVIRONMENT=production. See docs/running.md for Compose and Kubernetes."
        )
    started = time.monotonic()
    stop = threading.Event()
    for wish in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wish, lambda *_: stop.set())

    installation = Installation(home_folder(environment))
    installation.lock()
    try:
        running = Running(
            pid=os.getpid(),
            host=environment.get("MOMIJI_HOST", "127.0.0.1"),
            ports=Ports.from_environment(environment),
            stream=environment.get("MOMIJI_STREAM", "postgres"),
        )
        _wait_for_ports(running)
        installation.prepare()
        postgres = EmbeddedPostgres(installation.data)
        _say("Starting PostgreSQL …")
        postgres.start()
        children: list[Child] = []
        try:
            for name in DATABASES:
                postgres.create_database(name)
            urls = {name: postgres.url(name) for name in DATABASES}
            _say("Bringing the databases up to date …")
            migrate_all(installation, urls, stream=running.stream, environment=environment)
            children = _children(installation, running, urls, environment)
            _say("Starting the services …")
            for child in children:
                child.start()
            installation.write_running(running)
            _wait_until_ready(running, children, stop)
            if not stop.is_set():
                _welcome(installation, running, time.monotonic() - started)
            _watch(children, postgres, stop)
        finally:
            _say("\nStopping …")
            stop_all(children)
            postgres.stop()
    finally:
        installation.unlock()
    _say("Stopped. Everything is kept in " + str(installation.home))
    return 0


def _children(
    installation: Installation, running: Running, urls: Mapping[str, str], environment: Mapping[str, str]
) -> list[Child]:
    def child(kind: str, service: str) -> Child:
        told = dict(environment) | installation.environment_of(service, running, urls)
        name = service if kind == "serve" else f"{service}-work"
        # Visitors and gates first: in a rush the ledger follows a few seconds later.
        gives_way = name == "reconciliation-work"
        return Child(name, (kind, service), told, installation.logs / f"{name}.log", gives_way)

    return [
        child("serve", "sandbox"),
        *(child("serve", service) for service in SERVICES),
        *(child("work", service) for service in SERVICES),
    ]


def _wait_for_ports(running: Running) -> None:
    """Give the processes of an installation that was killed a moment to notice and let go."""
    deadline = time.monotonic() + PORT_WAIT_SECONDS_MAX
    while True:
        try:
            require_free_ports(running.host, running.ports)
        except CannotStartError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.25)
        else:
            return


def _wait_until_ready(running: Running, children: list[Child], stop: threading.Event) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    waiting = {name: f"{running.url(name)}/readyz" for name in ("sandbox", *SERVICES)}
    while waiting and not stop.is_set():
        for name, url in list(waiting.items()):
            if _answers(url):
                del waiting[name]
        now = time.monotonic()
        for child in children:
            child.watch(now)
        if now > deadline:
            logs = ", ".join(str(child.log_file) for child in children if child.name in waiting)
            raise CannotStartError(f"{', '.join(waiting)} did not get ready in {READY_SECONDS_MAX} s. See {logs}.")
        stop.wait(0.1)


def _watch(children: list[Child], postgres: EmbeddedPostgres, stop: threading.Event) -> None:
    while not stop.wait(WATCH_SECONDS):
        if not postgres.is_running():
            _say("PostgreSQL ended and is started again …")
            postgres.start()
        now = time.monotonic()
        for child in children:
            child.watch(now)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own number
    except (OSError, urllib.error.URLError):
        return False


def _welcome(installation: Installation, running: Running, seconds: float) -> None:
    _say(
        f"""
Momiji is ready ({seconds:.1f} s, event stream: {running.stream}).

  Visitors     {running.url("ticketing")}/
  Gate         {running.url("ticketing")}/gate
  Office       {running.url("ticketing")}/office
  Accounting   {running.url("reconciliation")}/
  Payments     {running.url("payments")}/operations
  Sandbox      {running.url("sandbox")}/      (pay here; no real money)

  Sign-ins     {installation.sign_ins}
  Logs         {installation.logs}

Try 'momiji demo --orders 20' in another window ({_command()}). Ctrl-C stops everything; data is kept."""
    )


def _command() -> str:
    return str(Path(sys.executable).with_name("momiji"))


def _say(words: str) -> None:
    print(words, flush=True)
