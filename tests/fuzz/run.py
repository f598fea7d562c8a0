"""Fuzz the readers: `python -m tests.fuzz.run --seconds 60 --seed 0 --save FOLDER`.

Each process works in children that are forked for a while, so that a crash ends one of them and leaves its file.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

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
        rng = Random((seed << 40) + number)
        yield mutate(rng.choice(seeds), rng)


def fuzz(seed: int, first: int, count: int, deadline: float, work: Path, save: Path) -> tuple[Counter[str], int]:
    """Check mutations until `count` or `deadline`; save the file of each finding and return outcomes and findings."""
    outcomes: Counter[str] = Counter()
    findings, path = 0, work / "current"
    known: set[str] = set()
    for number, content in enumerate(inputs(seed, first, count), first):
        if time.monotonic() > deadline:
            break
        path.write_bytes(content)
        before = _peak_bytes()
        try:
            outcome = check_file(path, content, mmap=number % 4 == 0)
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
        if number % 1000 == 0:
            gc.collect()
    return outcomes, findings


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Run until the time is over; exit with 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="Number of the first mutation.")
    parser.add_argument("--save", type=Path, required=True, help="Folder for files of findings and the report.")
    options = parser.parse_args()
    options.save.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + options.seconds
    total: Counter[str] = Counter()
    crashes, growth, first = 0, 0, options.first
    gc.disable()  # children collect now and then; what is loaded here stays out of it
    gc.freeze()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        work = Path(folder)
        while time.monotonic() < deadline:
            counted, child_growth, has_crashed = _in_child(options.seed, first, deadline, work, options.save)
            total += counted
            crashes += has_crashed
            growth = max(growth, child_growth)
            first += EXECUTIONS_PER_CHILD
            report = _report(total, crashes, growth, options.first, first)
            (options.save / f"report-{options.seed}-{options.first}").write_text(report)
    print(report, end="")
    return int(crashes > 0 or any(outcome.startswith("FINDING") for outcome in total))


def _report(total: Counter[str], crashes: int, growth: int, begin: int, end: int) -> str:
    lines = [f"{count:>12,}  {outcome}" for outcome, count in total.most_common()]
    lines += [
        f"{total.total():>12,}  executions (--first {begin} to {end}), crashes of the process: {crashes}",
        f"{growth:>12,}  bytes: most that a process of {EXECUTIONS_PER_CHILD:,} executions grew by",
    ]
    return "\n".join(lines) + "\n"


def _in_child(seed: int, first: int, deadline: float, work: Path, save: Path) -> tuple[Counter[str], int, bool]:
    """Fuzz in a forked child; return outcomes, bytes it grew by, and whether it died, its file saved."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            before = _peak_bytes()
            outcomes, _ = fuzz(seed, first, EXECUTIONS_PER_CHILD, deadline, work, save)
            os.write(write_end, json.dumps([outcomes, _peak_bytes() - before]).encode())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        shutil.copy(work / "current", save / f"crash-{first}-{os.WTERMSIG(status)}")
        return Counter(), 0, True
    if status:
        raise RuntimeError(f"The fuzzer itself failed at --first {first}; see the traceback above.")
    outcomes, growth = json.loads(answer)
    return Counter(outcomes), growth, False


if __name__ == "__main__":
    raise SystemExit(main())
