"""Optional packages: loaded late, and named when missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from smoothbit.data.optional import optional_module
from smoothbit.errors import MissingExtraError


def test_returns_the_module() -> None:
    assert optional_module("json", "json").loads("1") == 1


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_geometric.io", None)
    with pytest.raises(MissingExtraError, match=r"`torch-geometric` .*pip install 'smoothbit\[train\]'"):
        optional_module("torch_geometric.io", "torch-geometric")


def test_importing_the_data_layer_loads_no_optional_package() -> None:
    script = "import sys, smoothbit.data; print({'torch', 'scipy', 'sklearn'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
