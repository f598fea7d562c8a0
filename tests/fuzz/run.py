"""Fuzz the readers: `python -m tests.fuzz.run --seconds 60 --seed 0 --save FOLDER`.

Each process works in children that are forked for a while, so that a crash ends one of them and leaves its file.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import load_seeds
from tests.fuzz.target import check_file

MEMORY_BYTES = 64_000_000
"""Most memory that a file may add to the process."""
EXECUTIONS_PER_CHILD = 20_000


def inputs(seed: int, first: int, count: int) -> Iterator[bytes]:
    """Yield the mutations of numbers `first` and up; each depends on its number and `seed` alone."""
    seeds = load_seeds()
    for number in range(first, first + count):
        rng = np.random.default_rng([seed, number])
        yield mutate(seeds[int(rng.integers(len(seeds)))], rng)


def fuzz(seed: int, first: int, count: int, deadline: float, work: Path, save: Path) -> tuple[Counter[str], int]:
    """Check mutations until `count` or `deadline`; save the file of each finding and return outcomes and findings."""
    outcomes: Counter[str] = Counter()
    findings, path = 0, work / "current"
    known: set[str] = set()
    for content in inputs(seed, first, count):
        if time.monotonic() > deadline:
            break
        path.write_bytes(content)
        before = _peak_bytes()
        try:
            outcome = check_file(path)
            if _peak_bytes() - before > MEMORY_BYTES:
                raise MemoryError(f"{_peak_bytes() - before} bytes for a file of {len(content)}")
        except Exception as error:
            outcome = f"FINDING {type(error).__name__}"
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"
            if place not in known:
                known.add(place)
                shutil.copy(path, save / place)
                (save / f"{place}.txt").write_text(traceback.format_exc())
            findings += 1
        outcomes[outcome] += 1
    return outcomes, findings


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Run until the time is over; exit with 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="Number of the first mutation.")
    parser.add_argument("--save", type=Path, required=True, help="Folder for files of findings.")
    options = parser.parse_args()
    options.save.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + options.seconds
    total: Counter[str] = Counter()
    crashes, first = 0, options.first
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        work = Path(folder)
        while time.monotonic() < deadline:
            crashes += _in_child(options.seed, first, deadline, work, options.save)
            first += EXECUTIONS_PER_CHILD
            counted = (work / "outcomes").read_text().split("\n") if (work / "outcomes").exists() else []
            total.update({line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in counted if line})
    for outcome, count in total.most_common():
        print(f"{count:>10,}  {outcome}")
    print(f"{total.total():>10,}  executions, crashes of the process: {crashes}, next --first {first}")
    return int(crashes > 0 or any(outcome.startswith("FINDING") for outcome in total))


def _in_child(seed: int, first: int, deadline: float, work: Path, save: Path) -> int:
    """Fuzz in a forked child; return whether it died, its file saved."""
    (work / "outcomes").unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            outcomes, _ = fuzz(seed, first, EXECUTIONS_PER_CHILD, deadline, work, save)
            (work / "outcomes").write_text("".join(f"{name} {count}\n" for name, count in outcomes.items()))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        shutil.copy(work / "current", save / f"crash-{first}-{os.WTERMSIG(status)}")
    elif status:
        raise RuntimeError(f"The fuzzer itself failed at --first {first}; see the traceback above.")
    return int(os.WIFSIGNALED(status))


if __name__ == "__main__":
    raise SystemExit(main())
