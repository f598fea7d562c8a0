"""Layout of a run folder, and how a run is read back.

    <run>/config.json                          the recipe
    <run>/data.json                            name and checksum of the data set
    <run>/seed-<i>/checkpoint.safetensors      state of training, to resume from
    <run>/seed-<i>/best.safetensors            selected state and all it takes to rebuild the network
    <run>/seed-<i>/record.json                 result; written last: a seed that has one is done
    <run>/summary.json                         rows and summary over the seeds of the latest call

Every file is replaced in one step, so a killed process leaves each complete or absent.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from smoothbit.data import Dataset
from smoothbit.errors import ArgumentError, RunError
from smoothbit.nn import MODELS, Network
from smoothbit.train.checkpoint import read_checkpoint, write_checkpoint
from smoothbit.train.config import PLACE_FIELDS, TrainConfig
from smoothbit.train.records import Record, best_seed, write_json
from smoothbit.train.trainer import Trainer

CONFIG_FILE = "config.json"
DATA_FILE = "data.json"
SUMMARY_FILE = "summary.json"
CHECKPOINT_FILE = "checkpoint.safetensors"
BEST_FILE = "best.safetensors"
RECORD_FILE = "record.json"


def seed_folder(run_dir: Path, seed: int) -> Path:
    """Return the folder of one seed."""
    return run_dir / f"seed-{seed}"


def config_key(config: TrainConfig) -> str:
    """Return a short name that recipes share when they compute the same."""
    fields = {name: value for name, value in config.to_json().items() if name not in PLACE_FIELDS}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]


def claim_folder(run_dir: Path, config: TrainConfig) -> None:
    """Write the recipe into a new run folder, or check that an old one has the same.

    Raises:
        RunError: the folder holds a run of another configuration.
    """
    path = run_dir / CONFIG_FILE
    if path.exists():
        check_same(config, read_config(run_dir), run_dir)
    else:
        write_json(path, config.to_json())


def claim_data(run_dir: Path, dataset: Dataset) -> None:
    """Write the checksum of the data into a run folder that has none, or check that it is still the same.

    Raises:
        RunError: the folder holds a run on other data.
    """
    path = run_dir / DATA_FILE
    if not path.exists():
        write_json(path, {"dataset": dataset.name, "sha256": dataset.digest})
        return
    stored = read_json(path)
    if not isinstance(stored, dict) or stored.get("sha256") != dataset.digest:
        known = stored.get("sha256") if isinstance(stored, dict) else stored
        raise RunError(
            f"Expected data set {dataset.name} to be what it was when {run_dir} was begun, SHA-256 {known} "
            f"(got {dataset.digest}). Restore its files, or use another folder."
        )


def check_same(config: TrainConfig, stored: TrainConfig, folder: Path) -> None:
    """Check that a folder's configuration is the wanted one.

    Raises:
        RunError: it differs; the message says where.
    """
    differences = config.differences(stored)
    if differences:
        raise RunError(
            f"Expected {folder} to hold a run of the same configuration (got {'; '.join(differences)}). "
            "Use the stored values, another folder, or delete this one."
        )


def read_config(run_dir: Path) -> TrainConfig:
    """Read the recipe of a run.

    Raises:
        RunError: the folder holds no run, or its recipe cannot be read.
    """
    path = run_dir / CONFIG_FILE
    if not path.is_file():
        raise RunError(
            f"Expected {run_dir} to be a run folder (got no {CONFIG_FILE}). Pass the --out folder of `smoothbit train`."
        )
    return _config_of(read_json(path), path)


def read_json(path: Path) -> Any:
    """Read a JSON file of a run.

    Raises:
        RunError: it is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise RunError(f"Expected {path} to be JSON (got {error}). Delete it and train again.") from error


def read_record(folder: Path) -> Record:
    """Read the result of one seed.

    Raises:
        RunError: the record cannot be read.
    """
    path = folder / RECORD_FILE
    fields = read_json(path)
    try:
        return Record(**fields)
    except TypeError as error:
        raise RunError(f"Expected {path} to be a training record (got {error}). Delete it and train again.") from error


def write_best(folder: Path, trainer: Trainer, seed: int) -> None:
    """Write the selected state with the configurations of run and network."""
    content = {
        "config": trainer.config.to_json(),
        "network": trainer.model.config.to_json(),
        "seed": seed,
        "best_epoch": trainer.best_epoch,
    }
    write_checkpoint(folder / BEST_FILE, {"model": trainer.best}, content)


def stored_config(path: Path) -> TrainConfig:
    """Return the configuration inside a checkpoint or a selected state.

    Raises:
        RunError: it cannot be read.
    """
    return _config_of(read_checkpoint(path).content.get("config"), path)


def finished_seeds(run_dir: Path) -> dict[int, Record]:
    """Return the records of a run by seed."""
    found = {}
    for folder in run_dir.glob("seed-*"):
        match = re.fullmatch(r"seed-(\d+)", folder.name)
        if match and (folder / RECORD_FILE).is_file():
            found[int(match[1])] = read_record(folder)
    return dict(sorted(found.items()))


def load_run_model(run_dir: str | Path, seed: int | None = None) -> tuple[Network, TrainConfig, Record]:
    """Rebuild a trained network from its folder alone.

    Args:
        run_dir: Run folder.
        seed: Seed, or None for the best on validation (of equals lower loss, then lower seed).

    Returns:
        Network in evaluation mode at its selected epoch, the recipe, the record.

    Raises:
        RunError: the folder holds no finished run, or not that seed.
    """
    run_dir = Path(run_dir)
    config = read_config(run_dir)
    records = finished_seeds(run_dir)
    if seed is None and records:
        seed = best_seed(records)
    if seed is None or seed not in records:
        raise RunError(
            f"Expected {run_dir} to hold a finished seed{'' if seed is None else f' {seed}'} "
            f"(got {', '.join(map(str, records)) or 'none'}). "
            f"Run `smoothbit train` again with --out {run_dir}."
        )
    best = read_checkpoint(seed_folder(run_dir, seed) / BEST_FILE)
    network = MODELS.resolve(config.model)
    model = network(network.config_type.from_json(best.content["network"]))
    model.load_state_dict(best.sections["model"])
    return model.eval(), config, records[seed]


def _config_of(fields: Any, path: Path) -> TrainConfig:
    try:
        return TrainConfig(**fields)
    except (TypeError, ArgumentError) as error:
        raise RunError(
            f"Expected {path} to hold a configuration of this version (got {error}). Train again in a new folder."
        ) from error
