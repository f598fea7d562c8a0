from pathlib import Path

import pytest
import torch

from smoothbit.errors import RunError
from smoothbit.train.checkpoint import read_checkpoint, write_checkpoint


def test_round_trip_keeps_sections_dtypes_and_ranks(tmp_path: Path) -> None:
    sections = {
        "model": {"linear.weight": torch.randn(2, 3), "flag": torch.tensor(True)},
        "rng": {"torch": torch.get_rng_state()},
    }
    write_checkpoint(tmp_path / "c.safetensors", sections, {"epoch": 3, "loss": 0.1})
    read = read_checkpoint(tmp_path / "c.safetensors")
    assert read.content == {"epoch": 3, "loss": 0.1}
    for section, tensors in sections.items():
        for name, value in tensors.items():
            assert read.sections[section][name].dtype == value.dtype
            assert torch.equal(read.sections[section][name], value)


def test_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    (tmp_path / ".c.safetensors.tmp").write_text("left by a killed process")
    write_checkpoint(tmp_path / "c.safetensors", {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]


@pytest.mark.parametrize(
    "content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"x" * 100], ids=["empty", "no-metadata", "noise"]
)
def test_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"Expected .* to be a checkpoint of smoothbit"):
        read_checkpoint(path)
