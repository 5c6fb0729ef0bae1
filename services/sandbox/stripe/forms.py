"""Stripe's parameters, checked against what it knows: an unknown one is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.stripe.errors import StripeError

METADATA_KEYS_MAX = 50
METADATA_KEY_CHARS_MAX = 40
METADATA_VALUE_CHARS_MAX = 500
INTEGER_DIGITS_MAX = 12
TEXT: None = None  # a leaf
FREE = "free"  # any tree: accepted, as Stripe would, and of no effect here
METADATA = "metadata"

Shape = Mapping[str, Any]


def check(params: Mapping[str, Any], shape: Shape, at: str = "") -> None:
    """Refuse what the shape does not know. Raises StripeError (parameter_unknown)."""
    for name, value in params.items():
        path = f"{at}[{name}]" if at else name
        if name not in shape:
            raise StripeError(f"Received unknown parameter: {path}", code="parameter_unknown", param=path)
        _check_value(value, shape[name], path)


def _check_value(value: Any, wanted: Any, path: str) -> None:
    if wanted == FREE or value == "":
        return
    if wanted is TEXT:
        if not isinstance(value, str):
            raise StripeError(f"Invalid string: {value}", param=path)
    elif wanted == METADATA:
        _check_metadata(value, path)
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            raise StripeError("Invalid array", param=path)
        for position, each in enumerate(value):
            _check_value(each, wanted[0], f"{path}[{position}]")
    elif not isinstance(value, dict):
        raise StripeError("Invalid object", param=path)
    else:
        check(value, wanted, path)


def _check_metadata(value: Any, path: str) -> None:
    if isinstance(value, list):  # keys that are all digits
        value = {str(position): each for position, each in enumerate(value)}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise StripeError("Invalid hash", param=path)
    if len(value) > METADATA_KEYS_MAX:
        raise StripeError(f"Metadata can have at most {METADATA_KEYS_MAX} keys.", param=path)
    for name, each in value.items():
        if len(name) > METADATA_KEY_CHARS_MAX or len(each) > METADATA_VALUE_CHARS_MAX:
            raise StripeError(
                f"Metadata keys have at most {METADATA_KEY_CHARS_MAX} characters, "
                f"values at most {METADATA_VALUE_CHARS_MAX}.",
                param=f"{path}[{name}]",
            )


def required(params: Mapping[str, Any], name: str, path: str = "") -> Any:
    """Return a parameter that must be there. Raises StripeError (parameter_missing)."""
    value = params.get(name, "")
    if value == "":
        full = path or name
        raise StripeError(f"Missing required param: {full}.", code="parameter_missing", param=full)
    return value


def integer(value: Any, path: str, *, least: int, most: int) -> int:
    """Return a whole number in a range. Raises StripeError (parameter_invalid_integer)."""
    if not isinstance(value, str) or not re.fullmatch(rf"-?\d{{1,{INTEGER_DIGITS_MAX}}}", value):
        raise StripeError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=path)
    if not least <= int(value) <= most:
        code = "amount_too_small" if int(value) < least else "amount_too_large"
        if "amount" not in path:
            code = "parameter_invalid_integer"
        raise StripeError(f"{path} must be between {least} and {most}.", code=code, param=path)
    return int(value)
