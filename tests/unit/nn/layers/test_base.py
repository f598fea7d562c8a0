from __future__ import annotations

import ast
from pathlib import Path

from smoothbit.nn.layers import LAYERS


def test_every_registered_layer_has_a_case():
    tested = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "kind":
                tested.add(ast.unparse(node.value).split(".")[-1])
    assert tested == {kind.__name__ for kind in LAYERS}
