from pathlib import Path

import pytest

from smoothbit.errors import RunError
from smoothbit.train.lock import folder_lock


def test_second_holder_is_refused(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "run"), pytest.raises(RunError, match=r"Expected run folder .* to be free"):  # noqa: SIM117
        with folder_lock(tmp_path / "run"):
            pass


def test_lock_is_free_again_after_the_block(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        pass
    with folder_lock(tmp_path):
        pass
