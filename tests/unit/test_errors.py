from __future__ import annotations

import inspect
import re

import pytest

from smoothbit import errors


def classes():
    return dict(inspect.getmembers(errors, inspect.isclass))


def test_docstring_draws_exactly_the_tree():
    drawn = re.findall(r"(?:\|--|`--|^    )\s*([A-Z]\w+Error)\b", errors.__doc__, flags=re.M)
    assert sorted(drawn) == sorted(classes())


@pytest.mark.parametrize("name", classes())
def test_all_are_smoothbit_errors(name):
    assert issubclass(getattr(errors, name), errors.SmoothbitError)


@pytest.mark.parametrize(
    "name",
    ["TruncatedFileError", "HeaderError", "VersionError", "SchemaError", "TensorError", "ValueRangeError"],
)
def test_ways_a_file_can_be_wrong(name):
    assert getattr(errors, name).__bases__ == (errors.FormatError,)


def test_builtin_bases():
    assert issubclass(errors.ShapeError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)
    assert not issubclass(errors.FormatError, ValueError)


def test_missing_extra_names_the_command():
    with pytest.raises(ImportError, match=r"`torch` to be installed .* pip install 'smoothbit\[train\]'") as caught:
        raise errors.MissingExtraError("torch", "train")
    assert (caught.value.package, caught.value.extra) == ("torch", "train")
