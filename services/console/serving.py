"""`momiji serve SERVICE` and `momiji work SERVICE`: one process each, ended cleanly by SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, cast

import uvloop

from kernel.telemetry import set_up_logging

if TYPE_CHECKING:
    from fastapi import FastAPI

    from kernel.settings import Settings

log = logging.getLogger(__name__)

PARENT_CHECK_SECONDS = 1.0
GC_THRESHOLDS = (50_000, 50, 100)


class _AppModule(Protocol):
    def create_app(self) -> FastAPI: ...


class _WorkModule(Protocol):
    work: Callable[[Settings, asyncio.Event], Awaitable[None]]


def settings_of(service: str) -> Settings:
    """Read a service's settings from the environment."""
    module = importlib.import_module(f"{service}.settings")
    return cast("Settings", getattr(module, f"{service.capitalize()}Settings")())


def serve(service: str) -> None:
    """Run a service's HTTP side until SIGTERM."""
    import uvicorn

    settings = settings_of(service)
    set_up_logging(service, getattr(settings, "log_level", "INFO"))
    _end_with_parent()
    module = cast("_AppModule", importlib.import_module(f"{service}.app"))
    app = module.create_app()
    _spare_the_collector()
    uvicorn.run(
        app,
        host=settings.host,
        port=getattr(settings, f"{service}_port", None) or settings.port,  # type: ignore[attr-defined]
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
        server_header=False,
        backlog=2048,
    )


def work(service: str) -> None:
    """Run what is not HTTP of a service (relay, consumers, sweepers) until SIGTERM."""
    settings = settings_of(service)
    set_up_logging(f"{service}-work", settings.log_level)
    _end_with_parent()
    module = cast("_WorkModule", importlib.import_module(f"{service}.work"))
    _spare_the_collector()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for wish in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(wish, stop.set)
        await module.work(settings, stop)

    uvloop.run(until_stopped())


def _spare_the_collector() -> None:
    """Let the garbage collector pass over what was loaded, and look for cycles of new objects less often.

    Walking again what lives as long as the process stopped all gates for 80 ms, once a second under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _end_with_parent() -> None:
    """End when the supervisor is gone, so that a killed `momiji up` leaves nothing behind."""
    given = os.environ.get("MOMIJI_PARENT_PID", "")
    if not given.isdigit():
        return
    parent = int(given)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_SECONDS)
        log.warning("the supervisor is gone; ending")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
