"""Registry of named families: quantizers, propagations, datasets, observers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from smoothbit.errors import ArgumentError

T = TypeVar("T")


def nearest_name(name: str, names: list[str]) -> str:
    """Return a remedy sentence that lists `names` and the one closest to `name`."""
    close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.4)
    by_lower = {n.lower(): n for n in names}
    hint = f"Did you mean '{by_lower[close[0]]}'? " if close else ""
    return f"{hint}Valid names: {', '.join(sorted(names))}."


class Registry(Generic[T]):
    """Map from names to objects, case-insensitive.

    Args:
        kind: Word for one member in messages, e.g. "quantizer".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._members: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that stores its argument under `name`.

        Raises:
            ArgumentError: `name` is taken.
        """

        def add(member: T) -> T:
            if name in self:
                raise ArgumentError(f"Expected {self.kind} name to be unused (got '{name}'). Choose another name.")
            self._members[name] = member
            return member

        return add

    def resolve(self, name: str) -> T:
        """Return the member stored under `name`, whatever its case.

        Raises:
            ArgumentError: no such name; the message lists all and the nearest.
        """
        key = self._key(name)
        if key is None:
            raise ArgumentError(
                f"Expected {self.kind} to be a registered name (got '{name}'). {nearest_name(str(name), self.names())}"
            )
        return self._members[key]

    def names(self) -> list[str]:
        """Return all names as they were registered, sorted."""
        return sorted(self._members, key=str.lower)

    def __contains__(self, name: object) -> bool:
        return self._key(name) is not None

    def _key(self, name: object) -> str | None:
        """Return the registered spelling of `name`, or None."""
        return next((known for known in self._members if known.lower() == str(name).lower()), None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __repr__(self) -> str:
        return f"Registry({self.kind}: {', '.join(self.names())})"
