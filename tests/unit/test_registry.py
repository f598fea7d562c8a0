from __future__ import annotations

import pytest

from smoothbit.errors import ArgumentError
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
