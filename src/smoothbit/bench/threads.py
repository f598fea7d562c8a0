"""One thread count for every library that a measurement compares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from smoothbit.errors import MissingExtraError

try:
    import threadpoolctl
except ImportError as error:
    raise MissingExtraError("threadpoolctl", "bench") from error


@contextmanager
def limited_threads(num_threads: int) -> Iterator[None]:
    """Give BLAS, OpenMP, MKL and torch `num_threads` threads inside the `with` block.

    Enter it after the libraries are imported: only loaded ones can be limited.
    """
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else None
    with threadpoolctl.threadpool_limits(limits=num_threads):
        if torch is not None:
            torch.set_num_threads(num_threads)
        try:
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(before)
