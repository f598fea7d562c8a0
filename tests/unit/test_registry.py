from __future__ import annotations

import importlib.metadata
import sys

import pytest

from smoothbit.errors import ArgumentError, PluginError
from smoothbit.nn import PROPAGATIONS
from smoothbit.quant import QUANTIZERS
from smoothbit.registry import Registry, nearest_name


@pytest.fixture
def quantizers():
    registry = Registry("quantizer")
    registry.register("LSQ")(1)
    registry.register("DegreeQuant")(2)
    return registry


def test_resolve_ignores_case(quantizers):
    assert quantizers.resolve("lsq") == 1
    assert quantizers.resolve("DEGREEQUANT") == 2


def test_decorator_returns_its_argument(quantizers):
    @quantizers.register("qlr")
    class QLR:
        pass

    assert quantizers.resolve("qlr") is QLR


def test_container_protocol(quantizers):
    assert "lsq" in quantizers
    assert "LSQ" in quantizers
    assert 3 not in quantizers
    assert list(quantizers) == quantizers.names() == ["DegreeQuant", "LSQ"]
    assert repr(quantizers) == "Registry(quantizer: DegreeQuant, LSQ)"


def test_names_are_taken_once(quantizers):
    with pytest.raises(ArgumentError, match=r"quantizer name to be unused \(got 'lsq'\). Choose another name"):
        quantizers.register("lsq")(3)


def test_unknown_name_lists_all_and_the_nearest(quantizers):
    with pytest.raises(
        ArgumentError,
        match=r"quantizer to be a registered name \(got 'degree'\). Did you mean 'DegreeQuant'\?",
    ):
        quantizers.resolve("degree")


def test_nearest_name_without_a_near_one():
    assert nearest_name("zzz", ["lsq"]) == "Valid names: lsq."


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Install distributions: metadata and one module each, as pip would lay them out."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution, entry_point, source, group="smoothbit.quantizers"):
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        metadata = tmp_path / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{entry_point} = {module}:Plugin\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


@pytest.fixture
def extended():
    registry = Registry("quantizer", "smoothbit.quantizers")
    registry.register("LSQ")(1)
    return registry


def test_plugin_is_found_by_name_and_imported_only_then(install, extended):
    install("third-party", "Percentile", "class Plugin: pass\n")
    assert extended.names() == ["LSQ", "Percentile"]
    assert "percentile" in extended
    assert extended.resolve("lsq") == 1
    assert "third_party" not in sys.modules
    plugin = extended.resolve("PERCENTILE")
    assert (plugin.__module__, plugin.__name__) == ("third_party", "Plugin")
    assert extended.resolve("percentile") is plugin


def test_plugins_of_other_groups_are_not_members(install, extended, quantizers):
    install("third-party", "Percentile", "class Plugin: pass\n", group="smoothbit.propagations")
    assert extended.names() == ["LSQ"]
    assert quantizers.names() == ["DegreeQuant", "LSQ"]


def test_entry_points_are_read_once(install, extended, monkeypatch):
    install("third-party", "Percentile", "class Plugin: pass\n")
    calls = []
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: calls.append(group) or [])
    for _ in range(2):
        extended.names()
    assert calls == ["smoothbit.quantizers"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_module_that_is_missing\n", "ModuleNotFoundError: No module named 'a_module_that_is_missing'"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("other = 1\n", "AttributeError: module 'third_party' has no attribute 'Plugin'"),
    ],
)
def test_broken_plugin_is_named_with_its_distribution_and_harms_no_other(install, extended, source, reason):
    install("third-party", "Percentile", source)
    with pytest.raises(PluginError) as caught:
        extended.resolve("percentile")
    assert str(caught.value) == (
        "Expected quantizer 'Percentile' of the distribution 'third-party' to be importable from "
        f"third_party:Plugin (got {reason}). Repair that distribution, or uninstall it."
    )
    assert extended.resolve("lsq") == 1


def test_name_of_ours_is_refused_to_a_plugin(install, extended):
    install("third-party", "lsq", "class Plugin: pass\n")
    with pytest.raises(
        PluginError, match=r"the quantizer name 'LSQ' to have one owner \(got smoothbit, 'third-party'\). Rename"
    ):
        extended.resolve("LSQ")
    assert extended.names() == ["LSQ", "lsq"]


def test_one_name_of_two_plugins_is_refused(install, extended):
    for distribution in ("first-party", "second-party"):
        install(distribution, "percentile", "class Plugin: pass\n")
    with pytest.raises(PluginError, match=r"\(got '(first|second)-party', '(first|second)-party'\)"):
        extended.resolve("percentile")


@pytest.fixture(params=[(QUANTIZERS, "MinMax"), (PROPAGATIONS, "GCNPropagation")], ids=["quantizer", "propagation"])
def family(request):
    """A registry of ours that has not read its entry points yet, and one of its members."""
    members, base = request.param
    members.__dict__.pop("_plugins", None)
    yield members, base
    members.__dict__.pop("_plugins", None)


def test_families_take_plugins(install, family):
    members, base = family
    install("third-party", "mine", f"from {_home(base)} import {base}\nclass Plugin({base}): pass\n", members.group)
    assert members.resolve("mine").__mro__[1].__name__ == base


def _home(base):
    return "smoothbit.quant" if base == "MinMax" else "smoothbit.nn.propagation.gcn"
