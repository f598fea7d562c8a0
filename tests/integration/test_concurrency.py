"""A thousand predictions at once: each is the single call, from threads and from processes on one file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from smoothbit import engine
from tests.helpers import binary_features, random_graph

GOLDEN = Path(__file__).parents[1] / "golden"
NUM_PREDICTIONS = 1000
NUM_THREADS = 8
NUM_PROCESSES = 4
SWITCH_SECONDS = 1e-5
"""Threads take turns 500 times as often as usual, so that they meet in the middle of things."""
SCRIPT = """
import hashlib, sys
from smoothbit import engine
from tests_graph import FEATURES, GRAPH

model = engine.load(sys.argv[1])
for _ in range(int(sys.argv[2])):
    result = model.run(GRAPH, FEATURES)
    print(hashlib.sha256(result.scores.tobytes() + result.embedding.data.tobytes()).hexdigest())
lines = open("/proc/self/smaps").read().split(sys.argv[1])[1].splitlines() if sys.platform == "linux" else ["", ""]
print(next((line for line in lines if line.startswith("Private_Dirty")), "Private_Dirty: 0 kB"))
"""
GRAPH = """
import numpy as np
from smoothbit.testing.graphs import binary_features, random_graph

GRAPH, FEATURES = random_graph(200, 600), binary_features(200, 6)
"""


def digest(result):
    return hashlib.sha256(result.scores.tobytes() + result.embedding.data.tobytes()).hexdigest()


@pytest.fixture
def hasty():
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def graph():
    return random_graph(200, 600)


@pytest.mark.parametrize("name", ["tiny_model", "tiny_delta_model"])
@pytest.mark.usefixtures("hasty")
def test_threads_share_a_model(name, graph):
    model = engine.load(GOLDEN / f"{name}.smoothbit")
    features = binary_features(200, model.plan.ops[0].num_features)
    prepared = engine.PreparedGraph(graph, "degree")
    wanted = model.run(graph, features, num_threads=1).scores.tobytes()
    sessions = threading.local()

    def predict(index):
        """One of four: a graph of its own, one that all share, more threads inside, a replayed session."""
        if index % 4 == 3:
            if not hasattr(sessions, "mine"):
                sessions.mine = model.session(prepared, features)
            return sessions.mine.run().scores.tobytes()
        chosen = graph if index % 4 == 0 else prepared
        return model.run(chosen, features, num_threads=1 + index % 3).scores.tobytes()

    # Fresh laws: what they keep for the next call is then made by several threads at once.
    model = engine.load(GOLDEN / f"{name}.smoothbit")
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        scores = list(pool.map(predict, range(NUM_PREDICTIONS)))
    assert len(scores) == NUM_PREDICTIONS
    assert set(scores) == {wanted}


def test_processes_share_a_file(tmp_path, graph):
    path = GOLDEN / "tiny_model.smoothbit"
    (tmp_path / "tests_graph.py").write_text(GRAPH)
    count = NUM_PREDICTIONS // NUM_PROCESSES
    command = [sys.executable, "-c", SCRIPT, str(path), str(count)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for _ in range(NUM_PROCESSES)
    ]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * NUM_PROCESSES, outputs
    lines = [output.splitlines() for output, _ in outputs]
    wanted = digest(engine.load(path).run(graph, binary_features(200, 6)))
    assert [line[:-1] for line in lines] == [[wanted] * count] * NUM_PROCESSES
    assert [line[-1].split() for line in lines] == [["Private_Dirty:", "0", "kB"]] * NUM_PROCESSES


def test_weights_stay_in_the_map_of_the_file():
    weight = engine.load(GOLDEN / "tiny_model.smoothbit").plan.ops[1].weight.data
    assert not weight.flags.writeable
    bases = [weight]
    while isinstance(bases[-1], np.ndarray):
        bases.append(bases[-1].base)
    assert any(isinstance(base, np.memmap) for base in bases)
