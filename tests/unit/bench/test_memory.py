from __future__ import annotations

import subprocess
import sys

import pytest

from smoothbit.bench import memory
from smoothbit.bench.step import packed_step, random_states


@pytest.fixture
def step(graph):
    return packed_step(graph, *random_states(60, 8, seed=1), 2)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a program is read from /proc")
def test_peak_is_that_of_a_small_process(step):
    peak_mb = memory.step_peak_rss_mb(step, 1)
    assert peak_mb is not None
    assert 5 < peak_mb < 300


def test_saved_step_is_the_same_step(step, tmp_path, capsys):
    memory._save(step, 1, tmp_path)
    loaded, num_threads = memory._load(tmp_path)
    assert num_threads == 1
    assert (loaded.state.data == step.state.data).all()
    memory.main(str(tmp_path))
    assert capsys.readouterr().out.strip().isdigit() or sys.platform != "linux"


def test_failing_process_gives_none(step, monkeypatch):
    monkeypatch.setattr(memory.sys, "executable", "/bin/false")
    assert memory.step_peak_rss_mb(step, 1) is None


def test_hanging_process_gives_none(step, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(memory.subprocess, "run", hang)
    assert memory.step_peak_rss_mb(step, 1) is None


def test_system_without_proc(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    assert memory.peak_rss_bytes() is None
