"""What a measurement ran on: processor, instruction set, threads, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path

from smoothbit import __version__
from smoothbit.kernels import isa

PACKAGES = ("numpy", "scipy", "torch", "torch-geometric", "sparse-dot-mkl", "mkl", "dgl")
_PROC = Path("/proc")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def describe_environment(num_threads: int) -> dict[str, object]:
    """Return the environment of a measurement, ready for JSON; it holds no paths and no host name.

    Args:
        num_threads: Threads that the measurement uses.
    """
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "caches": cache_sizes(),
        "memory_gb": memory_gb(),
        "isa": isa.chosen(),
        "isa_available": list(isa.available()),
        "threads": num_threads,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "smoothbit": __version__,
        "packages": package_versions(),
        "load_average": load_average(),
    }


def cpu_model() -> str:
    """Return the processor's name, with family and model where the name alone says little."""
    text = _read(_PROC / "cpuinfo")
    fields = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", text.split("\n\n")[0], flags=re.MULTILINE))
    name = fields.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in fields:
        name = f"{name} (family {fields['cpu family']}, model {fields.get('model', '?')})"
    return name


def cache_sizes() -> dict[str, str]:
    """Return the cache sizes of core 0 as the system writes them, e.g. {"L1d": "32K"}; empty if unknown."""
    sizes = {}
    for folder in sorted(_CACHES.glob("index*")):
        level, kind, size = (_read(folder / part).strip() for part in ("level", "type", "size"))
        if size:
            sizes[f"L{level}{ {'Data': 'd', 'Instruction': 'i'}.get(kind, '') }"] = size
    return sizes


def memory_gb() -> float | None:
    """Return the machine's memory in units of 10**9 bytes, or None if unknown."""
    found = re.search(r"MemTotal:\s+(\d+) kB", _read(_PROC / "meminfo"))
    return round(int(found[1]) * 1024 / 1e9, 1) if found else None


def load_average() -> list[float] | None:
    """Return the load averages over 1, 5 and 15 minutes, or None where there are none."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None


def package_versions() -> dict[str, str]:
    """Return the versions of the peers that are installed."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
