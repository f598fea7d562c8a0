"""Optional packages, imported when a dataset that needs them is read.

`from smoothbit.data import load_dataset` must neither need nor load PyTorch, SciPy or scikit-learn.
"""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

from smoothbit.errors import MissingExtraError


def optional_module(module: str, package: str, extra: str = "train") -> ModuleType:
    """Return the module, imported at the first call.

    Args:
        module: Dotted name, e.g. "scipy.io".
        package: Distribution that holds it, e.g. "scipy".
        extra: Extra of smoothbit that installs the package.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        with warnings.catch_warnings():
            # PyG 2.8 calls functions that torch 2.13 has deprecated while it is imported.
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(package, extra) from error
