from __future__ import annotations

import numpy as np
import pytest

from smoothbit import testing
from smoothbit.errors import ArgumentError, InvariantError
from smoothbit.testing.check_list import CheckList, require, require_close, require_equal, require_refusal, run_all

ROW = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def checks_of(function, **axes):
    checks = CheckList("docs/page.md")
    checks.add(**axes)(function)
    return list(checks.bind("subject", "thing 'x'"))


def test_every_combination_of_the_axes_is_a_check():
    seen = []

    def holds(subject, bits, kind):
        seen.append((subject, bits, kind))

    checks = checks_of(holds, bits=(1, 2), kind="ab")
    assert [name for name, _ in checks] == [f"holds[bits={bits}, kind={kind}]" for bits in (1, 2) for kind in "ab"]
    run_all(iter(checks))
    assert seen == [("subject", bits, kind) for bits in (1, 2) for kind in "ab"]


def test_message_names_invariant_case_rule_and_page():
    def holds(subject, bits):
        require(bits == 1, "one bit", bits)

    (_, first), (_, second) = checks_of(holds, bits=(1, 2))
    first()
    with pytest.raises(
        InvariantError, match=r"^Expected thing 'x' to keep holds\[bits=2\]: one bit \(got 2\)\. See docs/page\.md\.$"
    ):
        second()


def test_whatever_else_is_raised_is_wrapped():
    ((_, check),) = checks_of(lambda subject: subject.missing)
    with pytest.raises(AssertionError, match=r"to keep <lambda> \(got AttributeError: 'str' object has no .*\. See"):
        check()


def test_equal_arrays_and_the_first_difference():
    require_equal(ROW, ROW.copy(), "same")
    other = ROW.copy()
    other[0, 2] = other[1, 1] = 9
    with pytest.raises(InvariantError, match=r"^same, 2.0 at \[0, 2\] \(got 9.0; 2 elements differ\)\.$"):
        require_equal(other, ROW, "same")
    with pytest.raises(InvariantError, match=r"same, of shape \[2, 3\] \(got \[3, 2\]\)"):
        require_equal(ROW.T, ROW, "same")


@pytest.mark.parametrize("value", [1.5, np.nan])
def test_close_arrays_and_the_largest_difference(value):
    require_close(ROW + 0.01, ROW, 0.02, "near")
    other = ROW.copy()
    other[1, 0] = value
    with pytest.raises(InvariantError, match=rf"near, 3.0 within 0.1 at \[1, 0\] \(got {value}\)"):
        require_close(other, ROW, 0.1, "near")


def refuse():
    raise ArgumentError("Expected `width` to be 1 (got 2). Use 1.")


def test_refusals():
    require_refusal(refuse, "`width`", "refused")
    with pytest.raises(InvariantError, match=r"refused with a message that has `depth` \(got Expected `width`"):
        require_refusal(refuse, "depth", "refused")
    with pytest.raises(InvariantError, match=r"refused \(got 3\)"):
        require_refusal(lambda: 3, "depth", "refused")


def test_public_names():
    with pytest.raises(AttributeError, match=r"'smoothbit\.testing' has no attribute 'check_nothing'"):
        testing.check_nothing  # noqa: B018
