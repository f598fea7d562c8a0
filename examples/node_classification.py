"""Node classification: PyG's GCN on Cora in float32, then in 8, 4 or 2 bits, as a file that the engine runs.

python examples/node_classification.py --root data --bits 8     (below 8: fine-tuned towards the float32 scores)
"""

import argparse

import torch
import torch.nn.functional as F
import torch_geometric.transforms as T
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GCNConv

import smoothbit


class GCN(torch.nn.Module):
    """The network of PyG's examples/gcn.py."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = GCNConv(in_channels, hidden_channels)
        self.conv2 = GCNConv(hidden_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.dropout(x, p=0.5, training=self.training)
        x = self.conv1(x, edge_index).relu()
        x = F.dropout(x, p=0.5, training=self.training)
        return self.conv2(x, edge_index)


def train(model: GCN, data: Data, epochs: int, learning_rate: float, teacher: Tensor | None = None) -> None:
    """Train on the labels; with `teacher`, on its class probabilities of all nodes."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=0 if teacher is not None else 5e-4)
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        out = model(data.x, data.edge_index)
        if teacher is None:
            F.cross_entropy(out[data.train_mask], data.y[data.train_mask]).backward()
        else:
            F.cross_entropy(out, teacher).backward()
        optimizer.step()


@torch.no_grad()
def scores_of(model: GCN, data: Data) -> Tensor:
    model.eval()
    return model(data.x, data.edge_index)


def accuracy(scores: Tensor, data: Data) -> float:
    return (scores.argmax(dim=1) == data.y)[data.test_mask].float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="data")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--bits", type=int, default=8, choices=[8, 4, 2, 1])
    args = parser.parse_args()
    torch.manual_seed(0)
    data = Planetoid(f"{args.root}/planetoid", "Cora", transform=T.NormalizeFeatures())[0]
    model = GCN(data.num_features, 16, int(data.y.max()) + 1)
    train(model, data, args.epochs, 0.01)
    scores = scores_of(model, data)
    print(f"float32: {accuracy(scores, data):.4f}")

    print(smoothbit.quantize_(model, f"int{args.bits}"))  # the one call
    with smoothbit.calibrate(model, "mse"):
        model(data.x, data.edge_index)
    if args.bits < 8:
        train(model, data, args.epochs, 0.01, teacher=scores.softmax(dim=1))
    report = smoothbit.export(model, "gcn.smoothbit", (data.x, data.edge_index))
    print(f"INT{args.bits}: {accuracy(scores_of(model, data), data):.4f}, {report.num_bytes:,} bytes")
    same = report.verification.fake_quantize_label_agreement
    print(f"Engine and PyTorch agree on {same:.2%} of the labels.")
