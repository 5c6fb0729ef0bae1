"""An app behind a real port of this machine, in the test's own event loop."""

import asyncio
import socket
from contextlib import asynccontextmanager
from types import SimpleNamespace

import uvicorn


@asynccontextmanager
async def served(app):
    """Serve an app, whose lifespan is the test's own matter; give its address, and a way to end it before."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1, lifespan="off")
    )
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)

    async def stop():
        server.should_exit = True
        await running

    yield SimpleNamespace(url=f"http://127.0.0.1:{port}", stop=stop)
    await stop()
