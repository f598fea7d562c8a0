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
from smoothbit.train.run_folder import seed_folder

CHILD = """
import sys
from smoothbit.data import contextual_sbm
from smoothbit.train import TrainConfig, fit
tiny = contextual_sbm(60, 240, 3, 12, separation=3.0)
fit(TrainConfig(**{fields!r}), tiny, sys.argv[1], 1, lambda s, e, v: print(e, flush=True), checkpoint_seconds=0)
"""


class Interrupted(Exception):  # noqa: N818
    """Stands for a crash."""


def _comparable(record: Record) -> dict[str, object]:
    fields = record.to_json()
    fields.pop("seconds")
    return fields


@pytest.mark.parametrize("num_bits", [32, 2], ids=["fp32", "int2"])
@pytest.mark.parametrize("checkpoint_seconds", [0.0, 1e9], ids=["each-epoch", "never"])
def test_crashed_run_gives_the_same_record(
    recipe: TrainConfig, tiny: Dataset, tmp_path: Path, num_bits: int, checkpoint_seconds: float
) -> None:
    config = replace(recipe, num_bits=num_bits)
    expected = fit(config, tiny, tmp_path / "whole", 0)

    def crash(seed: int, epoch: int, accuracy: float) -> None:
        if epoch == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        fit(config, tiny, tmp_path / "broken", 0, crash, checkpoint_seconds)
    seen: list[int] = []
    resumed = fit(config, tiny, tmp_path / "broken", 0, lambda s, e, v: seen.append(e))
    assert _comparable(resumed) == _comparable(expected)
    assert seen[0] == (5 if checkpoint_seconds == 0 else 1)


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
    assert record.val_accuracy == max(record.history["val_accuracy"])
