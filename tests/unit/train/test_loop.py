import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from smoothbit.data import Dataset
from smoothbit.errors import RunError
from smoothbit.train import Record, TrainConfig, fit
from smoothbit.train.lock import folder_lock
from smoothbit.train.phases import phases_of
from smoothbit.train.run_folder import seed_folder

CHILD = """
import sys, time
from smoothbit.data import contextual_sbm
from smoothbit.train import TrainConfig, fit
tiny = contextual_sbm(60, 240, 3, 12, separation=3.0)
def slow_down(seed, epoch, accuracy):
    print(epoch, flush=True)
    time.sleep(0.2 * (epoch >= 7))  # so that it is alive when it is killed
fit(TrainConfig(**{fields!r}), tiny, sys.argv[1], 1, slow_down, checkpoint_seconds=0)
"""


class Interrupted(Exception):  # noqa: N818
    """Stands for a crash."""


def _comparable(record: Record) -> dict[str, object]:
    fields = record.to_json()
    fields.pop("seconds")
    return fields


@pytest.mark.parametrize("num_bits", [32, 2], ids=["fp32", "int2"])
@pytest.mark.parametrize("last", [1, 2, 3, 4, 5])
def test_crashed_run_gives_the_same_record(
    recipe: TrainConfig, tiny: Dataset, tmp_path: Path, num_bits: int, last: int
) -> None:
    """INT2 has epochs of phases 32, 32, 8, 4, 2, 2: each is broken off in, and at its end."""
    config = replace(recipe, num_bits=num_bits)
    expected = fit(config, tiny, tmp_path / "whole", 0)
    assert _resumed(config, tiny, tmp_path, last, 0.0) == (_comparable(expected), last + 1)


@pytest.mark.parametrize("num_bits", [32, 2], ids=["fp32", "int2"])
def test_crash_between_the_last_epoch_and_the_record(
    recipe: TrainConfig, tiny: Dataset, tmp_path: Path, num_bits: int
) -> None:
    config = replace(recipe, num_bits=num_bits)
    expected = fit(config, tiny, tmp_path, 0)
    (tmp_path / "seed-0" / "record.json").unlink()
    assert _comparable(fit(config, tiny, tmp_path, 0)) == _comparable(expected)


def test_crashed_run_without_a_checkpoint_starts_anew(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    expected = fit(recipe, tiny, tmp_path / "whole", 0)
    assert _resumed(recipe, tiny, tmp_path, 4, 1e9) == (_comparable(expected), 1)


def _resumed(
    config: TrainConfig, tiny: Dataset, folder: Path, last: int, checkpoint_seconds: float
) -> tuple[dict[str, object], int]:
    """Crash after epoch `last`, resume; return the record and the first epoch after the crash."""

    def crash(seed: int, epoch: int, accuracy: float) -> None:
        if epoch == last:
            raise Interrupted

    with pytest.raises(Interrupted):
        fit(config, tiny, folder / "broken", 0, crash, checkpoint_seconds)
    seen: list[int] = []
    record = fit(config, tiny, folder / "broken", 0, lambda s, e, v: seen.append(e))
    return _comparable(record), seen[0]


def test_killed_process_gives_the_same_record(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    config = replace(recipe, epochs=40)
    expected = fit(config, tiny, tmp_path / "whole", 1)
    script = CHILD.format(fields=config.to_json())
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= 7:
            break
    child.send_signal(signal.SIGKILL)
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    folder = seed_folder(tmp_path / "killed", 1)
    assert (folder / "checkpoint.safetensors").is_file()
    assert not (folder / "record.json").exists()
    assert _comparable(fit(config, tiny, tmp_path / "killed", 1)) == _comparable(expected)


def test_finished_seed_is_read_not_trained(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    first = fit(recipe, tiny, tmp_path, 0)
    assert fit(recipe, tiny, tmp_path, 0, lambda *_: pytest.fail("trained again")) == first


@pytest.mark.parametrize("is_finished", [True, False], ids=["finished", "unfinished"])
def test_other_configuration_is_refused(recipe: TrainConfig, tiny: Dataset, tmp_path: Path, is_finished: bool) -> None:
    fit(recipe, tiny, tmp_path, 0)
    if not is_finished:
        (seed_folder(tmp_path, 0) / "record.json").unlink()
    with pytest.raises(RunError, match=r"same configuration \(got learning_rate: 0.5, not 0.01\)"):
        fit(replace(recipe, learning_rate=0.5), tiny, tmp_path, 0)


def test_locked_folder_is_refused(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    with folder_lock(seed_folder(tmp_path, 0)), pytest.raises(RunError, match="to be free"):
        fit(recipe, tiny, tmp_path, 0)


def test_record_on_disk_is_the_one_returned(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    record = fit(recipe, tiny, tmp_path, 2)
    assert json.loads((seed_folder(tmp_path, 2) / "record.json").read_text()) == record.to_json()
    assert record.split == "random-20/seed=2"
    assert len(record.history["val_accuracy"]) == record.epochs == recipe.epochs
    start = phases_of(recipe)[-1].start
    assert record.val_accuracy == max(record.history["val_accuracy"][start:])
