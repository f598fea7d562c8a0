from __future__ import annotations

from pathlib import Path

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.nn import PROPAGATIONS


def test_every_registered_propagation_has_a_case():
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for name in PROPAGATIONS.names():
        assert f'    name = "{name}"' in source, f"no PropagationCase for {name}"


def test_unknown_name_lists_the_nearest():
    with pytest.raises(ArgumentError, match="Did you mean 'appnp'"):
        PROPAGATIONS.resolve("appnpp")
