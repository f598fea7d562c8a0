"""Link prediction: a GCN encoder and dot products on Cora; the encoder in 8, 4 or 2 bits runs in the engine.

python examples/link_prediction.py --root data --bits 8
"""

import argparse

import torch
import torch.nn.functional as F
import torch_geometric.transforms as T
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GCNConv
from torch_geometric.utils import negative_sampling

import smoothbit
from smoothbit.engine import PreparedGraph


class Encoder(torch.nn.Module):
    """The encoder of PyG's examples/link_pred.py."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = GCNConv(in_channels, hidden_channels)
        self.conv2 = GCNConv(hidden_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv2(self.conv1(x, edge_index).relu(), edge_index)


def decode(z: Tensor, pairs: Tensor) -> Tensor:
    return (z[pairs[0]] * z[pairs[1]]).sum(dim=-1)


def train(model: Encoder, data: Data, epochs: int, learning_rate: float) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    truth = data.edge_label_index
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        z = model(data.x, data.edge_index)
        pairs = torch.cat([truth, negative_sampling(data.edge_index, data.num_nodes, truth.size(1))], dim=1)
        labels = (torch.arange(pairs.size(1)) < truth.size(1)).float()
        F.binary_cross_entropy_with_logits(decode(z, pairs), labels).backward()
        optimizer.step()


def auc(z: Tensor, data: Data) -> float:
    return float(roc_auc_score(data.edge_label.numpy(), decode(z, data.edge_label_index).numpy()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="data")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--bits", type=int, default=8, choices=[8, 4, 2, 1])
    args = parser.parse_args()
    torch.manual_seed(0)
    split = T.RandomLinkSplit(num_val=0.05, num_test=0.1, is_undirected=True, add_negative_train_samples=False)
    transform = T.Compose([T.NormalizeFeatures(), split])
    train_data, _, test = Planetoid(f"{args.root}/planetoid", "Cora", transform=transform)[0]
    model = Encoder(train_data.num_features, 128, 64)
    train(model, train_data, args.epochs, 0.01)
    with torch.no_grad():
        print(f"float32: AUC {auc(model(test.x, test.edge_index), test):.4f}")

    smoothbit.quantize_(model, f"int{args.bits}")  # the one call
    with smoothbit.calibrate(model, "mse"):
        model(train_data.x, train_data.edge_index)
    if args.bits < 8:
        train(model, train_data, args.epochs, 0.001)
    smoothbit.export(model, "encoder.smoothbit", (test.x, test.edge_index))
    graph = PreparedGraph.from_edge_index(test.edge_index.numpy(), test.num_nodes)
    packed = smoothbit.load("encoder.smoothbit")
    result = packed.run(graph, packed.features(test.x.numpy()))
    print(f"INT{args.bits} in the engine: AUC {auc(torch.from_numpy(result.scores), test):.4f}")
