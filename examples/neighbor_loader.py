"""GraphSAGE on Photo, trained on sampled neighbours, then run layer by layer on the whole graph by the engine.

`NeighborLoader` needs pyg-lib or torch-sparse, as PyG says when neither is installed.

python examples/neighbor_loader.py --root data --bits 8
"""

import argparse

import torch
import torch.nn.functional as F
import torch_geometric.transforms as T
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import Amazon
from torch_geometric.loader import NeighborLoader
from torch_geometric.nn import SAGEConv

import smoothbit


class SAGE(torch.nn.Module):
    """The network of PyG's examples/reddit.py."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convs = torch.nn.ModuleList(
            [SAGEConv(in_channels, hidden_channels), SAGEConv(hidden_channels, out_channels)]
        )

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for i, conv in enumerate(self.convs):
            x = conv(x, edge_index)
            if i < len(self.convs) - 1:
                x = F.dropout(x.relu(), p=0.5, training=self.training)
        return x


def train(model: SAGE, loader: NeighborLoader, epochs: int, learning_rate: float) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for _ in range(epochs):
        model.train()
        for batch in loader:
            optimizer.zero_grad()
            out = model(batch.x, batch.edge_index)[: batch.batch_size]
            F.cross_entropy(out, batch.y[: batch.batch_size]).backward()
            optimizer.step()


@torch.no_grad()
def accuracy(model: SAGE, data: Data) -> float:
    model.eval()
    return (model(data.x, data.edge_index).argmax(dim=1) == data.y)[data.test_mask].float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="data")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--bits", type=int, default=8, choices=[8, 4, 2, 1])
    args = parser.parse_args()
    torch.manual_seed(0)
    split = T.RandomNodeSplit("train_rest", num_val=0.1, num_test=0.2)
    data = Amazon(f"{args.root}/amazon", "Photo", transform=T.Compose([T.NormalizeFeatures(), split]))[0]
    loader = NeighborLoader(data, [25, 10], input_nodes=data.train_mask, batch_size=512, shuffle=True)
    model = SAGE(data.num_features, 64, int(data.y.max()) + 1)
    train(model, loader, args.epochs, 0.01)
    print(f"float32: {accuracy(model, data):.4f}")

    smoothbit.quantize_(model, f"int{args.bits}")  # the one call
    with smoothbit.calibrate(model, "mse"):
        model(data.x, data.edge_index)
    if args.bits < 8:
        train(model, loader, args.epochs, 0.003)
    report = smoothbit.export(model, "sage.smoothbit", (data.x, data.edge_index))  # runs the whole graph by layers
    print(f"INT{args.bits}: {accuracy(model, data):.4f}, {report.num_bytes:,} bytes")
    same = report.verification.fake_quantize_label_agreement
    print(f"Engine and PyTorch agree on {same:.2%} of the labels.")
