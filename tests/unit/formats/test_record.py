from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import SchemaError, TensorError, ValueRangeError, VersionError
from smoothbit.formats.record import Record, TensorShelf, check_integer, check_list, open_metadata


def record(**fields):
    return Record(fields, "plan")


def test_fields_come_out_once():
    reader = record(a="x", b=True, c=3, d=None, e=1, f=[1], g={"h": 2})
    assert (reader.text("a"), reader.flag("b"), reader.integer("c", 0, 3)) == ("x", True, 3)
    assert (reader.optional_integer("d", 0, 1), reader.optional_integer("e", 0, 1)) == (None, 1)
    assert (reader.items("f"), reader.mapping("g")) == ([1], {"h": 2})
    reader.finish()


@pytest.mark.parametrize("value", [0.1, 3, -(2**53)])
def test_number_accepts_floats_and_exact_integers(value):
    assert record(a=value).number("a") == value


@pytest.mark.parametrize(
    ("read", "value", "error", "match"),
    [
        ("text", 1, SchemaError, r"`plan.a` to be a string \(got 1\)"),
        ("flag", 1, SchemaError, r"`plan.a` to be true or false \(got 1\)"),
        ("items", {}, SchemaError, r"`plan.a` to be a list \(got {}\)"),
        ("mapping", [], SchemaError, r"`plan.a` to be a JSON object \(got \[\]\)"),
        ("number", True, SchemaError, r"`plan.a` to be a number \(got True\)"),
        ("number", "1", SchemaError, "a number"),
        ("number", 2**53 + 1, ValueRangeError, r"`plan.a` to be exact in float64 \(got 9007199254740993\)"),
    ],
)
def test_wrong_kind(read, value, error, match):
    with pytest.raises(error, match=match):
        getattr(record(a=value), read)("a")


def test_missing_field():
    with pytest.raises(SchemaError, match=r"`plan.a` to be present \(got 'nothing'\)"):
        record(b=1).text("a")


def test_not_an_object():
    with pytest.raises(SchemaError, match=r"`plan` to be a JSON object \(got 3\)"):
        Record(3, "plan")


@pytest.mark.parametrize(("is_newer", "error"), [(False, SchemaError), (True, VersionError)])
def test_unknown_field(is_newer, error):
    with pytest.raises(error, match=r"`plan` to be free of unknown fields \(got 'extra'\)"):
        Record({"extra": 1}, "plan", is_newer).finish()


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (True, SchemaError, r"`n` to be an integer \(got True\)"),
        (1.0, SchemaError, "an integer"),
        (8, ValueRangeError, r"`n` to be in \[0, 7\] \(got 8\)"),
        (-1, ValueRangeError, "got -1"),
    ],
)
def test_check_integer(value, error, match):
    with pytest.raises(error, match=match):
        check_integer(value, "n", 0, 7)


def test_check_list():
    with pytest.raises(SchemaError, match=r"`n` to be a list \(got None\)"):
        check_list(None, "n")


@pytest.mark.parametrize("shape", [(2, 3), (-1, 3), (2, -1)])
def test_shelf_takes_a_fitting_tensor(shape):
    shelf = TensorShelf({"w": np.zeros((2, 3), np.float32)})
    assert shelf.take_finite("w", shape).shape == (2, 3)
    shelf.finish()


@pytest.mark.parametrize(
    ("name", "shape", "match"),
    [
        ("v", (2, 3), r"`tensor v` to be float32 \[2, 3\] \(got 'nothing'\)"),
        ("w", (3, 2), r"`tensor w` to be float32 \[3, 2\] \(got 'float32 \[2, 3\]'\)"),
        ("w", (6,), r"float32 \[6\]"),
        ("u", (1,), r"`tensor u` to be float32 \[1\] \(got 'uint8 \[1\]'\)"),
    ],
)
def test_shelf_refuses_other_tensors(name, shape, match):
    shelf = TensorShelf({"w": np.zeros((2, 3), np.float32), "u": np.zeros(1, np.uint8)})
    with pytest.raises(TensorError, match=match):
        shelf.take(name, np.float32, shape)


def test_shelf_refuses_nan():
    with pytest.raises(ValueRangeError, match=r"`tensor w` to be finite \(got nan\)"):
        TensorShelf({"w": np.array([1, np.nan], np.float32)}).take_finite("w", (2,))


@pytest.mark.parametrize(("is_newer", "error"), [(False, TensorError), (True, VersionError)])
def test_superfluous_tensor(is_newer, error):
    with pytest.raises(error, match=r"`tensors` to be free of unknown names \(got 'extra'\)"):
        TensorShelf({"extra": np.zeros(1)}, is_newer).finish()


@pytest.mark.parametrize(("version", "is_newer"), [("1.0", False), ("1.2", False), ("1.3", True), ("1.10", True)])
def test_minor_versions_open(version, is_newer):
    assert open_metadata({"format": "f", "format_version": version}, "f", "1.2").is_newer is is_newer


@pytest.mark.parametrize(
    ("metadata", "error", "match"),
    [
        ({}, SchemaError, "`metadata.format` to be present"),
        ({"format": "g"}, SchemaError, r"`metadata.format` to be 'f' \(got 'g'\)"),
        ({"format": "f"}, SchemaError, "`metadata.format_version` to be present"),
        ({"format": "f", "format_version": "1"}, SchemaError, r"to be major.minor \(got '1'\)"),
        ({"format": "f", "format_version": "1.٣"}, SchemaError, "major.minor"),
        (
            {"format": "f", "format_version": "2.0"},
            VersionError,
            r"to be 1.x \(got '2.0'\). Update smoothbit",
        ),
        ({"format": "f", "format_version": "0.9"}, VersionError, "1.x"),
    ],
)
def test_open_metadata_refusals(metadata, error, match):
    with pytest.raises(error, match=match):
        open_metadata(metadata, "f", "1.2")


def test_optional_text():
    record = Record({"a": "x", "b": 1}, "it")
    assert (record.optional_text("a"), record.optional_text("a")) == ("x", None)
    with pytest.raises(SchemaError, match=r"`it.b` to be a string \(got 1\)"):
        record.optional_text("b")
