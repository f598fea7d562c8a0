"""The examples run as scripts, on small graphs in place of the data sets; so does one cell of reproduce/pyg.py."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_geometric.datasets
import torch_geometric.loader
from torch_geometric.data import Data
from torch_geometric.sampler import BaseSampler, NodeSamplerInput, SamplerOutput

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


class NeighborSampler(BaseSampler):
    """What `NeighborLoader` takes from pyg-lib or torch-sparse, so that the example runs where neither is installed."""

    edge_permutation = None

    def __init__(self, data: Data, num_neighbors: list[int]) -> None:
        self.edge_index, self.num_neighbors = data.edge_index, num_neighbors

    def sample_from_nodes(self, index: NodeSamplerInput, **_: object) -> SamplerOutput:
        nodes = front = index.node
        kept = torch.zeros(self.edge_index.shape[1], dtype=torch.bool)
        for count in self.num_neighbors:
            for node in front:
                edges = (self.edge_index[1] == node).nonzero().flatten()
                kept[edges[torch.randperm(len(edges))[:count]]] = True
            found = self.edge_index[0, kept].unique()
            front = found[~torch.isin(found, nodes)]
            nodes = torch.cat([nodes, front])
        place = torch.full((int(self.edge_index.max()) + 1,), -1)
        place[nodes] = torch.arange(len(nodes))
        row, col = place[self.edge_index[:, kept]]
        return SamplerOutput(nodes, row, col, kept.nonzero().flatten(), metadata=(index.input_id, index.time))

    def sample_from_edges(self, index: object, **_: object) -> SamplerOutput:
        raise AssertionError("The examples sample around nodes.")


class SampledLoader(torch_geometric.loader.NeighborLoader):
    """PyG's loader with the sampler above."""

    def __init__(self, data: Data, num_neighbors: list[int], **options: object) -> None:
        super().__init__(data, num_neighbors, neighbor_sampler=NeighborSampler(data, num_neighbors), **options)


def node_graph(seed: int = 0) -> Data:
    """Return 90 nodes of 3 classes whose edges and words mostly stay inside a class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(90) % 3
    ends = rng.integers(0, 90, (2, 1500))
    ends = ends[:, (labels[ends[0]] == labels[ends[1]]) | (rng.random(1500) < 0.05)]
    words = (rng.random((90, 12)) < np.where(labels[:, None] == np.arange(12) % 3, 0.5, 0.1)).astype(np.float32)
    edges = np.concatenate([ends, ends[::-1]], axis=1)
    mask = torch.arange(90) < 45
    data = Data(x=torch.from_numpy(words), edge_index=torch.from_numpy(edges), y=torch.from_numpy(labels))
    data.train_mask, data.val_mask, data.test_mask = mask, torch.arange(90) > 80, ~mask
    return data


class Graphs(list):
    """Paths and cycles, as a data set of PyG."""

    num_features, num_classes = 3, 2

    def __init__(self, root="", name="", transform=None, graphs=None):
        super().__init__(graphs if graphs is not None else [self._graph(k) for k in range(40)])

    @staticmethod
    def _graph(number: int) -> Data:
        nodes = torch.arange(5 + number % 4)
        ends = torch.stack([nodes, nodes.roll(-1)])[:, : len(nodes) - number % 2]
        index = torch.cat([ends, ends.flip(0)], dim=1)
        degree = torch.bincount(index[1], minlength=len(nodes))
        x = torch.nn.functional.one_hot(degree, 3).float()
        return Data(x=x, edge_index=index, y=torch.tensor([number % 2]))

    def shuffle(self):
        return self

    def __getitem__(self, key):
        return Graphs(graphs=super().__getitem__(key)) if isinstance(key, slice) else super().__getitem__(key)


@pytest.fixture
def small_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def node_set(root="", name="", transform=None):
        return [transform(node_graph())]

    for name in ("Planetoid", "Amazon"):
        monkeypatch.setattr(torch_geometric.datasets, name, node_set)
    monkeypatch.setattr(torch_geometric.datasets, "TUDataset", Graphs)
    monkeypatch.setattr(torch_geometric.loader, "NeighborLoader", SampledLoader)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("bits", [8, 2])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(example, bits, small_data, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [example.name, "--epochs", "4", "--bits", str(bits)])
    runpy.run_path(str(example), run_name="__main__")
    printed = capsys.readouterr().out
    assert f"INT{bits}" in printed
    assert "agree" not in printed or "agree on 100.00%" in printed
    assert len(list(small_data.glob("*.smoothbit"))) == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short_enough_to_paste(example):
    assert len(example.read_text().splitlines()) < 80


@pytest.fixture
def reproduction(small_data, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "reproduce"))
    sys.modules.pop("pyg", None)
    import pyg

    recipe = pyg.Recipe(epochs=3, rate=0.01, decay=0.0, low_epochs=2, low_rate=0.01)
    monkeypatch.setattr(pyg, "RECIPES", dict.fromkeys(pyg.RECIPES, recipe))
    monkeypatch.setattr(pyg, "CHECK_EVERY", 1)
    monkeypatch.setattr(pyg, "NUM_VAL", 10)
    monkeypatch.setattr(pyg, "can_sample", lambda: True)
    yield pyg
    sys.modules.pop("pyg")


@pytest.mark.parametrize("cell", ["gcn/Cora/int2/0", "gin/PROTEINS/int4/1", "sage_jk/Photo/int8/0", "sage/Cora/int4/0"])
def test_a_cell_leaves_records_that_make_a_table(reproduction, small_data, cell):
    record = reproduction.Cell(cell, "", small_data).run()
    assert record["label_agreement"] == 1
    assert record["stages_equal"]
    assert record == reproduction.Cell(cell, "", small_data).run()
    record = json.loads(json.dumps(reproduction.join(small_data)))
    before = {"int2": ("float", "int4", "int2"), "int4": ("float", "int4"), "int8": ("float", "int8")}
    network, dataset, width, _ = cell.split("/")
    assert {entry["cell"].split("/")[2] for entry in record["cells"]} == set(before[width])
    assert f"| {network} | {dataset} | 1 |" in reproduction.table(record)


def test_a_table_replaces_what_stands_between_its_markers(reproduction):
    page = "a\n<!-- pyg: latency -->\nold\n<!-- /pyg -->\nb\n<!-- pyg: accuracy -->\n<!-- /pyg -->\nc"
    filled = reproduction.fill(reproduction.fill(page, "latency", "x"), "accuracy", "y")
    assert filled == page.replace("old", "x").replace("accuracy -->\n", "accuracy -->\ny\n")


@pytest.mark.parametrize("name", ["accuracy", "latency"])
def test_tables_of_the_page_are_those_of_the_records(reproduction, name):
    path = REPOSITORY / "reproduce" / "pyg" / f"{name}.json"
    text = (REPOSITORY / "docs" / "pyg.md").read_text()
    if not path.exists():
        assert f"<!-- pyg: {name} -->\n<!-- /pyg -->" in text
        return
    import pyg_latency

    table = reproduction.table if name == "accuracy" else pyg_latency.table
    assert reproduction.fill(text, name, table(json.loads(path.read_text()))) == text
