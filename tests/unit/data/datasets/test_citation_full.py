"""Full citation graphs."""

from pathlib import Path

import pytest

from smoothbit.data import load_dataset
from tests.cases.dataset_case import DatasetCase
from tests.unit.data.raw_files import write_npz_graph


class TestDBLP(DatasetCase):
    name, counts = "DBLP", (17_716, 52_867, 1_639, 4)


class TestCoraML(DatasetCase):
    name, counts = "Cora_ML", (2_995, 8_158, 2_879, 7)


class TestCitationFullCora(DatasetCase):
    name, counts = "CitationFull-Cora", (19_793, 63_421, 8_710, 70)


class TestCitationFullCiteSeer(DatasetCase):
    name, counts = "CitationFull-CiteSeer", (4_230, 5_337, 602, 6)


class TestCitationFullPubMed(DatasetCase):
    name, counts = "CitationFull-PubMed", (19_717, 44_324, 500, 3)


@pytest.mark.parametrize(("name", "stem"), [("citationfull-cora", "cora"), ("cora_ml", "cora_ml"), ("dblp", "dblp")])
def test_reads_the_layout(root: Path, name: str, stem: str) -> None:
    write_npz_graph(root / f"citation_full/{stem}/raw/{stem}.npz")
    dataset = load_dataset(name, root)
    assert (dataset.family, dataset.name.lower(), dataset.num_edges) == ("citation_full", name, 4)
