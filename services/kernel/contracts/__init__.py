"""The events: wire contracts that only grow, one module per publishing service."""

from kernel.contracts import payments, reconciliation, ticketing
from kernel.contracts.envelope import Envelope, Fact, registry

__all__ = ["Envelope", "Fact", "payments", "reconciliation", "registry", "ticketing"]
