"""Graph classification: a GIN on PROTEINS or IMDB-BINARY, in float32 and then in 8, 4 or 2 bits.
python examples/graph_classification.py --root data --name PROTEINS --bits 8"""

import argparse

import torch
import torch.nn.functional as F
import torch_geometric.transforms as T
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.datasets import TUDataset
from torch_geometric.loader import DataLoader
from torch_geometric.nn import MLP, GINConv, global_add_pool

import smoothbit


class GIN(torch.nn.Module):
    """The network of PyG's examples/mutag_gin.py."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, num_layers: int = 5) -> None:
        super().__init__()
        self.convs = torch.nn.ModuleList()
        for _ in range(num_layers):
            self.convs.append(GINConv(MLP([in_channels, hidden_channels, hidden_channels]), train_eps=False))
            in_channels = hidden_channels
        self.mlp = MLP([hidden_channels, hidden_channels, out_channels], norm=None, dropout=0.5)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor, batch_size: int) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index).relu()
        return self.mlp(global_add_pool(x, batch, size=batch_size))


def scores_of(model: GIN, batch: Batch) -> Tensor:
    return model(batch.x, batch.edge_index, batch.batch, batch.num_graphs)


def train(model: GIN, loader: DataLoader, epochs: int, learning_rate: float) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for _ in range(epochs):
        model.train()
        for batch in loader:
            optimizer.zero_grad()
            F.cross_entropy(scores_of(model, batch), batch.y).backward()
            optimizer.step()


@torch.no_grad()
def accuracy(model: GIN, batch: Batch) -> float:
    model.eval()
    return (scores_of(model, batch).argmax(dim=1) == batch.y).float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="data")
    parser.add_argument("--name", default="PROTEINS", choices=["PROTEINS", "IMDB-BINARY", "MUTAG"])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--bits", type=int, default=8, choices=[8, 4, 2, 1])
    args = parser.parse_args()
    torch.manual_seed(0)
    degrees = T.OneHotDegree(135) if args.name == "IMDB-BINARY" else None  # a set without node features
    dataset = TUDataset(f"{args.root}/tu", args.name, transform=degrees).shuffle()
    train_loader = DataLoader(dataset[: 9 * len(dataset) // 10], 128, shuffle=True)
    test = Batch.from_data_list(list(dataset[9 * len(dataset) // 10 :]))
    model = GIN(dataset.num_features, 32, dataset.num_classes)
    train(model, train_loader, args.epochs, 0.01)
    print(f"float32: {accuracy(model, test):.4f}")

    smoothbit.quantize_(model, f"int{args.bits}")  # the one call
    with smoothbit.calibrate(model, "mse"):
        scores_of(model, next(iter(train_loader)))
    if args.bits < 8:
        train(model, train_loader, args.epochs // 2, 0.001)
    report = smoothbit.export(model, "gin.smoothbit", (test.x, test.edge_index, test.batch, test.num_graphs))
    print(f"INT{args.bits}: {accuracy(model, test):.4f}, {report.num_bytes:,} bytes")
    same = report.verification.fake_quantize_label_agreement
    print(f"Engine and PyTorch agree on {same:.2%} of {len(report.scores)} graphs.")
