"""Networks of PyG, quantized, exported and turned into ONNX; skipped without the extra `onnx`."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import GAT, GCN, GIN, GraphNorm, GraphSAGE, global_mean_pool

pytest.importorskip("onnxruntime")

import smoothbit

NETWORKS = {
    "gcn": lambda: GCN(8, 16, 2, 3),
    "gat": lambda: GAT(8, 16, 2, 3, heads=4, act="elu"),
    "gin": lambda: GIN(8, 16, 2, 3, norm="batch_norm"),
    "sage-max": lambda: GraphSAGE(8, 16, 2, 3, aggr="max", jk="max"),
    "sage-cat": lambda: GraphSAGE(8, 16, 2, 3, jk="cat"),
}


def graph():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(40, 8, generator=generator), torch.randint(40, (2, 160), generator=generator)


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_agrees_with_the_engine(name, bits, tmp_path):
    torch.manual_seed(1)
    model, example = NETWORKS[name](), graph()
    smoothbit.quantize_(model, f"int{bits}")
    with smoothbit.calibrate(model):
        model(*example)
    smoothbit.export(model.eval(), tmp_path / "net.smoothbit", example)
    report = smoothbit.export_onnx(tmp_path / "net.smoothbit", tmp_path / "net.onnx", example)
    assert report.label_agreement == 1
    assert report.inputs == ("x", "edge_index")
    assert report.max_relative_difference < 1e-6


class GraphNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(8, 16), GraphNorm(16), nn.Linear(16, 3)

    def forward(self, x, batch):
        return self.last(global_mean_pool(self.norm(self.first(x), batch).relu(), batch))


def test_graph_network(tmp_path):
    torch.manual_seed(1)
    model, (x, _) = GraphNetwork(), graph()
    batch = torch.arange(40) // 10
    smoothbit.quantize_(model, "int8")
    with smoothbit.calibrate(model):
        model(x, batch)
    smoothbit.export(model.eval(), tmp_path / "net.smoothbit", (x, batch))
    example = {"x": x, "edge_index": torch.zeros(2, 0, dtype=torch.long), "batch": batch}
    report = smoothbit.export_onnx(tmp_path / "net.smoothbit", tmp_path / "net.onnx", example)
    assert (report.num_rows, report.label_agreement, report.inputs) == (4, 1, ("x", "batch"))
