"""From a trained network to a packed file: ranges and multipliers are frozen to numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smoothbit import __version__
from smoothbit.formats import PackedModel, write_model
from smoothbit.formats.schema import ModelInfo
from smoothbit.nn import Network
from smoothbit.train import load_run_model


def export_model(
    model: Network,
    path: str | Path | None,
    *,
    dataset: str = "",
    split: str = "",
    training: dict[str, Any] | None = None,
) -> PackedModel:
    """Pack a network and write its file.

    Args:
        model: Network that has seen at least one training batch.
        path: Target, by convention `*.smoothbit`; replaced in one step. None writes no file.
        dataset: Name of the data set it was trained on.
        split: Name of the split.
        training: Record of the training, JSON-able.

    Raises:
        ArgumentError: the network was not trained yet.
        FormatError: the network breaks a rule of the file format.
    """
    config = model.config
    info = ModelInfo(
        model=type(model).__name__,
        quantizer="none" if config.quant.is_float else config.quant.quantizer,
        num_bits=config.quant.num_bits,
        propagation=model.propagation_name,
        dataset=dataset,
        split=split,
        num_classes=config.num_classes,
        library_version=__version__,
        training=dict(training or {}),
    )
    packed = PackedModel(model.to_plan(), info)
    if path is not None:
        write_model(path, packed)
    return packed


def export_run(run_dir: str | Path, path: str | Path | None, seed: int | None = None) -> PackedModel:
    """Pack one seed of a run.

    Args:
        run_dir: Run folder of `smoothbit train`.
        path: Target, or None to write no file.
        seed: Seed, or None for the best on validation.

    Raises:
        RunError: the folder holds no finished run, or not that seed.
    """
    model, config, record = load_run_model(run_dir, seed)
    training = {name: value for name, value in record.to_row().items() if name != "split"}
    return export_model(model, path, dataset=config.dataset, split=record.split, training=training)
