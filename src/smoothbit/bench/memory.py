"""Peak resident memory of the engine alone, measured in a process of its own.

``python -m smoothbit.bench.memory FOLDER`` is that process: it reads a step from `FOLDER`, runs it
and prints its peak in bytes. The figure includes the interpreter and NumPy, about 35 MB.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from smoothbit.bench.step import PackedStep
from smoothbit.engine import KernelBackend, PreparedGraph
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.typing import AnyArray

TIMEOUT_S = 120
_STATUS = Path("/proc/self/status")


def step_peak_rss_mb(step: PackedStep, num_threads: int) -> float | None:
    """Run one step in a fresh process.

    Args:
        step: The step.
        num_threads: Threads inside the kernel.

    Returns:
        Peak resident memory in units of 10**6 bytes, or None where the system does not tell or the
        process fails.
    """
    with tempfile.TemporaryDirectory(prefix="smoothbit-bench-") as folder:
        _save(step, num_threads, Path(folder))
        command = [sys.executable, "-W", "ignore", "-m", "smoothbit.bench.memory", folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return None
    text = done.stdout.strip()
    return round(int(text) / 1e6, 1) if done.returncode == 0 and text.isdigit() else None


def peak_rss_bytes() -> int | None:
    """Return the peak resident memory of this process, or None where the system does not tell.

    Linux writes it for the program that runs now. `getrusage` would not do: a child inherits there
    what its parent held.
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _save(step: PackedStep, num_threads: int, folder: Path) -> None:
    graph, law = step.graph, step.state.law
    arrays: dict[str, AnyArray] = {
        "indptr": graph.csr.indptr, "indices": graph.csr.indices,
        "inv_degree": graph.inv_degree, "rsqrt_degree": graph.rsqrt_degree,
        "state": step.state.data, "source": step.source.data,
        "scale": law.scale, "zero_point": law.zero_point, "phase": law.phase,
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    numbers = {"num_channels": step.state.num_channels, "num_bits": law.num_bits, "num_threads": num_threads}
    (folder / "numbers.json").write_text(json.dumps(numbers), encoding="ascii")


def _load(folder: Path) -> tuple[PackedStep, int]:
    numbers = json.loads((folder / "numbers.json").read_text(encoding="ascii"))
    arrays = {file.stem: np.load(file) for file in folder.glob("*.npy")}
    graph = PreparedGraph.__new__(PreparedGraph)
    graph.csr = CSR(arrays["indptr"], arrays["indices"], len(arrays["indptr"]) - 1)
    graph.inv_degree, graph.rsqrt_degree = arrays["inv_degree"], arrays["rsqrt_degree"]
    law = AffineLaw(numbers["num_bits"], arrays["scale"], arrays["zero_point"], arrays["phase"])
    state, source = (PackedTensor(arrays[name], numbers["num_channels"], law) for name in ("state", "source"))
    return PackedStep(graph, state, source), numbers["num_threads"]


def main(folder: str) -> None:
    """Run the step in `folder` and print this process's peak in bytes."""
    step, num_threads = _load(Path(folder))
    step.bind(KernelBackend(num_threads), step.epilogue())()
    print(peak_rss_bytes())


if __name__ == "__main__":
    main(sys.argv[1])
