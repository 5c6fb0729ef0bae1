"""Write the committed snapshots of every event's schema to docs/contracts."""

from pathlib import Path

from kernel.contracts import registry
from kernel.contracts.envelope import schema_of

FOLDER = Path(__file__).parents[3] / "docs" / "contracts"

for wire_type, fact in registry.items():
    (FOLDER / f"{wire_type}.json").write_text(schema_of(fact), encoding="utf-8")
