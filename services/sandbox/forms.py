"""Nested form encoding, as Stripe and KOMOJU take it: `a[b][0]=c` in, a tree of dicts, lists and strings out."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

FIELDS_MAX = 500
DEPTH_MAX = 8
_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


class FormError(ValueError):
    """The form cannot be read; `param` is where."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


def parse(raw: str) -> dict[str, Any]:
    """Return the tree that a form or query string says: dicts, lists and strings."""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=FIELDS_MAX, strict_parsing=False)
    except ValueError:
        raise FormError(f"More than {FIELDS_MAX} parameters were sent.") from None
    tree: dict[str, Any] = {}
    for key, value in pairs:
        found = _KEY.match(key)
        if found is None:
            raise FormError(f"Invalid parameter name: {key}", key)
        path = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        if len(path) > DEPTH_MAX:
            raise FormError(f"Parameter is nested too deeply: {key}", key)
        _place(tree, path, value, key)
    return {name: _listed(branch) for name, branch in tree.items()}


def _place(tree: dict[str, Any], path: list[str], value: str, key: str) -> None:
    for part in path[:-1]:
        branch = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(branch, dict):
            raise FormError(f"Invalid object: {key}", key)
        tree = branch
    tree[path[-1] or str(len(tree))] = value


def _listed(branch: Any) -> Any:
    if not isinstance(branch, dict):
        return branch
    inner = {name: _listed(each) for name, each in branch.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
