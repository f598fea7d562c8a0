from __future__ import annotations

import importlib.util
import os
import sys
import types

import pytest

from smoothbit.bench.peers import PeerSkippedError, dgl


def test_without_dgl_the_reason_says_so(monkeypatch):
    monkeypatch.setattr(dgl.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PeerSkippedError, match="dgl is not installed"):
        dgl.find_dgl()


def test_dgl_that_does_not_load_is_a_reason(monkeypatch):
    def broken(name):
        sys.modules["dgl.half"] = types.ModuleType("dgl.half")
        raise RuntimeError("libcudart.so not found")

    monkeypatch.delitem(sys.modules, "dgl", raising=False)
    monkeypatch.setattr(dgl.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(dgl.importlib, "import_module", broken)
    with pytest.raises(PeerSkippedError, match=r"dgl does not load \(RuntimeError: libcudart.so not found\)"):
        dgl.find_dgl()
    assert "dgl.half" not in sys.modules


def test_dgl_that_refuses_the_graph_is_a_reason(product, monkeypatch):
    pytest.importorskip("torch")

    def refuse(*arguments, **options):
        raise TypeError("unexpected format")

    library = types.SimpleNamespace(heterograph=refuse, DGLError=RuntimeError)
    monkeypatch.setattr(dgl, "find_dgl", lambda: library)
    with pytest.raises(PeerSkippedError, match=r"dgl cannot run it \(unexpected format\)"):
        dgl.dgl_copy_u_sum(product)


def test_stubs_stand_only_during_the_import(monkeypatch):
    for name in ("dgl", *dgl.STUBS):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delenv(dgl.BACKEND, raising=False)
    monkeypatch.setattr(dgl.importlib.util, "find_spec", lambda name: None)
    with dgl._stubs():
        assert sys.modules["torchdata"].Anything.__name__ == "Anything"
        assert not hasattr(sys.modules["torchdata"], "__wrapped__")
        assert os.environ[dgl.BACKEND] == "pytorch"
    assert not set(dgl.STUBS) & set(sys.modules)
    assert dgl.BACKEND not in os.environ


def test_installed_packages_are_not_replaced(monkeypatch):
    monkeypatch.delitem(sys.modules, "dgl", raising=False)
    monkeypatch.setattr(dgl.importlib.util, "find_spec", lambda name: object())
    with dgl._stubs():
        assert [name for name in dgl.STUBS if isinstance(sys.modules.get(name), dgl._Stub)] == ["dgl.graphbolt"]
    assert importlib.util.find_spec is not None


def test_loaded_dgl_needs_no_stubs(monkeypatch):
    monkeypatch.setitem(sys.modules, "dgl", types.ModuleType("dgl"))
    before = dict(sys.modules)
    with dgl._stubs():
        assert sys.modules == before
