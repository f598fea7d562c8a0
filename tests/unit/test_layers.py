"""Imports point downwards only; the engine never loads torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import smoothbit

ROOT = Path(smoothbit.__file__).parent
# Lowest first; a unit may import units on its own line or below.
LAYERS = [
    {"errors", "registry", "typing", "atomic_file"},
    {"numerics"},
    {"formats"},
    {"kernels"},
    {"engine"},
    {"quant"},
    {"nn"},
    {"data"},
    {"train"},
    {"export"},
    {"bench", "report"},
    {"cli", "__main__", "testing", "hub", "__init__"},
]
TORCH_FREE = ("errors", "registry", "typing", "atomic_file", "numerics", "formats", "kernels", "engine")


def _unit(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _level(unit: str) -> int:
    return next(level for level, units in enumerate(LAYERS) if unit in units)


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


SOURCES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    mine = _level(_unit(path))
    for name in _imports(path):
        if (
            name.startswith("smoothbit.")
            and (ROOT / name.split(".")[1]).with_suffix(".py").exists() | (ROOT / name.split(".")[1]).is_dir()
        ):
            assert _level(name.split(".")[1]) <= mine, f"{path.name} imports {name} above it"


@pytest.mark.parametrize("unit", TORCH_FREE)
def test_nothing_below_the_torch_line_names_torch(unit):
    paths = [ROOT / f"{unit}.py"] if (ROOT / f"{unit}.py").exists() else sorted((ROOT / unit).rglob("*.py"))
    for path in paths:
        roots = {name.split(".")[0] for name in _imports(path)}
        assert not roots & {"torch", "torch_geometric"}, path


def test_engine_does_not_load_torch():
    code = "import smoothbit.engine, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_unit_is_on_a_layer():
    units = {_unit(path) for path in SOURCES} - {"__init__"}
    assert units <= set().union(*LAYERS)


def test_modules_form_no_import_cycle():
    modules = {".".join(("smoothbit", *p.relative_to(ROOT).with_suffix("").parts)): p for p in SOURCES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {}
    for name, path in modules.items():
        # A package and its own modules are one thing here: importing a module always runs its package.
        found = {n for n in _imports(path) if n in modules and not n.startswith(f"{name}.") and n != name}
        graph[name] = {n for n in found if not name.startswith(f"{n}.")}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"import cycle: {' -> '.join((*path, name))}"
        if name not in done:
            for target in graph[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())
