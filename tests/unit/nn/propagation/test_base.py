from __future__ import annotations

from pathlib import Path

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.nn import PROPAGATIONS
from tests.helpers import make_propagation


def test_every_registered_propagation_is_checked():
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for name in PROPAGATIONS.names():
        assert f'propagation_checks("{name}", dense' in source, f"the invariants of {name} are not checked"


def test_unknown_name_lists_the_nearest():
    with pytest.raises(ArgumentError, match="Did you mean 'appnp'"):
        PROPAGATIONS.resolve("appnpp")


def test_zero_steps_are_refused():
    with pytest.raises(ArgumentError, match=r"Expected `num_steps` to be at least 1 \(got 0\)"):
        make_propagation("gcn", 0)
