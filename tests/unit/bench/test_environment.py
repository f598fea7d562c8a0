from __future__ import annotations

import json
import os

from smoothbit import __version__
from smoothbit.bench import environment
from smoothbit.kernels import isa


def test_says_what_the_numbers_depend_on():
    described = environment.describe_environment(3)
    assert described["threads"] == 3
    assert described["isa"] == isa.chosen()
    assert described["smoothbit"] == __version__
    assert "numpy" in described["packages"]
    assert described["cpu"]


def test_is_json_without_paths_of_this_machine():
    text = json.dumps(environment.describe_environment(1))
    assert os.getcwd() not in text
    assert os.uname().nodename not in text


def test_unreadable_system_files_leave_gaps(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "_PROC", tmp_path)
    monkeypatch.setattr(environment, "_CACHES", tmp_path)
    assert environment.memory_gb() is None
    assert environment.cache_sizes() == {}
    assert environment.cpu_model()


def test_cache_sizes_name_level_and_kind(monkeypatch, tmp_path):
    for index, (level, kind, size) in enumerate((("1", "Data", "32K"), ("3", "Unified", "32768K"))):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(text + "\n")
    monkeypatch.setattr(environment, "_CACHES", tmp_path)
    assert environment.cache_sizes() == {"L1d": "32K", "L3": "32768K"}
