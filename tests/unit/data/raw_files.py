"""Write tiny raw files in the layout of each source, and watch a folder for writes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse as sp

# Five nodes: a triangle 0-1-2, a double edge 2-3, a self-loop at 3, node 4 alone.
SOURCES = np.array([0, 1, 2, 2, 3, 3])
TARGETS = np.array([1, 2, 0, 3, 2, 3])
LABELS = np.array([0, 1, 1, 0, 1], dtype=np.int64)
FEATURES = np.array([[1, 0, 2], [0, 0, 0], [0, 3, 0], [1, 1, 1], [0, 0.5, 0]], dtype=np.float32)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return each path below `folder` with its size and time of change."""
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted([folder, *folder.rglob("*")])}


def write_npz_graph(path: Path, **changes: Any) -> None:
    """Write the five-node graph as gnn-benchmark does; `changes` replaces arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    adjacency = sp.csr_matrix((np.ones(6, dtype=np.float32), (SOURCES, TARGETS)), shape=(5, 5))
    arrays: dict[str, Any] = {"labels": LABELS}
    for prefix, matrix in (("adj", adjacency), ("attr", sp.csr_matrix(FEATURES))):
        arrays |= {f"{prefix}_{key}": getattr(matrix, key) for key in ("data", "indices", "indptr", "shape")}
    np.savez_compressed(path, **(arrays | changes))


def write_heterophilous(path: Path, num_splits: int = 10, **changes: Any) -> None:
    """Write the five-node graph as yandex-research does; `changes` replaces arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = np.arange(5)[None, :] + np.arange(num_splits)[:, None]
    arrays: dict[str, Any] = {
        "node_features": (FEATURES > 0).astype(np.float32),
        "node_labels": LABELS,
        "edges": np.stack([SOURCES, TARGETS], axis=1)[:4],
        "train_masks": parts % 5 < 2,
        "val_masks": parts % 5 == 2,
        "test_masks": parts % 5 > 2,
    }
    np.savez_compressed(path, **(arrays | changes))


def write_facebook100(path: Path, metadata: np.ndarray | None = None) -> None:
    """Write five people with seven metadata columns as `data.mat`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if metadata is None:
        metadata = np.array(
            [
                [1, 1, 5, 0, 0, 2007, 9],
                [1, 2, 5, 0, 1, 2007, 9],
                [2, 0, 6, 0, 1, 2007, 8],
                [1, 2, 7, 0, 0, 0, 9],
                [1, 1, 5, 0, 0, 2007, 9],
            ]
        )
    rows, cols = np.concatenate([SOURCES, TARGETS]), np.concatenate([TARGETS, SOURCES])
    adjacency = sp.csc_matrix((np.ones(12), (rows, cols)), shape=(5, 5))
    scipy.io.savemat(path, {"A": adjacency, "local_info": metadata.astype(np.uint16)})


def write_musae(folder: Path, page_types: tuple[str, ...] = ("tvshow", "company", "company", "politician")) -> None:
    """Write four pages with a self-loop at page 3; page 1 has no words."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "facebook_edges.csv").write_text("id_1,id_2\n0,1\n2,1\n3,3\n", encoding="utf-8")
    (folder / "facebook.json").write_text(json.dumps({"2": [4, 0], "0": [1], "3": [2], "1": []}), encoding="utf-8")
    rows = [f'{i},{9 + i},"a, ""b"" é",{page_type}' for i, page_type in enumerate(page_types)]
    (folder / "facebook_target.csv").write_text("id,facebook_id,page_name,page_type\n" + "\n".join(rows), "utf-8")


def write_planetoid(folder: Path, name: str, num_classes: int = 7) -> None:
    """Write 530 nodes in a cycle, one training node a class, 500 for validation, the last 10 for test."""
    folder.mkdir(parents=True, exist_ok=True)
    one_hot = np.eye(num_classes, dtype=np.int32)[np.arange(530) % num_classes]
    words = sp.csr_matrix(np.eye(8, dtype=np.float32)[np.arange(530) % 8])
    parts: dict[str, Any] = {
        "x": words[:num_classes],
        "y": one_hot[:num_classes],
        "allx": words[:520],
        "ally": one_hot[:520],
        "tx": words[520:],
        "ty": one_hot[520:],
        "graph": {i: [(i + 1) % 530, (i - 1) % 530, i] for i in range(530)},
    }
    for part, content in parts.items():
        (folder / f"ind.{name.lower()}.{part}").write_bytes(pickle.dumps(content, protocol=2))
    (folder / f"ind.{name.lower()}.test.index").write_text("".join(f"{i}\n" for i in range(529, 519, -1)))
