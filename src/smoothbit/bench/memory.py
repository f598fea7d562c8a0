"""Peak resident memory of each side, measured in a process of its own (`processes/side.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from smoothbit.bench.peers.base import PeerSkippedError
from smoothbit.bench.processes import side as program
from smoothbit.bench.record import MemoryFigure
from smoothbit.bench.step import PackedStep
from smoothbit.engine import PreparedGraph
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import isa
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.typing import AnyArray

TIMEOUT_S = 900


def run_side(name: str, folder: Path, numbers: dict[str, Any]) -> MemoryFigure:
    """Run a side of `processes/side.py` in a fresh process.

    Args:
        name: One of its `SIDES`.
        folder: Files of the side; its numbers are written there.
        numbers: What the side needs besides files, JSON-able; `num_threads` among them.

    Returns:
        Peak of the process, and its peak when the imports were done.

    Raises:
        PeerSkippedError: the process fails, takes longer than `TIMEOUT_S`, or the system does not tell.
    """
    (folder / "numbers.json").write_text(json.dumps(numbers), encoding="ascii")
    command = [sys.executable, "-W", "ignore", program.__file__, name, str(folder)]
    threads = str(numbers["num_threads"])
    environment = {**os.environ, "SMOOTHBIT_ISA": isa.chosen(), "OMP_NUM_THREADS": threads}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=environment)
    except subprocess.TimeoutExpired as error:
        raise PeerSkippedError(f"its process took longer than {TIMEOUT_S} s") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise PeerSkippedError(f"its process failed ({last})")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["peak"] is None:
        raise PeerSkippedError("this system does not tell the peak memory of a process")
    return MemoryFigure(round(found["peak"] / 1e6, 1), round(found["imports"] / 1e6, 1))


def step_peak_rss_mb(step: PackedStep, num_threads: int) -> float | None:
    """Run one step in a fresh process.

    Args:
        step: The step.
        num_threads: Threads inside the kernel.

    Returns:
        Peak resident memory in units of 10**6 bytes, interpreter included, or None where the system does
        not tell or the process fails.
    """
    with tempfile.TemporaryDirectory(prefix="smoothbit-bench-") as folder:
        save_step(step, Path(folder))
        try:
            return run_side("step", Path(folder), {"num_threads": num_threads}).peak_mb
        except PeerSkippedError:
            return None


def save_step(step: PackedStep, folder: Path) -> None:
    """Write what a step reads into a folder."""
    graph, law = step.graph, step.state.law
    arrays: dict[str, AnyArray] = {
        "indptr": graph.csr.indptr, "indices": graph.csr.indices,
        "inv_degree": graph.inv_degree, "rsqrt_degree": graph.rsqrt_degree,
        "state": step.state.data, "source": step.source.data,
        "scale": law.scale, "zero_point": law.zero_point, "phase": law.phase,
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    numbers = {"num_channels": step.state.num_channels, "num_bits": law.num_bits}
    (folder / "step.json").write_text(json.dumps(numbers), encoding="ascii")


def load_step(folder: Path) -> PackedStep:
    """Read what `save_step` wrote."""
    numbers = json.loads((folder / "step.json").read_text(encoding="ascii"))
    arrays = {file.stem: np.load(file) for file in folder.glob("*.npy")}
    graph = PreparedGraph.__new__(PreparedGraph)
    graph.csr = CSR(arrays["indptr"], arrays["indices"], len(arrays["indptr"]) - 1)
    graph.inv_degree, graph.rsqrt_degree = arrays["inv_degree"], arrays["rsqrt_degree"]
    law = AffineLaw(numbers["num_bits"], arrays["scale"], arrays["zero_point"], arrays["phase"])
    state, source = (PackedTensor(arrays[name], numbers["num_channels"], law) for name in ("state", "source"))
    return PackedStep(graph, state, source)
