from __future__ import annotations

import importlib
import sys

import pytest

from smoothbit.bench import threads
from smoothbit.errors import MissingExtraError


def test_torch_gets_its_threads_back():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with threads.limited_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(MissingExtraError, match=r"`threadpoolctl`.*smoothbit\[bench\]"):
        importlib.reload(threads)
    monkeypatch.undo()
    importlib.reload(threads)
