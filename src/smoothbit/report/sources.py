"""Result files of a folder, read and recognised; nothing is run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smoothbit.errors import RunError

SEED_RECORD, SUMMARY_FILE, CONFIG_FILE = "record.json", "summary.json", "config.json"


@dataclass(frozen=True)
class Results:
    """What a folder holds.

    Args:
        name: Name of the folder.
        files: JSON objects at its top, by file name.
        seeds: Record of each seed of a training run, by seed.
        runs: Recipe and summary of each training run in a subfolder, by its name.
    """

    name: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    seeds: dict[int, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)


def read_results(source: Path) -> Results:
    """Read the results of a run folder, or of a single result file.

    Args:
        source: Folder, or JSON file.

    Raises:
        RunError: there is no such folder, it holds no result, or a file is not JSON.
    """
    if source.is_file():
        return Results(source.stem, {source.name: _read(source)})
    if not source.is_dir():
        raise RunError(
            f"Expected `run_dir` to be a folder or a JSON file (got '{source}', which does not exist). "
            "Pass the --out folder of a command."
        )
    files = {path.name: _read(path) for path in sorted(source.glob("*.json"))}
    seeds = {}
    for path in source.glob(f"seed-*/{SEED_RECORD}"):
        found = re.fullmatch(r"seed-(\d+)", path.parent.name)
        if found:
            seeds[int(found[1])] = _read(path)
    runs = {
        path.parent.name: (_read(path.parent / CONFIG_FILE), _read(path))
        for path in sorted(source.glob(f"*/{SUMMARY_FILE}"))
        if (path.parent / CONFIG_FILE).is_file()
    }
    if not seeds and not runs and not any(has_rows(record) for record in files.values()):
        raise RunError(
            f"Expected '{source}' to hold result files with `rows` "
            f"(got {', '.join(files) or 'no JSON file'}). "
            "Run `smoothbit demo`, `train`, `compare` or `bench` with this folder first."
        )
    return Results(source.resolve().name, files, dict(sorted(seeds.items())), runs)


def has_rows(record: dict[str, Any]) -> bool:
    """Return whether a record has a non-empty list of rows that are objects."""
    rows = record.get("rows")
    return isinstance(rows, list) and bool(rows) and all(isinstance(row, dict) for row in rows)


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"Expected {path.name} to be JSON (got {error}). Delete it and run again.") from error
    if not isinstance(record, dict):
        raise RunError(
            f"Expected {path.name} to hold a JSON object (got {type(record).__name__}). Delete it and run again."
        )
    return record
