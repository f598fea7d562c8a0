"""Checkpoints: tensors and JSON in one safetensors file, complete or not there; no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from smoothbit.atomic_file import atomic_file
from smoothbit.errors import RunError

METADATA_KEY = "smoothbit"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors in named sections, and what else defines the state.

    Args:
        sections: Tensors by section and name, e.g. "model", "best", "adam", "rng".
        content: JSON-able values.
    """

    sections: dict[str, dict[str, Tensor]]
    content: dict[str, Any]


def write_checkpoint(path: Path, sections: Mapping[str, Mapping[str, Tensor]], content: Mapping[str, Any]) -> None:
    """Write a file that is complete or not there; the caller holds the folder's lock.

    Args:
        path: Target.
        sections: Tensors by section and name; section names hold no "/".
        content: JSON-able values.

    Raises:
        WriteError: it cannot be written.
    """
    flat = {f"{section}/{name}": value for section, tensors in sections.items() for name, value in tensors.items()}
    text = json.dumps(content, allow_nan=False)
    with atomic_file(path, is_sole_writer=True) as file:
        file.write(safetensors.torch.save(flat, {METADATA_KEY: text}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what `write_checkpoint` wrote.

    Raises:
        RunError: the file is damaged or not a checkpoint.
    """
    sections: dict[str, dict[str, Tensor]] = {}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            content = json.loads(file.metadata()[METADATA_KEY])
            for key in file.keys():  # noqa: SIM118  (safe_open is not a mapping)
                section, _, name = key.partition("/")
                sections.setdefault(section, {})[name] = file.get_tensor(key)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"Expected {path} to be a checkpoint of smoothbit (got {type(error).__name__}: {error}). "
            "Delete the file to train this seed from its start."
        ) from error
    return Checkpoint(sections, content)
