from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from smoothbit.bench import run_suite
from smoothbit.bench.processes import side
from smoothbit.bench.suites import memory

RUN = """
import runpy, sys
sys.argv = ["side.py", "engine", sys.argv[1]]
runpy.run_path({path!r}, run_name="__main__")
loaded = sorted(name for name in sys.modules if name in ("torch", "scipy", "smoothbit.bench"))
assert not loaded, loaded
"""


def test_system_without_proc(monkeypatch, tmp_path):
    monkeypatch.setattr(side, "STATUS", tmp_path / "status")
    assert side.peak_rss_bytes() is None
    (tmp_path / "status").write_text("Name: python\n")
    assert side.peak_rss_bytes() is None
    (tmp_path / "status").write_text("VmHWM:\t  2048 kB\n")
    assert side.peak_rss_bytes() == 2 << 20


def test_the_process_of_the_engine_loads_the_engine_alone(tiny, monkeypatch):
    """The real process, on the files that the suite writes."""

    def run(name, folder, numbers):
        (folder / "numbers.json").write_text(json.dumps(numbers))
        if (name, numbers["num_bits"]) != ("engine", 2):
            raise memory.PeerSkippedError("not in this test")
        command = [sys.executable, "-c", RUN.format(path=side.__file__), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return memory.MemoryFigure((found["peak"] or 0) / 1e6, (found["imports"] or 0) / 1e6)

    monkeypatch.setattr(memory, "run_side", run)
    (row,) = run_suite(replace(tiny, suite="memory", bits=(2,))).rows
    if sys.platform == "linux":
        assert 5 < row.peak_rss_mb < 200
        assert 0 < row.memory["engine"].above_imports_mb < row.peak_rss_mb


def test_every_side_of_the_suite_is_there():
    assert {"engine", *memory.PEER_SIDES} <= set(side.SIDES)


def test_unknown_side_is_an_error(tmp_path):
    (tmp_path / "numbers.json").write_text("{}")
    with pytest.raises(KeyError):
        side.main("nothing", tmp_path)
