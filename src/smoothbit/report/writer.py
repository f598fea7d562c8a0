"""Write a report: figures, tables and the page, each file in one step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smoothbit.atomic_file import atomic_file
from smoothbit.errors import RunError
from smoothbit.report.content import Report, Section
from smoothbit.report.figures import to_png
from smoothbit.report.html import to_page
from smoothbit.report.latex import to_latex
from smoothbit.report.markers import fill_markers
from smoothbit.report.sections import SECTIONS, ordered_sections
from smoothbit.report.sources import Results, read_results
from smoothbit.report.tables import to_markdown

PAGE_FILE, TABLES_FILE, FIGURE_FOLDER, TABLE_FOLDER = "report.html", "tables.md", "figures", "tables"


def write_report(run_dir: str | Path, out: str | Path | None = None, into: Sequence[str | Path] = ()) -> list[Path]:
    """Turn the result files of a folder into figures, tables and one page; nothing is run again.

    Args:
        run_dir: Folder of `demo`, `train`, `compare` or `bench` results, or one JSON file of them.
        out: Folder to write to; None for the folder of the results.
        into: Files whose markers (`report.markers`) of this folder are filled with its tables.

    Returns:
        Files written, the page first.

    Raises:
        RunError: the folder holds no results that a report knows.
        ArgumentError: a marker of a file of `into` is wrong; nothing is written then.
        WriteError: a file cannot be written; those before it are complete.
        MissingExtraError: matplotlib, plotly or jinja2 is not installed (at import of this module).
    """
    source = Path(run_dir)
    results = read_results(source)
    target = Path(out) if out is not None else source if source.is_dir() else source.parent
    report = build_report(results)
    charts = [chart for section in report.sections for chart in section.charts]
    tables = [table for section in report.sections for table in section.tables]
    filled = {
        Path(path): fill_markers(Path(path).read_text(encoding="utf-8"), results.name, tables, Path(path)).encode()
        for path in into
    }
    images = {chart.slug: to_png(chart) for chart in charts}
    contents = {
        target / PAGE_FILE: to_page(report, images).encode(),
        target / TABLES_FILE: _tables(report).encode(),
        **{target / FIGURE_FOLDER / f"{slug}.png": image for slug, image in images.items()},
        **{target / TABLE_FOLDER / f"{table.name}.md": to_markdown(table).encode() for table in tables if table.name},
        **{target / TABLE_FOLDER / f"{table.name}.tex": to_latex(table).encode() for table in tables if table.name},
        **filled,
    }
    for path, content in contents.items():
        with atomic_file(path) as file:
            file.write(content)
    return list(contents)


def build_report(results: Results) -> Report:
    """Return the report on the results, before anything is drawn.

    Raises:
        RunError: no section knows any of the files.
    """
    sections: list[Section] = []
    for kind in ordered_sections():
        sections += SECTIONS.resolve(kind)(results)
    if not sections:
        raise RunError(
            f"Expected '{results.name}' to hold results of demo, train, compare or bench "
            f"(got {', '.join(results.files) or 'no file'}). Pass the --out folder of one of them."
        )
    return Report(f"smoothbit report: {results.name}", "Low-bit graph neural networks", tuple(sections))


def _tables(report: Report) -> str:
    parts = [f"# {report.title}\n"]
    for section in report.sections:
        parts.append(f"## {section.title}\n\n{section.lead}\n")
        parts += [to_markdown(table) for table in section.tables]
        parts += ["\n".join(f"- {note}" for note in section.notes) + "\n"] if section.notes else []
    return "\n".join(parts)
