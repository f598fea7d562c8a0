"""Registry of named families: quantizers, propagations, datasets, observers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from smoothbit.errors import ArgumentError, PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


def nearest_name(name: str, names: list[str]) -> str:
    """Return a remedy sentence that lists `names` and the one closest to `name`."""
    close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.4)
    by_lower = {n.lower(): n for n in names}
    hint = f"Did you mean '{by_lower[close[0]]}'? " if close else ""
    return f"{hint}Valid names: {', '.join(sorted(names))}."


class Registry(Generic[T]):
    """Map from names to objects, case-insensitive.

    Besides what `register` stores, names may come from entry points of installed distributions. Those are
    read once, when a name is first looked up; what one stands for is imported when its name is resolved.

    Args:
        kind: Word for one member in messages, e.g. "quantizer".
        group: Group of the entry points that hold further members, or None for none.
    """

    def __init__(self, kind: str, group: str | None = None) -> None:
        self.kind = kind
        self.group = group
        self._members: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that stores its argument under `name`.

        Raises:
            ArgumentError: `name` is taken.
        """

        def add(member: T) -> T:
            if any(_is_same(known, name) for known in self._members):
                raise ArgumentError(f"Expected {self.kind} name to be unused (got '{name}'). Choose another name.")
            self._members[name] = member
            return member

        return add

    def resolve(self, name: str) -> T:
        """Return the member stored under `name`, whatever its case.

        Raises:
            ArgumentError: no such name; the message lists all and the nearest.
            PluginError: an installed distribution claims a name that is taken, or cannot be imported.
        """
        members = [member for known, member in self._members.items() if _is_same(known, name)]
        plugins = [plugin for plugin in self._plugins if _is_same(plugin.name, name)]
        if len(members) + len(plugins) > 1:
            owners = ["smoothbit"] * len(members) + [_distribution(plugin) for plugin in plugins]
            raise PluginError(
                f"Expected the {self.kind} name '{name}' to have one owner (got {', '.join(owners)}). "
                f"Rename the entry point in `{self.group}`, or uninstall one distribution."
            )
        if members:
            return members[0]
        if plugins:
            return self._load(plugins[0])
        raise ArgumentError(
            f"Expected {self.kind} to be a registered name (got '{name}'). {nearest_name(str(name), self.names())}"
        )

    def names(self) -> list[str]:
        """Return all names as they were registered, sorted."""
        names = {*self._members, *(plugin.name for plugin in self._plugins)}
        return sorted(names, key=lambda name: (name.lower(), name))

    def __contains__(self, name: object) -> bool:
        return any(_is_same(known, name) for known in self.names())

    @cached_property
    def _plugins(self) -> tuple[EntryPoint, ...]:
        """Entry points of the group, none of them imported."""
        if self.group is None:
            return ()
        from importlib.metadata import entry_points  # a tenth of the time that importing the engine takes

        return tuple(entry_points(group=self.group))

    def _load(self, plugin: EntryPoint) -> T:
        try:
            member: T = plugin.load()
        except Exception as error:  # whatever the code of a stranger raises while it is imported
            raise PluginError(
                f"Expected {self.kind} '{plugin.name}' of the distribution {_distribution(plugin)} to be importable "
                f"from {plugin.value} (got {type(error).__name__}: {error}). Repair that distribution, or uninstall it."
            ) from error
        return member

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __repr__(self) -> str:
        return f"Registry({self.kind}: {', '.join(self.names())})"


def _is_same(known: str, name: object) -> bool:
    return known.lower() == str(name).lower()


def _distribution(plugin: EntryPoint) -> str:
    return "of an unknown name" if plugin.dist is None else f"'{plugin.dist.name}'"
