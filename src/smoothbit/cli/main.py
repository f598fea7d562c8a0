"""Entry point: parse, run one command, turn errors into messages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from smoothbit import __version__
from smoothbit.cli.lazy import LazyGroup
from smoothbit.cli.options import is_debug, set_debug
from smoothbit.cli.printable import printable
from smoothbit.errors import MissingExtraError, SmoothbitError

OPTIONAL_MODULES = {
    "torch": ("torch", "train"),
    "torch_geometric": ("torch-geometric", "train"),
    "scipy": ("scipy", "train"),
    "sklearn": ("scikit-learn", "train"),
    "safetensors": ("safetensors", "train"),
    "yaml": ("PyYAML", "train"),
    "threadpoolctl": ("threadpoolctl", "bench"),
    "onnx": ("onnx", "onnx"),
    "onnxruntime": ("onnxruntime", "onnx"),
    "matplotlib": ("matplotlib", "report"),
    "plotly": ("plotly", "report"),
    "jinja2": ("jinja2", "report"),
}
"""Modules that come with an extra: package and extra."""

INTERRUPTED = 130
"""Exit code that the parser gives a command after Ctrl-C."""

application = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(value: bool) -> None:
    """Print the version and stop."""
    if value:
        typer.echo(f"smoothbit {__version__}")
        raise typer.Exit


@application.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train graph neural networks at 1 to 8 bits, pack them, run them as integers."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 for success, 1 for failure, 2 for wrong usage, 130 after Ctrl-C.

    Args:
        arguments: Words after the program's name, or None for those of this process.
    """
    set_debug(False)
    try:
        typer.main.get_command(application)(arguments, prog_name="smoothbit")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            sys.stderr.write("Interrupted: no file is half-written; train, compare and demo go on when given again.\n")
        raise
    except (SmoothbitError, OSError, ModuleNotFoundError) as error:
        if is_debug():
            raise
        sys.stderr.write(f"Error: {printable(_message(error))}\n")
        sys.exit(1)


def _message(error: Exception) -> str:
    """Return the text of an error; a missing module names the extra that brings it, a path what to look at."""
    if isinstance(error, ModuleNotFoundError):
        known = OPTIONAL_MODULES.get((error.name or "").partition(".")[0])
        if known is not None:
            return str(MissingExtraError(*known))
    if isinstance(error, OSError) and not isinstance(error, SmoothbitError) and error.filename is not None:
        path, reason = error.filename, error.strerror
        return f"Expected '{path}' to be there and readable (got '{reason}'). Check the path and its permissions."
    return str(error)
