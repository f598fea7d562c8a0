"""Sections by kind of result: which files they take, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from smoothbit.registry import Registry
from smoothbit.report.content import Section
from smoothbit.report.sources import Results

Builder: TypeAlias = Callable[[Results], list[Section]]
SECTIONS: Registry[Builder] = Registry("report section")
"""Builders by kind; each looks for its own files and returns no section when there are none."""
