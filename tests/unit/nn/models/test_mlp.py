from __future__ import annotations

from tests.cases.model_case import ModelCase


class TestMLP(ModelCase):
    name = "mlp"
    state_widths = (12, 5)

    def dense(self, net, x, smooth):
        hidden = (x @ net.linear1.weight + net.linear1.bias).relu()
        return hidden @ net.linear2.weight + net.linear2.bias

    def test_graph_has_no_say(self):
        net, *_ = self.trained()
        assert {op.kind for op in net.to_plan().ops} == {"features", "linear"}
        assert net.propagation_name == "none"
