"""Keep the tests away from the user's data and cache."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMOOTHBIT_DATA", raising=False)
    monkeypatch.setenv("SMOOTHBIT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty data root."""
    folder = tmp_path / "data-root"
    folder.mkdir()
    return folder
