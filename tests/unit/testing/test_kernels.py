"""Kernels of others are checked as ours are, and a wrong bit, a stray byte or a missing operator is found."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.errors import ArgumentError, InvariantError, KernelUnavailableError
from smoothbit.kernels import isa
from smoothbit.testing import check_kernel, kernel_checks
from smoothbit.testing.check_list import run_all
from smoothbit.testing.kernels import OPERATORS, inputs, subject

NAMES = [*OPERATORS, "unpack"]


def one_bit_off(operator):
    """The operator with one wrong bit in the first row of what it gives, or with a row too many of nothing."""

    def run(*arguments, **options):
        out = getattr(kernels, operator)(*arguments, **options)
        if out.size == 0:
            return np.zeros((out.shape[0] + 1, out.shape[1]), out.dtype)
        out.view(np.uint8)[0, 0] ^= 1
        return out

    return run


@pytest.mark.parametrize("operator", NAMES)
def test_a_wrong_bit_is_found(operator):
    working = {name: getattr(kernels, name) for name in ("pack", "unpack")}
    mine = SimpleNamespace(**{**(working if "pack" in operator else {}), operator: one_bit_off(operator)})
    family = "pack" if operator == "unpack" else operator
    checks = kernel_checks(mine)
    assert {name.partition(".")[0] for name, _ in checks} == {family}
    with pytest.raises(
        InvariantError,
        match=rf"^Expected {family} of kernel 'SimpleNamespace' to keep \w+.* \(got .*See docs/adding-a-",
    ):
        run_all(checks)


def test_every_check_of_an_operator_can_fail():
    for operator in OPERATORS:
        mine = SimpleNamespace(**{operator: one_bit_off(operator), "unpack": one_bit_off("unpack")})
        by_function = {}
        for name, check in kernel_checks(mine):
            by_function.setdefault(name.partition("[")[0], []).append(check)
        for name, checks in by_function.items():
            with pytest.raises(InvariantError, match=rf"to keep {name.partition('.')[2]}"):
                run_all((name, check) for check in checks)


def test_a_kernel_of_another_package_passes():
    mine = SimpleNamespace(pack=kernels.pack, unpack=kernels.unpack)
    before = subject.comparisons["pack", "SimpleNamespace"]
    check_kernel(mine)
    assert subject.comparisons["pack", "SimpleNamespace"] - before > 1000


def test_a_missing_half_of_a_pair_is_found():
    with pytest.raises(InvariantError, match=r"\(got AttributeError: .* no attribute 'unpack'\)"):
        check_kernel(SimpleNamespace(pack=kernels.pack))


@pytest.mark.parametrize("place", [-1, 0])
def test_a_byte_outside_of_the_output_is_found(place):
    made = inputs.guarded((3, 4), np.uint8, 5)
    made.array[...] = 0
    case = subject.Subject(kernels, "pack", "stray")
    case.output(made, np.zeros((3, 3), np.uint8))
    made.array[1, 3] = 7
    with pytest.raises(InvariantError, match=r"^zeros after the last code of a row, where here \(got 7\)"):
        case.output(made, np.zeros((3, 3), np.uint8), "here")
    made.array[1, 3] = 0
    made.buffer[place] ^= 1
    with pytest.raises(InvariantError, match=r"^no byte written outside of `out`, where here \(got a changed one\)"):
        case.output(made, np.zeros((3, 3), np.uint8), "here")


def test_bits_are_compared():
    case = subject.Subject(kernels, "spmm_f32", "signs")
    case.equal(np.float32([[np.nan, 0.0]]), np.float32([[np.nan, 0.0]]))
    with pytest.raises(InvariantError, match=r"^0.0 at \[0, 1\] of \[1, 2\], where here \(got -0.0; 1 of 2 elements"):
        case.equal(np.float32([[1, -0.0]]), np.float32([[1, 0.0]]), "here")
    with pytest.raises(InvariantError, match=r"^uint8 \[1, 2\] at here \(got uint8 \[2, 1\]\)"):
        case.equal(np.zeros((2, 1), np.uint8), np.zeros((1, 2), np.uint8), "here")


def test_an_isa_is_checked_on_that_isa(monkeypatch):
    (_, check), *_ = kernel_checks("numpy")
    seen = []
    monkeypatch.setattr(kernels, "spmm", lambda *_, **__: seen.append(isa.chosen()))
    with pytest.raises(InvariantError, match="spmm of kernel 'numpy' to keep"):
        check()
    assert set(seen) == {"numpy"}


def test_an_isa_of_another_machine_is_refused():
    missing = next(name for name in isa.KNOWN if name not in isa.available())
    with pytest.raises(KernelUnavailableError, match=f"got '{missing}'"):
        check_kernel(missing)


def test_an_object_without_operators_is_refused():
    with pytest.raises(ArgumentError, match=r"an ISA or an object with one of spmm, .* \(got 3\)"):
        check_kernel(3)


def test_kernels_are_checked_without_torch():
    code = "from smoothbit.testing import check_kernel; import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
