from __future__ import annotations

import os
import subprocess
import sys

import pytest

from smoothbit.errors import ArgumentError, KernelUnavailableError
from smoothbit.kernels import isa


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_best_isa_is_chosen_first_and_numpy_is_always_there():
    assert isa.available()[-1] == "numpy"
    assert set(isa.available()) <= set(isa.KNOWN)


@pytest.mark.parametrize("name", isa.available())
def test_use_is_undone(name):
    before = isa.chosen()
    with isa.use(name):
        assert isa.chosen() == name
    assert isa.chosen() == before


def test_use_is_undone_after_an_error():
    before = isa.chosen()
    with pytest.raises(ZeroDivisionError), isa.use("numpy"):
        raise ZeroDivisionError
    assert isa.chosen() == before


def test_unknown_isa_lists_both():
    with pytest.raises(
        KernelUnavailableError, match=r"one of .*numpy on this machine \(got 'mmx'; smoothbit knows avx512"
    ):
        isa.choose("mmx")


@pytest.mark.parametrize("name", isa.available())
def test_environment_caps_the_choice(name):
    result = _python("from smoothbit.kernels import isa; print(isa.chosen())", SMOOTHBIT_ISA=name)
    assert result.stdout.strip() == name, result.stderr


def test_impossible_environment_fails_at_import():
    result = _python("import smoothbit.kernels", SMOOTHBIT_ISA="mmx")
    assert result.returncode != 0
    assert "KernelUnavailableError" in result.stderr


def test_notice_without_compiled_code(monkeypatch):
    if isa.ext is not None:
        assert isa.notice() is None
    monkeypatch.setattr(isa, "ext", None)
    assert "NumPy reference" in str(isa.notice())
    assert isa.available() == ("numpy",)
    assert isa.kernel_list() == ()


def test_every_operator_has_a_row_for_every_native_isa():
    rows = {(row.family, row.isa) for row in isa.kernel_list()}
    families = {family for family, _ in rows}
    natives = [name for name in isa.available() if name != "numpy"]
    # These take their AVX2 form on AVX-512 machines and the serial one on NEON.
    layers = {"spmax", "attend", "activate"}
    lent = {(family, name) for family in {"delta"} | layers for name in ("avx512", "neon")}
    assert rows >= {(family, name) for family in families for name in natives} - lent
    if natives:
        assert families == {"spmm", "spmm_f32", "delta", "gemm", "requantize", "pack", "unpack"} | layers


def test_symbols_follow_the_naming_law():
    for row in isa.kernel_list():
        assert row.symbol in (f"{row.family}_{row.tags}_{row.isa}", f"{row.family}_{row.isa}")
        assert row.lanes >= 1


def test_number_of_threads_from_the_environment(monkeypatch):
    monkeypatch.setenv("SMOOTHBIT_NUM_THREADS", "3")
    assert isa.default_num_threads() == 3
    monkeypatch.delenv("SMOOTHBIT_NUM_THREADS")
    assert isa.default_num_threads() >= 1


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_bad_number_of_threads(monkeypatch, text):
    monkeypatch.setenv("SMOOTHBIT_NUM_THREADS", text)
    with pytest.raises(ArgumentError, match=r"`SMOOTHBIT_NUM_THREADS` to be a whole number >= 1 \(got"):
        isa.default_num_threads()
