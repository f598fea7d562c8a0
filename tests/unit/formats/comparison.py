"""Bit-for-bit equality of plans, models and graphs."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np


def same(a: object, b: object) -> bool:
    """Whether two trees of dataclasses, tuples and arrays are equal in type and in every bit of an array."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if is_dataclass(a):
        return all(same(getattr(a, field.name), getattr(b, field.name)) for field in fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b
