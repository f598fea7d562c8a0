from __future__ import annotations

import pytest

from smoothbit.bench import BenchRequest
from smoothbit.bench.request import default_channels
from smoothbit.errors import ArgumentError


@pytest.mark.parametrize("name", ["num_nodes", "num_channels", "num_threads", "num_rows", "depth"])
def test_sizes_are_positive(name):
    with pytest.raises(ArgumentError, match=rf"Expected `{name}` to be >= 1 \(got 0\)"):
        BenchRequest(**{name: 0})


@pytest.mark.parametrize("bits", [(), (2, 2)], ids=["none", "twice"])
def test_widths_differ(bits):
    with pytest.raises(ArgumentError, match="Expected `bits` to be different widths"):
        BenchRequest(bits=bits)


def test_widths_are_known():
    with pytest.raises(ArgumentError, match="one of 1, 2, 4, 8"):
        BenchRequest(bits=(3,))


def test_default_channels_are_those_of_the_suite():
    assert default_channels("Gemm") == default_channels("features") == 64
    assert default_channels("propagate") == 128


def test_order_is_known():
    with pytest.raises(ArgumentError, match=r"node order to be a registered name \(got 'rmc'\). Did you mean 'rcm'"):
        BenchRequest(order="rmc")


@pytest.mark.parametrize(("suite", "coding"), [("propagate", "feedback"), ("model", "delta")])
def test_coding_is_known_to_the_suite(suite, coding):
    with pytest.raises(ArgumentError, match=rf"`coding` to be one of .* for the suite {suite} \(got '{coding}'\)"):
        BenchRequest(suite=suite, coding=coding)
