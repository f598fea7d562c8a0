"""Write and read the folder of a packed model; what config.json says is checked against the model file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from smoothbit.atomic_file import atomic_file
from smoothbit.cli.plan_table import float32_bytes, plan_rows
from smoothbit.engine import Model
from smoothbit.errors import SchemaError
from smoothbit.formats import PackedModel, read_model, write_model
from smoothbit.formats.container import read_container
from smoothbit.formats.json_text import parse_json
from smoothbit.formats.schema import FeaturesOp
from smoothbit.formats.wording import expected
from smoothbit.hub.card import Card, card_text

CONFIG = "config.json"
MODEL = "model.safetensors"
README = "README.md"
RESTORE = "Copy the whole folder again from its source, or write it with `save_pretrained`"


def save_pretrained(model: Model | PackedModel | str | Path, folder: str | Path, card: Card | None = None) -> None:
    """Write a packed model as a folder: `model.safetensors`, `README.md`, `config.json`, in this order.

    Each file is replaced in one step. A folder whose writing was interrupted is refused by `from_pretrained`,
    as its config.json belongs to another model file.

    Args:
        model: Packed model, or the path of its file, whose bytes are kept.
        folder: Target; made when it is missing.
        card: What the README says beside the model's own data; accuracy and latency it does not hold are
            stated as not measured.

    Raises:
        FormatError: the file is not a valid model.
        WriteError: the folder cannot be written.
    """
    folder = Path(folder)
    if isinstance(model, (str, Path)):
        read_model(model)
        with atomic_file(folder / MODEL) as file:
            file.write(Path(model).read_bytes())
    else:
        write_model(folder / MODEL, model.packed if isinstance(model, Model) else model)
    config = make_config(folder / MODEL)
    with atomic_file(folder / README) as file:
        file.write(card_text(card or Card(), config).encode())
    with atomic_file(folder / CONFIG) as file:
        file.write(json.dumps(config, indent=2).encode() + b"\n")


def from_pretrained(folder: str | Path) -> Model:
    """Return the model of a folder, ready to run; torch is not needed.

    Args:
        folder: Folder with `config.json` and `model.safetensors`, as `save_pretrained` writes it.

    Raises:
        FormatError: the model file is not valid, or config.json is about another one.
        OSError: a file is missing.
    """
    folder = Path(folder)
    stated = parse_json((folder / CONFIG).read_bytes(), CONFIG)
    if not isinstance(stated, dict):
        raise SchemaError(expected(CONFIG, "an object", stated, RESTORE))
    for key, value in make_config(folder / MODEL).items():
        if key not in stated or stated[key] != value:
            raise SchemaError(expected(f"{CONFIG}: {key}", f"{value!r} as in {MODEL}", stated.get(key), RESTORE))
    return Model(read_model(folder / MODEL))


def make_config(path: Path) -> dict[str, object]:
    """Return what config.json says of a model file: enough to know what it is without opening it.

    Raises:
        FormatError: the file is not a valid model.
    """
    data = path.read_bytes()
    model = read_model(path)
    info, plan = model.info, model.plan
    return {
        "library_name": "smoothbit",
        "library_version": info.library_version,
        "format_version": read_container(path).metadata["format_version"],
        "model": info.model,
        "quantizer": info.quantizer,
        "num_bits": info.num_bits,
        "propagation": info.propagation,
        "dataset": info.dataset,
        "split": info.split,
        "num_features": next((op.num_features for op in plan.ops if isinstance(op, FeaturesOp)), 0),
        "num_classes": info.num_classes,
        "plan": plan_rows(plan),
        "float32_bytes": float32_bytes(plan),
        "model_bytes": len(data),
        "model_sha256": hashlib.sha256(data).hexdigest(),
    }
