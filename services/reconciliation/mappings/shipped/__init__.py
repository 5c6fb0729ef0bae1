"""Examples to begin a mapping with; their columns are made up, as the providers' true ones are not public."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent


@cache
def examples() -> dict[str, dict[str, Any]]:
    """Return title and definition of each, by its name."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(HERE.glob("*.json"))}


def file_of(name: str) -> Path:
    """Return the file of an example that `examples` names."""
    return HERE / f"{name}.csv"
