"""The ways to pay, found by their folders: each holds an `adapter` with a `connect(settings)`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from payments.methods.protocol import Method

if TYPE_CHECKING:
    from kernel.clock import Clock
    from payments.settings import PaymentsSettings


def connect_all(settings: PaymentsSettings, clock: Clock) -> dict[str, Method]:
    """Return every enabled or retired method by its name; nothing is connected yet."""
    found: dict[str, Method] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg or module.name not in settings.methods_connected:
            continue
        adapter = importlib.import_module(f"payments.methods.{module.name}.adapter")
        method: Method = adapter.connect(settings, clock)
        if method.capabilities.name != module.name:
            raise TypeError(f"The folder {module.name} calls itself {method.capabilities.name}.")
        found[module.name] = method
    return found
