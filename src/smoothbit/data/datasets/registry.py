"""What a source of datasets offers, and the table of all names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from smoothbit.data.dataset import Dataset
from smoothbit.data.datasets.storage import locate
from smoothbit.errors import DatasetError, MissingExtraError
from smoothbit.registry import Registry


class DatasetSource(ABC):
    """One named dataset: which raw files it has and how they are read.

    Args:
        name: Canonical name, as users of PyG know it.
    """

    family: ClassVar[str]

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def folder(self) -> str:
        """Return the folder of the raw files below data root or cache."""

    @abstractmethod
    def files(self) -> Mapping[str, str]:
        """Return the raw files, name -> URL; empty for built-in data."""

    @abstractmethod
    def read(self, folder: Path) -> Dataset:
        """Read the dataset from the folder that holds its raw files, writing nothing."""

    def load(self, data_root: str | Path | None = None, cache_dir: str | Path | None = None) -> Dataset:
        """Find the raw files, read and check them.

        Raises:
            DatasetError: files are missing and cannot be downloaded, or are damaged or inconsistent.
            MissingExtraError: the reader's package is not installed.
        """
        folder = locate(self.folder(), self.files(), data_root, cache_dir) if self.files() else Path()
        try:
            return self.read(folder)
        except (MissingExtraError, MemoryError):
            raise
        # Third-party parsers (npz, pickle, MAT, JSON) answer damaged bytes with almost any exception type.
        except Exception as error:
            files = ", ".join(self.files()) or "the package"
            raise DatasetError(
                f"Expected dataset '{self.name}' at {folder} to be readable and consistent "
                f"(got {type(error).__name__}: {error}). Restore {files} from the source."
            ) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


datasets: Registry[DatasetSource] = Registry("dataset")
