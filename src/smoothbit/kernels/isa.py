"""Choice of the instruction set (ISA) that the operators run on.

The best ISA of the machine is chosen when the package is loaded. `SMOOTHBIT_ISA` caps the choice:
``SMOOTHBIT_ISA=avx2`` never runs AVX-512 code, ``SMOOTHBIT_ISA=numpy`` runs the NumPy reference.
All of them give the same bits.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from smoothbit.errors import ArgumentError, KernelUnavailableError

KNOWN = ("avx512", "avx2", "neon", "serial", "numpy")
"""Every ISA tag, best first; `numpy` is the reference, without compiled code."""


@dataclass(frozen=True)
class KernelRow:
    """One compiled kernel: a row of csrc/kernels/*.list."""

    family: str
    isa: str
    tags: str
    symbol: str
    lanes: int


def _load_extension() -> ModuleType | None:
    try:
        return importlib.import_module("smoothbit.kernels._ext")
    except ModuleNotFoundError as error:
        if error.name != "smoothbit.kernels._ext":
            raise
        return None


ext = _load_extension()
"""The native module, or None when the package was installed without a C++ compiler."""

_chosen = "numpy"


def extension() -> ModuleType:
    """Return the native module; only called where the chosen ISA is a native one."""
    assert ext is not None
    return ext


def available() -> tuple[str, ...]:
    """Return the ISAs that run on this machine with this installation, best first; `numpy` is the last."""
    native = tuple(ext.available()) if ext is not None else ()
    return (*native, "numpy")


def chosen() -> str:
    """Return the ISA in force."""
    return _chosen


def notice() -> str | None:
    """Return one sentence for the user when there is no compiled code, else None."""
    if ext is not None:
        return None
    return (
        "The compiled kernels are not installed (no C++ compiler was found at installation), "
        "so smoothbit runs on its NumPy reference: same results, much slower."
    )


def kernel_list() -> tuple[KernelRow, ...]:
    """Return the compiled kernels of this build, list by list, best first; empty without compiled code."""
    return tuple(KernelRow(*row) for row in ext.kernel_rows()) if ext is not None else ()


def choose(name: str) -> None:
    """Run every later call of this process on ISA `name`.

    Raises:
        KernelUnavailableError: the machine or the installation does not have it.
    """
    global _chosen
    if name not in available():
        raise KernelUnavailableError(
            f"Expected the ISA to be one of {', '.join(available())} on this machine (got {name!r}; "
            f"smoothbit knows {', '.join(KNOWN)}). Unset SMOOTHBIT_ISA to use the best one."
        )
    if name != "numpy":
        extension().choose(name)
    _chosen = name


@contextmanager
def use(name: str) -> Iterator[None]:
    """Run the calls inside the `with` block on ISA `name`; process-wide, so not for concurrent threads.

    Raises:
        KernelUnavailableError: the machine or the installation does not have it.
    """
    previous = _chosen
    choose(name)
    try:
        yield
    finally:
        choose(previous)


def default_num_threads() -> int:
    """Return `$SMOOTHBIT_NUM_THREADS`, or the number of cores this process may use.

    Raises:
        ArgumentError: the variable is not a whole number >= 1.
    """
    text = os.environ.get("SMOOTHBIT_NUM_THREADS", "")
    if not text:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentError(
            f"Expected `SMOOTHBIT_NUM_THREADS` to be a whole number >= 1 (got {text!r}). Unset it to use all cores."
        )
    return int(text)


choose(os.environ.get("SMOOTHBIT_ISA") or available()[0])
