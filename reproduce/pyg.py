"""PyG's own networks in float32 and at 8, 4 and 2 bits: accuracy, bytes, and the engine's labels against torch's.

One file for each cell under --runs, so that a run that was stopped goes on; --table joins them into the record and
fills the table of docs/pyg.md.

    python reproduce/pyg.py --root DATA --cell gat/Cora/int4/0
    python reproduce/pyg.py --root DATA                           every cell, what exists is kept
    python reproduce/pyg.py --table
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
import torch_geometric.transforms as T  # noqa: N812
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.datasets import Amazon, Planetoid, TUDataset
from torch_geometric.loader import DataLoader, NeighborLoader
from torch_geometric.nn import MLP, GATConv, GCNConv, GINConv, GraphSAGE, SAGEConv, global_add_pool

import smoothbit
from smoothbit.data import load_dataset

REPOSITORY = Path(__file__).resolve().parents[1]
RECORD = REPOSITORY / "reproduce" / "pyg" / "accuracy.json"
PAGE = REPOSITORY / "docs" / "pyg.md"
WIDTHS = ("float", "int8", "int4", "int2")
SEEDS = 5


@dataclass(frozen=True)
class Recipe:
    """Epochs, learning rate and weight decay in float32; epochs and rate of each width below 8 bits."""

    epochs: int
    rate: float
    decay: float
    low_epochs: int
    low_rate: float


RECIPES = {
    "Cora": Recipe(epochs=100, rate=0.01, decay=5e-4, low_epochs=50, low_rate=0.01),
    "Photo": Recipe(epochs=100, rate=0.05, decay=0.0, low_epochs=100, low_rate=0.02),
    "facebook": Recipe(epochs=100, rate=0.03, decay=5e-4, low_epochs=100, low_rate=0.01),
    "PROTEINS": Recipe(epochs=60, rate=0.01, decay=0.0, low_epochs=40, low_rate=0.01),
    "IMDB-BINARY": Recipe(epochs=60, rate=0.01, decay=0.0, low_epochs=40, low_rate=0.01),
}
NUM_VAL = 500
"""Nodes of the validation set, where a graph has no public split."""
CHECK_EVERY = 5
"""Epochs between two looks at the validation set; the weights with the highest accuracy there are kept."""
SVD_CHANNELS = 128
"""Channels of facebook's features, as in PyG's `FacebookPagePage`; the 4,714 words are projected."""


class GCN(nn.Module):
    """The network of PyG's examples/gcn.py."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = GCNConv(num_features, 64)
        self.conv2 = GCNConv(64, num_classes)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.dropout(x, p=0.5, training=self.training)
        x = self.conv1(x, edge_index).relu()
        x = F.dropout(x, p=0.5, training=self.training)
        return self.conv2(x, edge_index)


class GAT(nn.Module):
    """The network of PyG's examples/gat.py: 8 heads of 8 channels."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = GATConv(num_features, 8, heads=8, dropout=0.6)
        self.conv2 = GATConv(64, num_classes, heads=1, concat=False, dropout=0.6)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.dropout(x, p=0.6, training=self.training)
        x = F.elu(self.conv1(x, edge_index))
        x = F.dropout(x, p=0.6, training=self.training)
        return self.conv2(x, edge_index)


class SAGE(nn.Module):
    """The network of PyG's examples/reddit.py, trained on sampled neighbours where PyG can sample."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList([SAGEConv(num_features, 64), SAGEConv(64, num_classes)])

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.dropout(self.convs[0](x, edge_index).relu(), p=0.5, training=self.training)
        return self.convs[1](x, edge_index)


class GIN(nn.Module):
    """The network of PyG's examples/mutag_gin.py."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        widths = [num_features, *[32] * 5]
        self.convs = nn.ModuleList(GINConv(MLP([width, 32, 32]), train_eps=False) for width in widths[:-1])
        self.mlp = MLP([32, 32, num_classes], norm=None, dropout=0.5)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor, batch_size: int) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index).relu()
        return self.mlp(global_add_pool(x, batch, size=batch_size))


def jumping_sage(num_features: int, num_classes: int) -> GraphSAGE:
    """PyG's `GraphSAGE` with jumping knowledge."""
    return GraphSAGE(num_features, 64, num_layers=2, out_channels=num_classes, dropout=0.5, jk="cat")


NODE_SETS, GRAPH_SETS = ("Cora", "Photo", "facebook"), ("PROTEINS", "IMDB-BINARY")
NETWORKS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "gcn": (GCN, NODE_SETS),
    "gat": (GAT, NODE_SETS),
    "sage": (SAGE, NODE_SETS),
    "sage_jk": (jumping_sage, NODE_SETS),
    "gin": (GIN, GRAPH_SETS),
}


@cache
def node_data(name: str, root: str) -> Data:
    """Return a graph with row-normalised features, or facebook with projected ones."""
    if name == "Cora":
        return Planetoid(f"{root}/planetoid", name, transform=T.NormalizeFeatures())[0]
    if name == "Photo":
        return Amazon(f"{root}/amazon", name, transform=T.NormalizeFeatures())[0]
    from sklearn.decomposition import TruncatedSVD

    source = load_dataset("facebook", root)
    x = TruncatedSVD(SVD_CHANNELS, random_state=0).fit_transform(source.features.to_dense()).astype(np.float32)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    edges = np.stack([source.adjacency.indices, source.adjacency.entry_rows()]).astype(np.int64)
    return Data(x=torch.from_numpy(x), edge_index=torch.from_numpy(edges), y=torch.from_numpy(source.labels))


class NodeTask:
    """Node classification: Cora's public split, else 20 nodes of each class and `NUM_VAL` to validate, by the seed."""

    def __init__(self, name: str, root: str, seed: int) -> None:
        data = node_data(name, root).clone()
        if name != "Cora":
            torch.manual_seed(seed)
            data = T.RandomNodeSplit("test_rest", num_train_per_class=20, num_val=NUM_VAL)(data)
        self.data, self.num_classes = data, int(data.y.max()) + 1
        self.example = (data.x, data.edge_index)

    def scores(self, model: nn.Module) -> Tensor:
        return model(self.data.x, self.data.edge_index)

    def losses(self, model: nn.Module, teacher: Tensor | None) -> Iterator[Tensor]:
        """Yield the loss of each step of an epoch: on labels, or on a teacher's probabilities of all nodes."""
        data = self.data
        if isinstance(model, SAGE) and can_sample():
            nodes, batch_size = (data.train_mask, 64) if teacher is None else (None, 4096)
            for batch in NeighborLoader(data, [25, 10], input_nodes=nodes, batch_size=batch_size, shuffle=True):
                targets = batch.y if teacher is None else teacher[batch.n_id]
                out = model(batch.x, batch.edge_index)[: batch.batch_size]
                yield F.cross_entropy(out, targets[: batch.batch_size])
        elif teacher is not None:
            yield F.cross_entropy(self.scores(model), teacher)
        else:
            yield F.cross_entropy(self.scores(model)[data.train_mask], data.y[data.train_mask])

    def validation(self, model: nn.Module) -> tuple[float, float]:
        """Return accuracy and negative loss on the validation nodes."""
        return _quality(self.scores(model)[self.data.val_mask], self.data.y[self.data.val_mask])

    def calibrate(self, model: nn.Module) -> None:
        self.scores(model)

    def teacher(self, model: nn.Module) -> Tensor:
        return self.scores(model).softmax(dim=1)

    def accuracy(self, scores: Tensor) -> float:
        return _quality(scores[self.data.test_mask], self.data.y[self.data.test_mask])[0]


class GraphTask:
    """Graph classification: the seed's fifth of the graphs tests, so that five seeds test each graph once."""

    def __init__(self, name: str, root: str, seed: int) -> None:
        dataset = TUDataset(f"{root}/tu", name, transform=T.OneHotDegree(135) if name == "IMDB-BINARY" else None)
        order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))
        folds = [[dataset[int(i)] for i in order[fold :: 2 * SEEDS]] for fold in range(2 * SEEDS)]
        folds = folds[2 * seed :] + folds[: 2 * seed]
        self.data, self.num_classes = Batch.from_data_list(folds[0] + folds[1]), dataset.num_classes
        self.held_out = Batch.from_data_list(folds[2])
        self.graphs = [graph for fold in folds[3:] for graph in fold]
        self.example = self._arguments(self.data)

    @staticmethod
    def _arguments(batch: Batch) -> tuple[Any, ...]:
        return batch.x, batch.edge_index, batch.batch, batch.num_graphs

    def scores(self, model: nn.Module) -> Tensor:
        return model(*self.example)

    def losses(self, model: nn.Module, teacher: nn.Module | None) -> Iterator[Tensor]:
        for batch in DataLoader(self.graphs, 128, shuffle=True):
            arguments = self._arguments(batch)
            with torch.no_grad():
                targets = batch.y if teacher is None else teacher(*arguments).softmax(dim=1)
            yield F.cross_entropy(model(*arguments), targets)

    def validation(self, model: nn.Module) -> tuple[float, float]:
        return _quality(model(*self._arguments(self.held_out)), self.held_out.y)

    def calibrate(self, model: nn.Module) -> None:
        model(*self._arguments(Batch.from_data_list(self.graphs)))

    def teacher(self, model: nn.Module) -> nn.Module:
        return model

    def accuracy(self, scores: Tensor) -> float:
        return _quality(scores, self.data.y)[0]


def _quality(scores: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return accuracy and negative cross entropy."""
    return float((scores.argmax(dim=1) == labels).float().mean()), -float(F.cross_entropy(scores, labels))


@cache
def can_sample() -> bool:
    """Return whether PyG finds pyg-lib or torch-sparse."""
    import torch_geometric.typing as found

    return bool(found.WITH_PYG_LIB or found.WITH_TORCH_SPARSE)


def fit(model: nn.Module, task: Any, epochs: int, rate: float, decay: float, teacher: Any = None) -> dict[str, Any]:
    """Train with rates that fall to 0 as a cosine and keep the weights that are best on the validation set.

    With a teacher there is no dropout: low bits cannot hold its noise. Return the epoch and its validation accuracy.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    if teacher is not None:
        for module in model.modules():
            if isinstance(getattr(module, "dropout", None), float):
                module.dropout = 0.0
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    best: tuple[tuple[float, float], int, dict[str, Tensor]] | None = None
    for epoch in range(1, epochs + 1):
        model.train()
        model.training = teacher is None  # of the network's own calls of F.dropout; its layers stay in training mode
        for loss in task.losses(model, teacher):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        if epoch % CHECK_EVERY == 0:
            model.eval()
            with torch.no_grad():
                quality = task.validation(model)
            if best is None or quality > best[0]:
                best = quality, epoch, copy.deepcopy(model.state_dict())
    model.eval()
    if best is None:
        raise ValueError(f"epochs must be at least {CHECK_EVERY}, got {epochs}.")
    model.load_state_dict(best[2])
    return {"epoch": best[1], "validation": best[0][0]}


class Cell:
    """One network, data set, width and seed."""

    def __init__(self, name: str, root: str, runs: Path) -> None:
        self.name, self.root, self.runs = name, root, runs
        self.network, self.dataset, self.width, seed = name.split("/")
        self.seed = int(seed)
        self.path = runs / f"{name.replace('/', '-')}.json"
        self.weights = self.path.with_suffix(".safetensors")

    def beside(self, width: str) -> Cell:
        return Cell(f"{self.network}/{self.dataset}/{width}/{self.seed}", self.root, self.runs)

    def model(self, task: Any) -> nn.Module:
        return NETWORKS[self.network][0](task.data.num_features, task.num_classes)

    def run(self) -> dict[str, Any]:
        """Return the cell's record; what it starts from is run first where it is missing."""
        if self.path.exists():
            return json.loads(self.path.read_text())
        start = time.perf_counter()
        task = (GraphTask if self.dataset in GRAPH_SETS else NodeTask)(self.dataset, self.root, self.seed)
        torch.manual_seed(self.seed)
        model = self.model(task)
        recipe = RECIPES[self.dataset]
        if self.width == "float":
            found = fit(model, task, recipe.epochs, recipe.rate, recipe.decay)
            found["parameters"] = sum(parameter.numel() for parameter in model.parameters())
            found["loader"] = "NeighborLoader" if self.network == "sage" and can_sample() else "all"
        else:
            model, found = self._quantized(model, task, recipe)
        with torch.no_grad():
            found["accuracy"] = task.accuracy(task.scores(model))
        names = {name for name, _ in self.model(task).state_dict().items()}
        save_file({k: v.contiguous() for k, v in model.state_dict().items() if k in names}, self.weights)
        record = {"cell": self.name, "seconds": round(time.perf_counter() - start, 1), **found}
        self.path.write_text(json.dumps(record, indent=1))
        return record

    def _quantized(self, model: nn.Module, task: Any, recipe: Recipe) -> tuple[nn.Module, dict[str, Any]]:
        """Return the network at the cell's width: 8 bits as it is, 4 from float32, 2 from 4, trained on."""
        before = self.beside("int4" if self.width == "int2" else "float")
        before.run()
        teacher_model = self.model(task)
        teacher_model.load_state_dict(load_file(self.beside("float").weights))
        model.load_state_dict(load_file(before.weights))
        smoothbit.quantize_(model, self.width)
        with smoothbit.calibrate(model, "mse"):
            task.calibrate(model)
        found: dict[str, Any] = {}
        if self.width != "int8":
            with torch.no_grad():
                teacher = task.teacher(teacher_model.eval())
            found = fit(model, task, recipe.low_epochs, recipe.low_rate, 0.0, teacher)
        exported = smoothbit.export(model.eval(), self.path.with_suffix(".smoothbit"), task.example)
        check = exported.verification
        return model, {
            **found,
            "bytes": exported.num_bytes,
            "engine_accuracy": task.accuracy(torch.from_numpy(exported.scores)),
            "label_agreement": check.fake_quantize_label_agreement,
            "stages_equal": check.stages_equal == check.stages,
        }


def cells() -> list[str]:
    """Return every cell, data set by data set."""
    return [
        f"{network}/{dataset}/{width}/{seed}"
        for dataset in RECIPES
        for network, (_, datasets) in NETWORKS.items()
        if dataset in datasets
        for seed in range(SEEDS)
        for width in WIDTHS
    ]


def join(runs: Path) -> dict[str, Any]:
    """Return all records as one."""
    records = [json.loads(path.read_text()) for path in sorted(runs.glob("*.json"))]
    return {
        "kind": "pyg-accuracy",
        "library_version": smoothbit.__version__,
        "torch": torch.__version__,
        "cells": records,
    }


def table(record: dict[str, Any]) -> str:
    """Return the record as Markdown: mean and standard deviation over seeds, in points."""
    rows: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for cell in record["cells"]:
        network, dataset, width, _ = cell["cell"].split("/")
        rows.setdefault(f"{network} | {dataset}", {}).setdefault(width, []).append(cell)
    lines = ["| network | data | seeds | float32 | INT8, not trained | INT4 | INT2 | engine = torch | bytes at INT2 |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, widths in rows.items():
        agreement = [cell["label_agreement"] for found in widths.values() for cell in found if "bytes" in cell]
        sizes = [cell["bytes"] for cell in widths.get("int2", [])]
        size = f"{round(statistics.mean(sizes)):,}" if sizes else ""
        share = f"{min(agreement):.2%}" if agreement else ""
        seeds = max(len(found) for found in widths.values())
        columns = [_points(widths.get(width, [])) for width in WIDTHS]
        lines.append(f"| {name} | {seeds} | {' | '.join(columns)} | {share} | {size} |")
    return "\n".join(lines)


def _points(found: list[dict[str, Any]]) -> str:
    values = [100 * cell.get("engine_accuracy", cell["accuracy"]) for cell in found]
    if len(values) < 2:
        return f"{values[0]:.1f}" if values else ""
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


def fill(text: str, name: str, rows: str) -> str:
    """Return a page with the table between its markers exchanged."""
    begin, end = f"<!-- pyg: {name} -->\n", "<!-- /pyg -->"
    head, rest = text.split(begin)
    return f"{head}{begin}{rows}\n{end}{rest.split(end, 1)[1]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="data")
    parser.add_argument("--runs", type=Path, default=Path("runs/pyg"))
    parser.add_argument("--cell", help="one cell: network/data/width/seed")
    parser.add_argument("--table", action="store_true", help="join what was run and fill docs/pyg.md")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.runs.mkdir(parents=True, exist_ok=True)
    if args.table:
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(join(args.runs), indent=1) + "\n")
        PAGE.write_text(fill(PAGE.read_text(), "accuracy", table(json.loads(RECORD.read_text()))))
    else:
        for name in [args.cell] if args.cell else cells():
            print(json.dumps(Cell(name, args.root, args.runs).run()), flush=True)
