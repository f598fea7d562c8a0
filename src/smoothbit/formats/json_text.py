"""Strict JSON: no duplicate keys, no NaN or infinity, bounded nesting."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import NoReturn

from smoothbit.errors import HeaderError, ValueRangeError
from smoothbit.formats.wording import expected

MAX_DEPTH = 64
"""Levels of nesting; what reads a parsed value may then recurse."""


def to_json(value: object) -> str:
    """Return compact ASCII JSON; floats are written so that they read back bit for bit."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def parse_json(text: str | bytes, field: str) -> object:
    """Parse JSON that comes from a file.

    Args:
        text: UTF-8 bytes, or a string.
        field: Name of the text in messages.

    Raises:
        HeaderError: not UTF-8, not JSON, nested beyond `MAX_DEPTH`, or an object repeats a key.
        ValueRangeError: a number is too large for float64.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) != len(pairs):
            repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise HeaderError(expected(field, "JSON without repeated keys", repeated))
        return result

    def finite(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            raise ValueRangeError(expected(field, "JSON with finite numbers", digits))
        return value

    def refuse(constant: str) -> NoReturn:
        raise HeaderError(expected(field, "JSON without NaN and Infinity", constant))

    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
        value: object = json.loads(decoded, object_pairs_hook=unique, parse_float=finite, parse_constant=refuse)
    except RecursionError as error:
        raise HeaderError(expected(field, f"JSON of at most {MAX_DEPTH} levels", "RecursionError")) from error
    except ValueError as error:
        raise HeaderError(expected(field, "UTF-8 JSON", str(error))) from error
    _check_depth(value, field)
    return value


def _check_depth(value: object, field: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list))]
        if not inner:
            return
        level = [item for items in inner for item in items]
    if any(isinstance(item, (dict, list)) for item in level):
        raise HeaderError(expected(field, f"JSON of at most {MAX_DEPTH} levels", "more"))
