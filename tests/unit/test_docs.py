"""The documentation is true: its Python runs, its commands parse, and it names what is registered."""

from __future__ import annotations

import inspect
import itertools
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from smoothbit.cli.lazy import COMMANDS, load_command
from smoothbit.data import load_dataset
from smoothbit.data.datasets import datasets
from smoothbit.engine import ORDERS
from smoothbit.nn import MODELS, PROPAGATIONS
from smoothbit.nn.layers import LAYERS
from smoothbit.quant import QUANTIZERS
from smoothbit.report.markers import fill_markers
from smoothbit.report.sources import read_results
from smoothbit.report.writer import build_report
from smoothbit.train import make_grid
from smoothbit.train.grid_file import read_grid_file

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = sorted(DOCS.glob("*.md"))
COMMAND_PAGES = [*PAGES, *REPOSITORY.glob("README.md"), *REPOSITORY.glob("reproduce/*.md")]
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?P<target>[^)#:]+)(#[^)]*)?\)")
TABLE = re.compile(r"^<!-- table: ([^\n/]+)/", re.MULTILINE)
REGISTRIES = (QUANTIZERS, PROPAGATIONS, MODELS, ORDERS, datasets)
FIXTURES = {
    "dataset": lambda case: load_dataset(case.name),
    "variant": lambda case: next(iter(case.variants)),
    "refusal": lambda case: next(iter(case.refused)),
}
"""What pytest would hand to a method of a family's case."""


def _blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Return line number and text of each block marked `language`."""
    text = page.read_text()
    found = (match for match in BLOCK.finditer(text) if match["language"] == language)
    return [(text.count("\n", 0, match.start()) + 1, match["text"]) for match in found]


def _command_lines(page: Path) -> list[str]:
    lines = itertools.chain.from_iterable(text.replace("\\\n", " ").splitlines() for _, text in _blocks(page, "sh"))
    return [line.strip() for line in lines if line.strip().startswith("smoothbit ")]


def _calls(method: Any) -> Iterator[dict[str, Any]]:
    """Yield the arguments of each call that pytest would make of a parametrized function."""
    axes = []
    for mark in getattr(method, "pytestmark", []):
        if mark.name == "parametrize":
            names = mark.args[0].split(", ") if isinstance(mark.args[0], str) else mark.args[0]
            values = [value if len(names) > 1 else (value,) for value in mark.args[1]]
            axes.append([dict(zip(names, value, strict=True)) for value in values])
    for chosen in itertools.product(*axes):
        yield {name: value for part in chosen for name, value in part.items()}


def _run_tests(namespace: dict[str, Any]) -> int:
    """Run test functions and test classes of a page as pytest would; return how many calls there were."""
    bound: list[tuple[Any, Any]] = []
    for name, member in list(namespace.items()):
        if name.startswith("test_"):
            bound.append((None, member))
        elif name.startswith("Test"):
            bound += [(member, method) for key, method in inspect.getmembers(member) if key.startswith("test_")]
    count = 0
    for owner, method in bound:
        for arguments in _calls(method):
            case = None if owner is None else owner()
            wanted = inspect.signature(method).parameters
            given = {name: make(case) for name, make in FIXTURES.items() if name in wanted}
            method(*([] if case is None else [case]), **given, **arguments)
            count += 1
    return count


@pytest.fixture
def page_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """Return an empty module; what its code registers and writes is gone after the test."""
    monkeypatch.chdir(tmp_path)
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_members", dict(registry._members))
    layers = dict(LAYERS)
    module = ModuleType("documentation_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    yield module
    LAYERS.clear()
    LAYERS.update(layers)


@pytest.mark.parametrize("page", [p for p in PAGES if _blocks(p, "python")], ids=lambda page: page.stem)
def test_python_blocks_run_in_order(page: Path, page_module: ModuleType) -> None:
    for line, text in _blocks(page, "python"):
        # Blank lines in front: a traceback then shows the line of the page.
        exec(compile("\n" * line + text, str(page), "exec", dont_inherit=True), page_module.__dict__)
    num_calls = _run_tests(page_module.__dict__)
    assert num_calls > 0 or "class Test" not in page.read_text()


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: page.stem)
def test_command_lines_parse(page: Path) -> None:
    for line in _command_lines(page):
        _, name, *arguments = shlex.split(line, comments=True)
        assert name in COMMANDS, f"{page.name}: {line}"
        with load_command(name).make_context(name, arguments) as context:
            assert not context.args, f"{page.name}: {line}"


def test_every_comparison_to_reproduce_is_a_grid_and_has_its_command() -> None:
    files = sorted((REPOSITORY / "reproduce").glob("*.yaml"))
    assert len(files) >= 4
    commands = " ".join(_command_lines(REPOSITORY / "reproduce" / "README.md"))
    for path in files:
        file = read_grid_file(path)
        cells = make_grid(file.base, file.grids)
        assert file.seeds is not None
        assert all(cell.dataset in datasets for cell in cells.values())
        assert len([cell for cell in cells.values() if cell.is_float]) < len(cells)
        assert f"reproduce/{path.name}" in commands


RECORDS = sorted((REPOSITORY / "reproduce" / "results").glob("*.json"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_tables_of_a_record_are_what_report_writes(record: Path) -> None:
    results = read_results(record)
    tables = [table for section in build_report(results).sections for table in section.tables]
    pages = [page for page in COMMAND_PAGES if record.stem in TABLE.findall(page.read_text())]
    assert pages
    for page in pages:
        text = page.read_text()
        assert fill_markers(text, record.stem, tables, page) == text


def test_every_table_has_a_record() -> None:
    marked = {folder for page in COMMAND_PAGES for folder in TABLE.findall(page.read_text())}
    assert marked == {record.stem for record in RECORDS}


def test_tutorial_shows_every_command() -> None:
    shown = {line.split()[1] for line in _command_lines(DOCS / "tutorial.md")}
    assert shown == set(COMMANDS)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_index_names_every_member(registry: Any) -> None:
    named = set(re.findall(r"`([^`\n]+)`", (DOCS / "README.md").read_text()))
    assert set(registry.names()) <= named


def test_index_names_every_command_and_page() -> None:
    text = (DOCS / "README.md").read_text()
    assert set(COMMANDS) <= set(re.findall(r"`([a-z]+)`", text))
    for page in PAGES:
        assert page.name == "README.md" or f"({page.name})" in text


def test_every_dependency_is_explained() -> None:
    declared = set(re.findall(r'"([\w-]+)>=', (REPOSITORY / "pyproject.toml").read_text()))
    explained = set(re.findall(r"[\w-]+", (DOCS / "dependencies.md").read_text()))
    assert declared <= explained


@pytest.mark.parametrize(
    "page",
    [*PAGES, *REPOSITORY.glob("*.md"), *REPOSITORY.glob("reproduce/*.md")],
    ids=lambda page: str(page.relative_to(REPOSITORY).with_suffix("")),
)
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(page.read_text()):
        assert (page.parent / match["target"]).exists(), match["target"]
