"""The model file `*.smoothbit`: plan and info as JSON, codes and numbers as tensors (docs/format.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from smoothbit.errors import ArgumentError, ValueRangeError
from smoothbit.formats.container import encode_header, read_container, write_container
from smoothbit.formats.json_text import parse_json, to_json
from smoothbit.formats.plan_reader import plan_from_json, value_kinds
from smoothbit.formats.plan_writer import plan_to_json
from smoothbit.formats.record import Record, TensorShelf, open_metadata
from smoothbit.formats.schema import DiffuseOp, LinearOp, ModelInfo, Plan
from smoothbit.formats.wording import expected
from smoothbit.typing import AnyArray

MODEL_FORMAT = "smoothbit-model"
MODEL_VERSION = "1.4"
PLAIN_VERSION = "1.0"
"""Version of a plan without what a later one added: any reader of 1.x reads it."""
FIRST_KINDS = ("features", "linear", "diffuse", "elastic")
"""Operations of formats before 1.3."""
INFO_TEXTS = ("model", "quantizer", "propagation", "dataset", "split", "library_version")
PARTS = {"bias": "biases", "correction": "corrections"}
PARTS |= dict.fromkeys(("scale", "mean_scale", "vector", "slopes"), "vectors")
"""Part of the file that a tensor of an operation belongs to, by the name after its number."""
MODEL_BITS = (1, 2, 4, 8, 32)
MAX_CLASSES = (1 << 31) - 1


@dataclass(frozen=True)
class PackedModel:
    """A model as it is stored: what to compute, and what it says about itself.

    Args:
        plan: Operations with their packed weights and laws.
        info: Names, training record, library version.
    """

    plan: Plan
    info: ModelInfo


def write_model(path: str | Path, model: PackedModel) -> None:
    """Write a model file; the same model gives the same bytes.

    What would be written is read back first, so that no file is written that `read_model` refuses.

    Args:
        path: Target, by convention `*.smoothbit`; replaced in one step.
        model: Model.

    Raises:
        ArgumentError: a number cannot be stored exactly, or `info.training` is not JSON.
        FormatError: the model breaks a rule of docs/format.md.
    """
    tensors, metadata = _encode(model)
    _decode(metadata, tensors)
    write_container(path, tensors, metadata)


def read_model(path: str | Path, *, mmap: bool = True) -> PackedModel:
    """Read a model file and check all of it.

    Args:
        path: File.
        mmap: Whether weights stay in a read-only memory map, or are copied into memory.

    Raises:
        FormatError: a subclass for each way to be wrong; see docs/format.md, "Refusals".
        OSError: the file cannot be opened.
    """
    container = read_container(path, mmap=mmap)
    return _decode(container.metadata, container.tensors)


def model_bytes(model: PackedModel) -> dict[str, int]:
    """Return how many bytes of the file each part takes.

    Returns:
        Bytes under "codes" (packed weights), "float_weights", "biases", "vectors" (other numbers for each
        channel), "laws", "corrections", "plan" and "info" (JSON as it stands in the header), "header" (all
        else), and "total", the file size and the sum of the others.
    """
    tensors, metadata = _encode(model)
    parts = dict.fromkeys(("codes", "float_weights", "biases", "vectors", "laws", "corrections"), 0)
    for name, array in tensors.items():
        parts[_part(name, array)] += array.nbytes
    for name in ("plan", "info"):
        parts[name] = len(to_json(metadata[name]))
    header_bytes = len(encode_header(tensors, metadata))
    total = header_bytes + sum(array.nbytes for array in tensors.values())
    return {**parts, "header": header_bytes - parts["plan"] - parts["info"], "total": total}


def _part(name: str, array: AnyArray) -> str:
    kind = name.partition(".")[2]
    if kind == "weight":
        return "codes" if array.itemsize == 1 else "float_weights"
    return PARTS.get(kind, "laws")


def _encode(model: PackedModel) -> tuple[dict[str, AnyArray], dict[str, str]]:
    plan, tensors = plan_to_json(model.plan)
    try:
        info = to_json(asdict(model.info))
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            expected("info", "JSON-able with finite numbers", str(error), "Convert NumPy numbers with `.item()`")
        ) from error
    metadata = {"format": MODEL_FORMAT, "format_version": _version(model.plan), "plan": to_json(plan), "info": info}
    return tensors, metadata


def _version(plan: Plan) -> str:
    if any(isinstance(op, LinearOp) and op.rows is not None for op in plan.ops):
        return MODEL_VERSION
    if any(op.kind not in FIRST_KINDS for op in plan.ops):
        return "1.3"
    diffusions = [op for op in plan.ops if isinstance(op, DiffuseOp)]
    if any(op.coding != "plain" for op in diffusions):
        return "1.2"
    laws = [value.law for value in value_kinds(plan)]
    has_node_laws = any(law is not None and law.granularity == "per_node" for law in laws)
    is_plain = not has_node_laws and all(op.skip is None and not op.has_relu for op in diffusions)
    return PLAIN_VERSION if is_plain else "1.1"


def _decode(metadata: Mapping[str, str], tensors: Mapping[str, AnyArray]) -> PackedModel:
    record = open_metadata(metadata, MODEL_FORMAT, MODEL_VERSION)
    shelf = TensorShelf(tensors, record.is_newer)
    plan_record = Record(parse_json(record.text("plan"), "plan"), "plan", record.is_newer)
    info_record = Record(parse_json(record.text("info"), "info"), "info", record.is_newer)
    record.finish()
    plan = plan_from_json(plan_record, shelf)
    info = _read_info(info_record)
    shelf.finish()
    width = value_kinds(plan)[plan.scores - 1].width
    if info.num_classes != width:
        rule = f"the width of the scores, {width}"
        raise ValueRangeError(expected("info.num_classes", rule, info.num_classes))
    return PackedModel(plan, info)


def _read_info(record: Record) -> ModelInfo:
    texts = {name: record.text(name) for name in INFO_TEXTS}
    num_bits = record.integer("num_bits", 1, 32)
    if num_bits not in MODEL_BITS:
        raise ValueRangeError(expected(record.path("num_bits"), "one of 1, 2, 4, 8, 32", num_bits))
    num_classes = record.integer("num_classes", 1, MAX_CLASSES)
    training = record.mapping("training")
    record.finish()
    return ModelInfo(**texts, num_bits=num_bits, num_classes=num_classes, training=training)
