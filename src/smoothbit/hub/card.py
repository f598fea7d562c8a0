"""The model card: what the file says about itself, and what was measured. Nothing else is claimed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

NOT_MEASURED = "not measured"
USE = """\
```python
from smoothbit.engine import PreparedGraph
from smoothbit.hub import from_pretrained
from smoothbit.numerics.features import Features

model = from_pretrained("path/of/this/folder")
result = model.run(PreparedGraph(adjacency), Features(x))  # CSR [N, N], float32 [N, F]
result.labels
```
"""


@dataclass(frozen=True)
class Measurement:
    """What `measure_model` found on one graph.

    Args:
        graph: Name of the graph.
        nodes: Nodes N.
        edges: Directed edges, one self-loop for each node included.
        accuracy: Share of labels that are right, in [0, 1], or None without labels.
        evaluated: Labels compared; 0 without labels.
        latency_ms: First quartile, median and third quartile of a run, milliseconds.
        samples: Runs timed.
        threads: Threads of the engine.
        isa: Instruction set of the engine.
        cpu: Name of the processor.
    """

    graph: str
    nodes: int
    edges: int
    accuracy: float | None
    evaluated: int
    latency_ms: tuple[float, float, float]
    samples: int
    threads: int
    isa: str
    cpu: str


@dataclass(frozen=True)
class Card:
    """What only the author of a model knows.

    Args:
        name: Title, or "" for the name of the network.
        description: A paragraph of Markdown.
        licence: Licence identifier, e.g. "apache-2.0", or "" to state none.
        tags: Tags beside ours.
        measurement: What was measured, or None.
    """

    name: str = ""
    description: str = ""
    licence: str = ""
    tags: tuple[str, ...] = ()
    measurement: Measurement | None = None


def card_text(card: Card, config: Mapping[str, object]) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        card: Words and measurements.
        config: What config.json holds.
    """
    title = _cell(card.name or str(config["model"]))
    front = "\n".join(_front_matter(card, title, config))
    lines = [f"---\n{front}\n---\n", f"# {title}\n"]
    if card.description:
        lines.append(f"{card.description}\n")
    lines.append(
        f"A {_cell(str(config['model']))} with {_width(config)}, packed by smoothbit {config['library_version']}: "
        "a CPU runs it in integers, without PyTorch.\n"
    )
    lines.append("| | |\n|---|---|\n" + "\n".join(f"| {key} | {value} |" for key, value in _rows(card, config)) + "\n")
    lines.append(f"## Use\n\n{USE}")
    return "\n".join(lines)


def _front_matter(card: Card, title: str, config: Mapping[str, object]) -> list[str]:
    """Return lines of YAML; values are JSON, which YAML reads."""
    tags = ["smoothbit", "graph-neural-network", "quantized", f"{config['num_bits']}-bit", *card.tags]
    lines = ["library_name: smoothbit", "pipeline_tag: graph-ml", f"tags: {json.dumps(list(dict.fromkeys(tags)))}"]
    if card.licence:
        lines.append(f"license: {json.dumps(card.licence)}")
    found = card.measurement
    if found is not None and found.accuracy is not None:
        result = {
            "task": {"type": "graph-ml"},
            "dataset": {"name": found.graph, "type": found.graph},
            "metrics": [{"type": "accuracy", "value": found.accuracy}],
        }
        lines.append(f"model-index: {json.dumps([{'name': title, 'results': [result]}])}")
    return lines


def _rows(card: Card, config: Mapping[str, object]) -> list[tuple[str, str]]:
    found = card.measurement
    accuracy = latency = NOT_MEASURED
    if found is not None:
        q1, median, q3 = found.latency_ms
        where = f"{found.graph}: {found.nodes:,} nodes, {found.edges:,} edges"
        latency = (
            f"{median:.3f} ms (quartiles {q1:.3f} to {q3:.3f}, {found.samples} runs) on {where}; "
            f"{found.cpu}, {found.isa}, threads: {found.threads}"
        )
        if found.accuracy is not None:
            accuracy = f"{found.accuracy:.4f} on {found.evaluated:,} labels of {found.graph}"
    rows = [
        ("Accuracy, packed model", accuracy),
        ("Latency, packed model", latency),
        ("Bytes of `model.safetensors`", f"{config['model_bytes']:,}"),
        ("Bytes of the same weights in float32", f"{config['float32_bytes']:,}"),
        ("Bits", _width(config)),
        ("Trained on", str(config["dataset"]) or "not stated"),
        ("Features, classes", f"{config['num_features']:,}, {config['num_classes']:,}"),
    ]
    return [(key, _cell(value)) for key, value in rows]


def _width(config: Mapping[str, object]) -> str:
    bits = config["num_bits"]
    return "float32 weights" if bits == 32 else _cell(f"{bits}-bit codes ({config['quantizer']})")


def _cell(text: str) -> str:
    """Return a text that stays inside its cell of a table."""
    return "".join(c if c.isprintable() else " " for c in text).replace("|", "\\|")
