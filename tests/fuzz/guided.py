"""Fuzz the readers guided by coverage: `python -m tests.fuzz.guided FOLDER -max_total_time=600` (pip install atheris).

libFuzzer keeps in FOLDER what reaches code that nothing before it reached, and mutates that further: half of the time
with knowledge of the layout (`mutate.py`), otherwise byte by byte. Options are those of libFuzzer. A finding ends the
run and leaves its file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

from tests.fuzz.mutate import mutate
from tests.fuzz.parts import Parts
from tests.fuzz.run import inputs
from tests.fuzz.seeds import load_seeds
from tests.fuzz.target import check_file

SEEDS = load_seeds()
NUM_FIRST = 200
"""Files that the corpus begins with."""
PATH = Path(tempfile.mkdtemp()) / "current"


def check(content: bytes) -> None:
    """Check one file; anything but a typed refusal or a run is a finding."""
    PATH.write_bytes(content)
    check_file(PATH, content, mmap=len(content) % 4 == 0)


def change(content: bytes, max_size: int, seed: int) -> bytes:
    """Return a mutation of a file of the corpus."""
    rng = Random(seed)
    if rng.random() < 0.5:
        return bytes(atheris.Mutate(content, max_size))
    PATH.write_bytes(content)
    try:
        parts = Parts.read(PATH)
    except Exception:  # it cannot be taken apart
        parts = rng.choice(SEEDS)
    return mutate(parts, rng)[:max_size]


def main() -> None:
    """Fill an empty corpus and run libFuzzer."""
    corpus = Path(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for number, content in enumerate(inputs(0, 0, NUM_FIRST)):
            (corpus / f"first-{number}").write_bytes(content)
    atheris.instrument_all()  # by import it could not: an editable installation has a loader of its own
    atheris.Setup([*sys.argv, "-max_len=20000"], check, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
