"""Full disks, kills, locks and Ctrl-C: nothing half-written, a message with a remedy, and the next run goes on."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothbit.train.checkpoint import read_checkpoint
from smoothbit.train.lock import folder_lock

Run = Callable[..., Any]
KILLS = int(os.environ.get("SMOOTHBIT_KILLS", "5"))
"""Kills of each command: raise it for a long run."""
TRAIN = [
    "train",
    "--dataset",
    "digits",
    "--warm-epochs",
    "1",
    "--hidden",
    "8",
    "--steps",
    "2",
    "--bits",
    "2",
    "--threads",
    "1",
]

SERVER = """
import contextlib, io, os, sys
from smoothbit.cli import compare, export, predict, train
from smoothbit.cli.main import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])  # what is imported at the first training
print(flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        main(line.split())
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Server:
    """Process that has imported everything and runs each command in a fork, which can be killed at any moment."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", SERVER, *TRAIN, "--epochs", "2", "--out", str(folder)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._line()

    def run(self, *words: object, kill_after: float | None = None) -> int:
        """Return the wait status of a command that is killed after some seconds, if it still runs then."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        child = int(self._line())
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):  # it may have ended
                os.kill(child, signal.SIGKILL)
        return int(self._line())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.close()


@contextmanager
def limited_file_size(num_bytes: int) -> Iterator[None]:
    """Let the system refuse to write files beyond `num_bytes`, as a full disk does, in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _commands(trained: Path, out: Path) -> dict[str, list[object]]:
    graph = trained / "g.smoothbit"
    return {
        "export": ["export", trained / "run", "--out", out / "file"],
        "predict": ["predict", trained / "m.smoothbit", "--graph", graph, "--out", out / "file", "--threads", 1],
        "report": ["report", trained / "run", "--out", out],
        "json": ["info", graph, "--json", out / "file"],
    }


@pytest.mark.parametrize("command", ["export", "predict", "report", "json"])
@pytest.mark.parametrize("is_replaced", [False, True], ids=["new", "over an old file"])
def test_full_disk(run: Run, trained: Path, tmp_path: Path, command: str, is_replaced: bool) -> None:
    name = "report.html" if command == "report" else "file"
    if is_replaced:
        (tmp_path / name).write_text("old")
    with limited_file_size(100):
        outcome = run(*_commands(trained, tmp_path)[command])
    assert outcome.code == 1
    assert f"Expected {tmp_path / name} to be writable (got File too large). Raise the limit" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == [name] * is_replaced
    assert not is_replaced or (tmp_path / name).read_text() == "old"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A full file system of 4 MB that holds an old file."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("may not mount a file system")
    (disk / "file").write_text("old")
    with suppress(OSError):
        (disk / "ballast").write_bytes(bytes(5_000_000))
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("command", ["export", "predict", "json"])
def test_disk_that_is_full(run: Run, trained: Path, full_disk: Path, command: str) -> None:
    """A real one, where this machine lets us make it; the command goes on once there is room."""
    words = _commands(trained, full_disk)[command]
    outcome = run(*words)
    assert outcome.code == 1
    assert f"Expected {full_disk / 'file'} to be writable (got No space left on device). Free space" in outcome.err
    assert sorted(path.name for path in full_disk.iterdir()) == ["ballast", "file"]
    assert (full_disk / "file").read_text() == "old"
    (full_disk / "ballast").unlink()
    assert run(*words).code == 0
    assert (full_disk / "file").read_bytes() != b"old"


@pytest.mark.parametrize("command", ["export", "predict", "report", "json"])
def test_folder_that_cannot_be(run: Run, trained: Path, tmp_path: Path, command: str) -> None:
    """A file where the folder should be: root, whom no mode stops, is refused too."""
    (tmp_path / "no").write_text("a file")
    outcome = run(*_commands(trained, tmp_path / "no")[command])
    assert outcome.code == 1
    assert "to be writable (got " in outcome.err
    assert "Choose a folder that you may write to" in outcome.err
    assert (tmp_path / "no").read_text() == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders")
@pytest.mark.parametrize("command", ["export", "predict", "report", "json"])
def test_read_only_folder(run: Run, trained: Path, tmp_path: Path, command: str) -> None:
    tmp_path.chmod(0o500)
    outcome = run(*_commands(trained, tmp_path)[command])
    tmp_path.chmod(0o700)
    assert outcome.code == 1
    assert "(got Permission denied). Choose a folder" in outcome.err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("command", ["export", "predict"])
def test_killed_command_leaves_the_old_file_or_the_new_one(
    server: Server, trained: Path, tmp_path: Path, command: str
) -> None:
    """Two contents by turns, each run killed at a random moment: the file is always one of the two, whole."""
    out = tmp_path / "out"
    words = _commands(trained, out)[command]
    more: dict[str, list[object]] = {"export": ["--seed", 1], "predict": ["--embeddings"]}
    turns = [[*words, "--seed", 0] if command == "export" else words, [*words, *more[command]]]
    contents, seconds = [], []
    for turn in turns:
        start = time.perf_counter()
        assert server.run(*turn) == 0
        seconds.append(time.perf_counter() - start)
        contents.append((out / "file").read_bytes())
    assert contents[0] != contents[1]
    rng, killed = np.random.default_rng(0), 0
    for k in range(KILLS):
        killed += server.run(*turns[k % 2], kill_after=rng.uniform(0, 1) * min(seconds)) == signal.SIGKILL
        assert (out / "file").read_bytes() in contents
        assert all(path.name == "file" or path.name.startswith(".file.") for path in out.iterdir())
    assert killed > 0
    assert server.run(*turns[0]) == 0
    assert (out / "file").read_bytes() == contents[0]


SMALL = ["--warm-epochs", "1", "--hidden", "8", "--steps", "2", "--threads", "1", "--seeds", "2"]
REPEATED = {
    "train": ["train", "--dataset", "digits", "--bits", "2", "--epochs", "20", *SMALL],
    "compare": ["compare", "--datasets", "digits", "--bits", "32,2", "--epochs", "10", "--budget", "0", *SMALL],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", REPEATED)
def test_training_killed_again_and_again_gives_the_same_records(server: Server, tmp_path: Path, command: str) -> None:
    words = [*REPEATED[command], "--out"]
    start = time.perf_counter()
    assert server.run(*words, tmp_path / "whole") == 0
    seconds = time.perf_counter() - start
    wanted = _records(tmp_path / "whole")
    assert len(wanted) == (2 if command == "train" else 4)
    rng, killed, done = np.random.default_rng(0), 0, 0
    for _ in range(KILLS):
        before = _records(tmp_path / "killed")
        killed += server.run(*words, tmp_path / "killed", kill_after=rng.uniform(0, seconds)) == signal.SIGKILL
        after = _records(tmp_path / "killed")
        assert before.items() <= after.items(), "a finished record was lost or changed"
        for path in (tmp_path / "killed").rglob("*.safetensors"):
            read_checkpoint(path)
        if len(after) == len(wanted):  # begin anew, so that each kill meets work
            assert _without_time(after) == _without_time(wanted)
            shutil.rmtree(tmp_path / "killed")
            done += 1
    assert killed > 0
    status = server.run(*words, tmp_path / "killed")
    assert status == 0, [path.read_text() for path in (tmp_path / "killed").glob("*.json")]
    assert _without_time(_records(tmp_path / "killed")) == _without_time(wanted)
    print(f"{command}: {killed} of {KILLS} runs were killed before they ended; {done + 1} resumed results compared")


def _records(folder: Path) -> dict[str, str]:
    """Return the text of each record; every JSON file below `folder` must be whole."""
    texts = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.json")}
    for text in texts.values():
        json.loads(text)
    return {name: text for name, text in texts.items() if name.endswith("record.json")}


def _without_time(records: dict[str, str]) -> dict[str, Any]:
    return {name: {**json.loads(text), "seconds": 0} for name, text in records.items()}


def test_second_process_in_a_run_folder_is_refused(run: Run, tmp_path: Path) -> None:
    words = [*TRAIN, "--epochs", "2", "--out", tmp_path / "run"]
    with folder_lock(tmp_path / "run"):
        outcome = run(*words)
    assert outcome.code == 1
    assert f"Expected run folder {tmp_path / 'run'} to be free (got a lock of another process)." in outcome.err
    assert "Wait for that process, or use another folder." in outcome.err
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    assert run(*words).code == 0


INTERRUPTED = """
import os, signal, sys, time
from smoothbit.cli.main import main
from smoothbit.train.trainer import Trainer
run_epoch = Trainer.run_epoch
def counted(self):
    run_epoch(self)
    if self.epoch == 3:
        time.sleep(2)  # so that a checkpoint is due
    if self.epoch == 5:
        os.kill(os.getpid(), signal.SIGINT)
Trainer.run_epoch = counted
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_interrupted_training_says_so_and_goes_on(run: Run, tmp_path: Path) -> None:
    words = [*TRAIN, "--epochs", "8", "--out"]
    command = [sys.executable, "-c", INTERRUPTED, *words, str(tmp_path / "run")]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode == 130
    assert "Interrupted: no file is half-written; train, compare and demo go on when given again." in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert read_checkpoint(tmp_path / "run" / "seed-0" / "checkpoint.safetensors").content["epoch"] == 3
    assert run(*words, tmp_path / "run", "--json", "-").json["rows"][0]["epochs"] == 8
