"""Commands end to end on the digits graph."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothbit.formats import GraphFile, write_graph
from smoothbit.train import load_run_model
from smoothbit.train.run_folder import read_config
from tests.helpers import FEATURES, random_graph

Run = Callable[..., Any]
TINY = ["--epochs", "2", "--warm-epochs", "1", "--hidden", "8", "--steps", "2", "--dropout", "0.2"]


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as archive:
        return dict(archive)


def test_train_writes_rows_and_summary(trained: Path) -> None:
    result = json.loads((trained / "train.json").read_text())
    assert [row["seed"] for row in result["rows"]] == [0, 1]
    assert {"seed", "val_accuracy", "test_accuracy", "epochs", "seconds"} <= set(result["rows"][0])
    assert result["summary"]["test_accuracy"]["n"] == 2


def test_train_shows_a_table_and_repeats_from_the_folder(run: Run, trained: Path) -> None:
    words = ["train", "--dataset", "digits", *TINY, "--bits", 2, "--seeds", 2, "--out", trained / "run"]
    outcome = run(*words)
    assert outcome.code == 0
    assert "digits, smp, INT2 qlr, split random-20\n" in outcome.out
    assert "over 2 seeds (95% interval" in outcome.out


def test_flags_of_the_recipe_reach_the_config(run: Run, tmp_path: Path) -> None:
    words = ["--bits", 2, "--coding", "feedback", "--direct", "--distill", 0, "--schedule", "step", "--grid", "integer"]
    words += ["--lr-decay", 0.5, "--decay-epochs", 1, "--distill-weight-decay", 0.25]
    outcome = run("train", *TINY, *words, "--out", tmp_path)
    assert outcome.code == 0
    wanted = {
        "num_bits": 2, "coding": "feedback", "is_gradual": False, "distill_weight": 0.0, "schedule": "step",
        "grid": "integer", "lr_decay": 0.5, "decay_epochs": 1, "distill_weight_decay": 0.25,
    }  # fmt: skip
    config = read_config(tmp_path).to_json()
    assert {name: config[name] for name in wanted} == wanted
    assert load_run_model(tmp_path)[0].config.quant.coding == "feedback"


def test_share_of_distillation_outside_the_unit_interval_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    outcome = run("train", "--distill", 1.5, "--out", tmp_path)
    assert outcome.code == 2
    assert "--distill" in outcome.err


def test_json_to_standard_output_stands_alone(run: Run, trained: Path) -> None:
    outcome = run("info", trained / "m.smoothbit", "--json", "-")
    assert outcome.code == 0
    assert outcome.json["kind"] == "model"
    assert "Plan" in outcome.err


def test_export_of_one_seed(run: Run, trained: Path, tmp_path: Path) -> None:
    outcome = run("export", trained / "run", "--out", tmp_path / "m", "--seed", 1, "--json", "-")
    assert outcome.json["seed"] == 1
    assert outcome.json["bytes"] == (tmp_path / "m").stat().st_size


def test_info_of_a_model_adds_up(run: Run, trained: Path) -> None:
    result = run("info", trained / "m.smoothbit", "--json", "-").json
    parts = dict(result["bytes"])
    assert parts.pop("total") == sum(parts.values()) == (trained / "m.smoothbit").stat().st_size
    assert result["float32_bytes"] == 4 * (64 * 8 + 8 + 8 * 10 + 10)
    assert [row["operation"] for row in result["plan"]] == ["features", "linear", "linear", "diffuse"]


def test_info_of_a_graph(run: Run, trained: Path) -> None:
    result = run("info", trained / "g.smoothbit", "--json", "-").json
    assert (result["num_nodes"], result["num_features"], result["num_classes"]) == (1797, 64, 10)


def test_info_names_the_kind_of_features(run: Run, tmp_path: Path) -> None:
    kinds = {"binary": "1-bit pattern, sparse", "sparse": "float32, sparse", "dense": "float32, dense"}
    for kind, shown in kinds.items():
        path = tmp_path / f"{kind}.smoothbit"
        write_graph(path, GraphFile(random_graph(), FEATURES[kind](), name=kind))
        assert run("info", path, "--json", "-").json["features"] == shown


def test_info_says_when_the_compiled_part_is_missing(run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smoothbit.kernels.isa.ext", None)
    assert "Notice: The compiled kernels are not installed" in run("info", trained / "m.smoothbit").out


def test_predict_from_dataset_and_graph_file_agree(run: Run, trained: Path, tmp_path: Path) -> None:
    model = trained / "m.smoothbit"
    first = run("predict", model, "--dataset", "digits", "--out", tmp_path / "a.npz", "--json", "-")
    second = run("predict", model, "--graph", trained / "g.smoothbit", "--out", tmp_path / "b.npz", "--threads", 1)
    assert (first.code, second.code) == (0, 0)
    a, b = _arrays(tmp_path / "a.npz"), _arrays(tmp_path / "b.npz")
    assert a["scores"].shape == (1797, 10)
    assert np.array_equal(a["scores"], b["scores"])
    assert np.array_equal(a["labels"], a["scores"].argmax(axis=1))
    rows = json.loads((trained / "train.json").read_text())["rows"]
    assert first.json["test_accuracy"] in [row["test_accuracy"] for row in rows]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("order", ["degree", "rcm", "Locality"])
def test_an_order_in_the_graph_file_changes_no_score(run: Run, trained: Path, tmp_path: Path, order: str) -> None:
    graph = tmp_path / "g.smoothbit"
    words = ["export", trained / "run", "--out", tmp_path / "m", "--graph-out", graph, "--order", order]
    outcome = run(*words, "--json", "-")
    assert outcome.json["order"] == order.lower()
    assert outcome.json["setup_ms"] > 0
    assert f"order {order.lower()} found in" in outcome.err
    assert run("info", graph, "--json", "-").json["order"] == order.lower()
    assert run("info", trained / "g.smoothbit", "--json", "-").json["order"] == "none"
    files = {tmp_path / "a.npz": trained / "g.smoothbit", tmp_path / "b.npz": graph}
    results = [
        run("predict", tmp_path / "m", "--graph", file, "--out", out, "--embeddings", "--json", "-").json
        for out, file in files.items()
    ]
    assert [result["order"] for result in results] == ["none", order.lower()]
    assert results[1]["setup_ms"] > 0
    first, second = (_arrays(path) for path in files)
    for name, array in first.items():
        assert np.array_equal(array, second[name]), name


def test_packed_features_in_the_graph_file_change_no_score(run: Run, trained: Path, tmp_path: Path) -> None:
    graph = tmp_path / "g.smoothbit"
    words = ["export", trained / "run", "--out", tmp_path / "m", "--graph-out", graph, "--pack-features"]
    assert run(*words).code == 0
    assert graph.stat().st_size < (trained / "g.smoothbit").stat().st_size / 2
    files = {tmp_path / "a.npz": trained / "g.smoothbit", tmp_path / "b.npz": graph}
    for out, file in files.items():
        assert run("predict", tmp_path / "m", "--graph", file, "--out", out).code == 0
    first, second = (_arrays(path) for path in files)
    assert np.array_equal(first["scores"], second["scores"])
    outcome = run(*words[:4], "--pack-features")
    assert outcome.code == 2
    assert "Expected --pack-features to come with --graph-out" in outcome.err


def test_features_without_codes_are_refused_before_there_is_a_file(run: Run, tmp_path: Path) -> None:
    assert run("train", *TINY, "--bits", "32", "--out", tmp_path / "run").code == 0
    files = ("--out", tmp_path / "m", "--graph-out", tmp_path / "g")
    outcome = run("export", tmp_path / "run", *files, "--pack-features")
    assert outcome.code != 0
    assert "Keep the features of this model in float32" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_export_as_onnx(run, trained, tmp_path):
    pytest.importorskip("onnxruntime")
    outcome = run("export", trained / "run", "--out", tmp_path / "m.onnx", "--format", "onnx", "--json", "-")
    assert outcome.json["label_agreement"] == 1
    assert outcome.json["bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert "label agreement 1.0000" in outcome.err + outcome.out
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_export_refuses_an_order_it_cannot_keep(run: Run, trained: Path, tmp_path: Path) -> None:
    outcome = run("export", trained / "run", "--out", tmp_path / "m", "--order", "degree")
    assert outcome.code == 2
    assert "Expected --order to come with --graph-out" in outcome.err
    outcome = run("export", trained / "run", "--out", tmp_path / "m", "--order", "degre")
    assert outcome.code == 1
    assert "Expected node order to be a registered name (got 'degre'). Did you mean 'degree'?" in outcome.err
    assert not (tmp_path / "m").exists()


def test_predict_writes_embeddings(run: Run, trained: Path, tmp_path: Path) -> None:
    words = ["predict", trained / "m.smoothbit", "--graph", trained / "g.smoothbit", "--out", tmp_path / "e.npz"]
    assert run(*words, "--embeddings").code == 0
    archive = _arrays(tmp_path / "e.npz")
    assert archive["embedding_codes"].shape == (1797, 8)
    assert archive["embedding_codes"].max() <= 3
    assert archive["embedding_step"].shape == archive["embedding_offset"].shape == (1,)


def test_verify_passes_and_fails_by_exit_code(run: Run, trained: Path) -> None:
    outcome = run("verify", trained / "run", trained / "m.smoothbit", "--json", "-")
    assert outcome.code == 0
    assert outcome.json["passed"] is True
    assert outcome.json["stages"] == outcome.json["stages_equal"]
    assert "Passed." in outcome.err


def test_compare_runs_each_cell_once(run: Run, tmp_path: Path) -> None:
    words = ["compare", *TINY, "--propagations", "appnp,gcn", "--bits", "32,2", "--seeds", 2, "--out", tmp_path]
    words += ["--budget", 0.01]
    rows = run(*words, "--json", "-").json["rows"]
    assert [row["run"] for row in rows] == ["appnp-fp32", "appnp-int2", "gcn-fp32", "gcn-int2"]
    assert all(row["n"] == 2 and row["interval95"] >= 0 for row in rows)
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("*/seed-*/record.json"))]
    again = run(*words)
    assert again.code == 0
    assert "1 of 1" in again.out
    assert times == [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("*/seed-*/record.json"))]


def test_compare_reads_a_file_and_given_flags_replace_its_values(run: Run, tmp_path: Path) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        "base: {epochs: 2, warm_epochs: 1, hidden_channels: 8}\n"
        "grid: {propagation: [gcn], num_bits: [32, 2]}\ncells: [{num_steps: 1, num_bits: 8}]\nseeds: 2"
    )
    words = ["compare", grid, "--out", tmp_path / "runs", "--bits", "2", "--set", "num_steps=2,3", "--budget", 0]
    outcome = run(*words, "--verify", "all", "--json", "-")
    assert outcome.code == 0
    rows = outcome.json["rows"]
    assert [row["run"] for row in rows] == ["k2-gcn", "k3-gcn", "k2-smp", "k3-smp"]
    assert {row["config"]["epochs"] for row in rows} == {2}
    assert {row["packed_seeds"] for row in rows} == {2}
    assert json.loads((tmp_path / "runs" / "compare.json").read_text()) == outcome.json


def test_compare_reports_a_cell_that_fails_and_goes_on(run: Run, tmp_path: Path) -> None:
    words = ["compare", *TINY, "--bits", "2", "--datasets", "digitz,digits", "--seeds", 1, "--budget", 0]
    outcome = run(*words, "--out", tmp_path)
    assert outcome.code == 1
    assert "FAILED digitz: ArgumentError: Expected dataset to be a registered name (got 'digitz')." in outcome.out
    assert [row["run"] for row in json.loads((tmp_path / "compare.json").read_text())["rows"]] == ["digits"]


def test_demo_writes_rows_and_report(run: Run, tmp_path: Path) -> None:
    words = [
        "demo",
        "--out",
        tmp_path,
        "--epochs",
        2,
        "--seeds",
        1,
        "--bits",
        2,
        "--budget",
        0.02,
        "--json",
        "-",
    ]
    outcome = run(*words)
    assert outcome.code == 0
    result = json.loads((tmp_path / "demo.json").read_text())
    assert outcome.json == result
    assert [row["bits"] for row in result["rows"]] == [32, 2]
    for row in result["rows"]:
        assert row["label_agreement"] == 1.0
        assert row["fp32_bytes"] == 4 * (64 * 64 + 64 + 64 * 10 + 10)
        assert row["engine_q1_ms"] <= row["engine_ms"] <= row["engine_q3_ms"]
    assert (tmp_path / "report.html").is_file()
