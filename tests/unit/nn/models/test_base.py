from __future__ import annotations

from pathlib import Path

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.nn import MODELS


def test_every_registered_model_has_a_case():
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for name in MODELS.names():
        assert f'    name = "{name}"' in source, f"no ModelCase for {name}"


def test_unknown_name_lists_the_nearest():
    with pytest.raises(ArgumentError, match="Did you mean 'gcn'"):
        MODELS.resolve("gcnn")
