import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import smoothbit
from smoothbit.engine import Model, PreparedGraph, load
from smoothbit.errors import FormatError, HeaderError, SchemaError, ShapeError, WriteError
from smoothbit.formats import write_model
from smoothbit.hub import Card, from_pretrained, measure_model, save_pretrained
from tests.golden.make_golden import tiny_float_model, tiny_model
from tests.helpers import binary_features, random_graph

GOLDEN = Path(__file__).parents[2] / "golden" / "tiny_model.smoothbit"


@pytest.fixture
def folder(tmp_path):
    save_pretrained(GOLDEN, tmp_path / "model")
    return tmp_path / "model"


def front_matter(folder):
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def rewrite(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def test_bytes_of_a_file_are_kept(folder):
    assert (folder / "model.safetensors").read_bytes() == GOLDEN.read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]


@pytest.mark.parametrize("wrap", [lambda packed: packed, Model], ids=["packed", "model"])
def test_a_model_in_memory_gives_the_same_folder(folder, tmp_path, wrap):
    save_pretrained(wrap(tiny_model()), tmp_path / "again")
    for name in ("README.md", "config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_read_back_runs_as_the_file_does(folder):
    graph, features = PreparedGraph(random_graph()), binary_features(num_features=6)
    expected = load(GOLDEN).run(graph, features)
    np.testing.assert_array_equal(smoothbit.from_pretrained(folder).run(graph, features).scores, expected.scores)


def test_config_says_what_the_model_is(folder):
    config = json.loads((folder / "config.json").read_text())
    assert (config["model"], config["num_bits"], config["num_features"], config["num_classes"]) == ("SMPNet", 2, 6, 3)
    assert [row["operation"] for row in config["plan"]] == ["features", "linear", "linear", "diffuse"]
    assert config["model_bytes"] == GOLDEN.stat().st_size


@pytest.mark.parametrize(
    "changes", [{"num_bits": 4}, {"model_sha256": "0" * 64}, {"plan": []}, {"num_classes": "3"}], ids=str
)
def test_a_config_of_another_model_is_refused(folder, changes):
    rewrite(folder, **changes)
    with pytest.raises(SchemaError, match=f"`config.json: {next(iter(changes))}` to be .* as in model.safetensors"):
        from_pretrained(folder)


def test_a_new_model_file_without_its_config_is_refused(folder):
    write_model(folder / "model.safetensors", replace(tiny_float_model()))
    with pytest.raises(SchemaError, match="save_pretrained"):
        from_pretrained(folder)


def test_text_that_is_no_config_is_refused(folder):
    for text, error in (("[]", SchemaError), ("{", HeaderError), ('{"a": 1, "a": 2}', HeaderError)):
        (folder / "config.json").write_text(text)
        with pytest.raises(error, match=r"config\.json"):
            from_pretrained(folder)


def test_a_damaged_model_is_refused(folder, tmp_path):
    data = GOLDEN.read_bytes()
    (tmp_path / "damaged").write_bytes(data[:-1])
    with pytest.raises(FormatError):
        save_pretrained(tmp_path / "damaged", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    (folder / "model.safetensors").write_bytes(data + b"\0")
    with pytest.raises(HeaderError, match="bytes after the last tensor"):
        from_pretrained(folder)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="to be writable"):
        save_pretrained(GOLDEN, tmp_path / "file")


def test_card_without_measurements_says_so(folder):
    text = (folder / "README.md").read_text()
    assert text.count("not measured") == 2
    assert front_matter(folder) == {
        "library_name": "smoothbit",
        "pipeline_tag": "graph-ml",
        "tags": ["smoothbit", "graph-neural-network", "quantized", "2-bit"],
    }


def test_card_states_what_was_measured(tmp_path):
    graph, features, model = PreparedGraph(random_graph()), binary_features(num_features=6), load(GOLDEN)
    labels = model.run(graph, features).labels
    wrong = (labels + (np.arange(30) < 10)) % 3
    mask = np.arange(30) < 20
    found = measure_model(model, graph, features, wrong, mask, name="thirty | nodes", num_threads=1, budget_s=0.01)
    assert (found.accuracy, found.evaluated, found.nodes) == (0.5, 20, 30)
    assert 0 < found.latency_ms[0] <= found.latency_ms[1] <= found.latency_ms[2]
    card = Card("A: name", "Of no use.", "mit", ("toy", "2-bit"), found)
    save_pretrained(model, tmp_path, card)
    text, front = (tmp_path / "README.md").read_text(), front_matter(tmp_path)
    assert "0.5000 on 20 labels of thirty \\| nodes" in text
    assert f"{found.latency_ms[1]:.3f} ms" in text
    assert "not measured" not in text
    assert front["license"] == "mit"
    assert front["tags"] == ["smoothbit", "graph-neural-network", "quantized", "2-bit", "toy"]
    assert front["model-index"][0]["name"] == "A: name"
    assert front["model-index"][0]["results"][0]["metrics"] == [{"type": "accuracy", "value": 0.5}]


@pytest.mark.parametrize("wrong", ["labels", "mask"])
def test_measuring_with_arrays_of_another_graph(wrong):
    arrays = {"labels": np.zeros(30, np.int64), "mask": np.ones(30, bool)}
    arrays[wrong] = arrays[wrong][:4]
    with pytest.raises(ShapeError, match=rf"`{wrong}` to be \[30\].*got \[4\]"):
        measure_model(
            load(GOLDEN), PreparedGraph(random_graph()), binary_features(num_features=6), **arrays, name="random"
        )


def test_a_folder_is_read_without_torch(folder):
    code = f"import sys, smoothbit; smoothbit.from_pretrained({str(folder)!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_names_are_missing():
    for module in (smoothbit, smoothbit.hub):
        with pytest.raises(AttributeError, match="no attribute 'push_to_hub'"):
            module.push_to_hub  # noqa: B018
