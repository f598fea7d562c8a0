"""`smoothbit report`: reads result files only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smoothbit.cli.options import DebugOption, JsonOption
from smoothbit.cli.output import Output, human_bytes
from smoothbit.report import write_report


def report(
    run_dir: Annotated[Path, typer.Argument(help="Folder of results (or one result file) of a command.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write to [default: that of the results].")] = None,
    into: Annotated[
        list[Path] | None,
        typer.Option(help="File whose text between '<!-- table: FOLDER/NAME -->' and '<!-- /table -->' is replaced."),
    ] = None,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Turn result files into figures, tables and one HTML page; nothing is run again.

    Knows the results of demo, train, compare and bench. The page is one file and works offline. Each table of a
    comparison is also a Markdown and a LaTeX file, and with --into part of another one, e.g. a README.
    """
    output = Output(json)
    paths = write_report(run_dir, out, into or ())
    for path in paths:
        output.print(f"{path} ({human_bytes(path.stat().st_size)})")
    output.finish({"page": str(paths[0]), "files": [str(path) for path in paths]})
