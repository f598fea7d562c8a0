"""PyG's `GraphSAGE` with jumping knowledge on Photo, in float32 and then in 8, 4 or 2 bits.

python examples/jumping_knowledge.py --root data --bits 8
"""

import argparse

import torch
import torch.nn.functional as F
import torch_geometric.transforms as T
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import Amazon
from torch_geometric.nn import GraphSAGE

import smoothbit


def train(model: GraphSAGE, data: Data, epochs: int, learning_rate: float, teacher: Tensor | None = None) -> None:
    """Train on the labels; with `teacher`, on its class probabilities of all nodes."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
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
def scores_of(model: GraphSAGE, data: Data) -> Tensor:
    model.eval()
    return model(data.x, data.edge_index)


def accuracy(scores: Tensor, data: Data) -> float:
    return (scores.argmax(dim=1) == data.y)[data.test_mask].float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="data")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--bits", type=int, default=8, choices=[8, 4, 2, 1])
    args = parser.parse_args()
    torch.manual_seed(0)
    split = T.RandomNodeSplit("test_rest", num_train_per_class=20, num_val=240)
    data = Amazon(f"{args.root}/amazon", "Photo", transform=T.Compose([T.NormalizeFeatures(), split]))[0]
    model = GraphSAGE(data.num_features, 64, num_layers=2, out_channels=int(data.y.max()) + 1, dropout=0.5, jk="cat")
    train(model, data, args.epochs, 0.01)
    scores = scores_of(model, data)
    print(f"float32: {accuracy(scores, data):.4f}")

    smoothbit.quantize_(model, f"int{args.bits}")  # the one call
    with smoothbit.calibrate(model, "mse"):
        model(data.x, data.edge_index)
    if args.bits < 8:
        train(model, data, args.epochs, 0.01, teacher=scores.softmax(dim=1))
    report = smoothbit.export(model, "sage.smoothbit", (data.x, data.edge_index))
    print(f"INT{args.bits}: {accuracy(scores_of(model, data), data):.4f}, {report.num_bytes:,} bytes")
    same = report.verification.fake_quantize_label_agreement
    print(f"Engine and PyTorch agree on {same:.2%} of the labels.")
