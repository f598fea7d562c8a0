"""A command group that imports a command's file only when that command runs or shows its help."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "demo": "Train, pack, run and time a small network at four widths; write a report.",
    "train": "Train a network with several seeds into a run folder.",
    "export": "Pack a trained network into one file.",
    "predict": "Run a packed model: class scores and labels, without PyTorch.",
    "info": "Show what a model or graph file holds and how many bytes each part takes.",
    "verify": "Compare a packed model with the float simulation of its network.",
    "compare": "Train, test, pack and time a grid of recipes, from flags or one YAML file.",
    "bench": "Time the engine against other libraries.",
    "report": "Turn result files into figures and one HTML page.",
}
"""Commands and their one-line help. Command `x` is the function `x` in `smoothbit.cli.x`."""


class LazyGroup(TyperGroup):
    """Group of `COMMANDS`: listed from the table, imported one at a time."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, help_text in COMMANDS.items():
            self.add_command(TyperCommand(name, help=help_text), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Replace the table's entry by the real command."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in COMMANDS else command, rest


def load_command(name: str) -> Any:
    """Import the file of a command and return the command."""
    function = getattr(importlib.import_module(f"smoothbit.cli.{name}"), name)
    application = typer.Typer(add_completion=False)
    application.command(name, help=function.__doc__)(function)
    return typer.main.get_command(application)
