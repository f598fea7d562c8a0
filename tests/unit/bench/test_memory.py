from __future__ import annotations

import subprocess
import sys

import pytest

from smoothbit.bench import memory
from smoothbit.bench.peers import PeerSkippedError
from smoothbit.bench.step import packed_step, random_states


@pytest.fixture
def step(graph):
    return packed_step(graph, *random_states(60, 8, seed=1), 2)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a program is read from /proc")
def test_peak_is_that_of_a_small_process(step):
    peak_mb = memory.step_peak_rss_mb(step, 1)
    assert peak_mb is not None
    assert 5 < peak_mb < 300


def test_saved_step_is_the_same_step(step, tmp_path):
    memory.save_step(step, tmp_path)
    loaded = memory.load_step(tmp_path)
    assert (loaded.state.data == step.state.data).all()
    assert (loaded.graph.csr.indices == step.graph.csr.indices).all()


def run_that(monkeypatch, stdout: str = "", stderr: str = "", code: int = 0) -> None:
    monkeypatch.setattr(
        memory.subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, code, stdout, stderr)
    )


def test_failing_process_is_a_reason(step, tmp_path, monkeypatch):
    run_that(monkeypatch, stderr="Traceback\nModuleNotFoundError: No module named 'torch'\n", code=1)
    with pytest.raises(PeerSkippedError, match=r"its process failed \(ModuleNotFoundError: No module named 'torch'\)"):
        memory.run_side("torch-sparse-mm", tmp_path, {"num_threads": 1})
    run_that(monkeypatch, code=137)
    with pytest.raises(PeerSkippedError, match=r"its process failed \(exit code 137\)"):
        memory.run_side("torch-sparse-mm", tmp_path, {"num_threads": 1})
    assert memory.step_peak_rss_mb(step, 1) is None


def test_hanging_process_is_a_reason(tmp_path, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(memory.subprocess, "run", hang)
    with pytest.raises(PeerSkippedError, match="its process took longer than 900 s"):
        memory.run_side("engine", tmp_path, {"num_threads": 1})


def test_system_that_does_not_tell_is_a_reason(tmp_path, monkeypatch):
    run_that(monkeypatch, stdout='{"imports": null, "peak": null}\n')
    with pytest.raises(PeerSkippedError, match="does not tell the peak memory"):
        memory.run_side("engine", tmp_path, {"num_threads": 1})


def test_peaks_are_in_megabytes(tmp_path, monkeypatch):
    run_that(monkeypatch, stdout='a word of a library\n{"imports": 30000000, "peak": 45500000}\n')
    figure = memory.run_side("engine", tmp_path, {"num_threads": 1})
    assert (figure.peak_mb, figure.imports_mb, figure.above_imports_mb) == (45.5, 30.0, 15.5)
