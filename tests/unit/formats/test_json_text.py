from __future__ import annotations

import pytest

from smoothbit.errors import HeaderError, ValueRangeError
from smoothbit.formats.json_text import parse_json, to_json


@pytest.mark.parametrize("value", [0.1, 1e-300, 2.0**-149, 1 / 3, -0.0, 5e-324, [1, None, True, "é\ud800"]])
def test_values_read_back_exactly(value):
    assert repr(parse_json(to_json(value), "plan")) == repr(value)


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ('{"a":1,"b":2,"a":3}', HeaderError, r"`plan` to be JSON without repeated keys \(got 'a'\)"),
        ('{"a":[{"b":1,"b":1}]}', HeaderError, "repeated keys"),
        ("[NaN]", HeaderError, r"without NaN and Infinity \(got 'NaN'\)"),
        ("-Infinity", HeaderError, r"got '-Infinity'"),
        ("1e999", ValueRangeError, r"JSON with finite numbers \(got '1e999'\)"),
        ("[" * 200_000, HeaderError, r"JSON of at most 64 levels \(got 'RecursionError'\)"),
        ("[" * 65 + "]" * 65, HeaderError, r"JSON of at most 64 levels \(got 'more'\)"),
        ('{"a":' * 65 + "1" + "}" * 65, HeaderError, "JSON of at most 64 levels"),
        ("{", HeaderError, "`plan` to be UTF-8 JSON"),
        ("1 2", HeaderError, "Extra data"),
        ("9" * 5000, HeaderError, "UTF-8 JSON"),
        (b"\xff\xfe", HeaderError, "UTF-8 JSON"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, (str, bytes)) else None,
)
def test_refusals(text, error, match):
    with pytest.raises(error, match=match):
        parse_json(text, "plan")


def test_64_levels_are_read():
    assert to_json(parse_json("[" * 64 + "]" * 64, "plan")) == "[" * 64 + "]" * 64


def test_to_json_refuses_nan():
    with pytest.raises(ValueError, match="Out of range float"):
        to_json(float("nan"))
