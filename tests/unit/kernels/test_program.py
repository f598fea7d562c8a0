"""Time limits and Ctrl-C between kernel calls."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.errors import ArgumentError, TimeLimitError
from smoothbit.kernels import PythonCall, isa, perform, recording, time_limit
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.packing import pack

OUT = np.zeros((1, 1), np.float32)
SLEEP = PythonCall(lambda: time.sleep(0.05))


def _long_program(num_threads: int, finished: list[bool]) -> Callable[[], None]:
    """Return a program of native calls that take about 2 s, which then notes that it has finished."""
    rng = np.random.default_rng(0)
    rows, columns = np.repeat(np.arange(2000), 20), rng.integers(0, 2000, 40_000)
    graph: CSR = csr_from_coo(rows, columns, 2000, 2000)
    source, out = (np.zeros((2000, 64), np.float32) for _ in range(2))
    kernels.spmm_f32(graph, source, out=out, num_threads=num_threads)  # starts the threads
    with recording() as recorder:
        start = time.perf_counter()
        kernels.spmm_f32(graph, source, out=out, num_threads=num_threads)
        seconds = time.perf_counter() - start
    recorder.calls *= int(2 / seconds) + 10
    recorder.calls.append(PythonCall(lambda: finished.append(True)))
    program = recorder.program()
    assert program is not None
    return program


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("is_in_place", [False, True])
@pytest.mark.parametrize(("num_bits", "num_rows"), [(1, 7), (2, 500), (2, 1000), (4, 50)])
def test_product_of_codes_that_the_call_before_makes(
    num_bits: int, num_rows: int, is_in_place: bool, num_threads: int
) -> None:
    width = 128
    rng = np.random.default_rng(num_rows)
    given = rng.standard_normal((num_rows, width), dtype=np.float32)
    weight = pack(rng.integers(0, 1 << num_bits, (width, width)).astype(np.uint8), num_bits)
    ones = np.ones(width, np.float32)
    values = given.copy()
    codes = np.zeros((num_rows, width * num_bits // 8), np.uint8)
    out = values if is_in_place else np.zeros_like(values)
    law = per_tensor_law(num_bits, 0.7, 0)
    to_codes = kernels.Epilogue(width, terms=(kernels.Term(values, 32, ones, None),), output=law)
    to_values = kernels.Epilogue(width, col_scale=ones)
    with recording() as recorder:
        kernels.requantize(None, num_rows, to_codes, out=codes, num_threads=num_threads)
        kernels.gemm(codes, num_bits, width, weight, num_bits, to_values, out=out, num_threads=num_threads)
    want, want_codes = out.copy(), codes.copy()
    out[:], codes[:] = 0, 0
    values[:] = given
    program = recorder.program()
    assert program is not None
    program()
    np.testing.assert_array_equal(codes, want_codes)
    np.testing.assert_array_equal(out, want)


def test_no_call_begins_when_the_time_is_over() -> None:
    with time_limit(0.01):
        perform(SLEEP, OUT)  # began in time, so it ends
        with pytest.raises(TimeLimitError, match=r"to end within 0.01 s \(got 0\.\d+ s\). Raise `timeout_s`"):
            perform(SLEEP, OUT)
    perform(SLEEP, OUT)


def test_a_limit_is_of_one_thread_and_inner_ones_end() -> None:
    failures: list[Exception] = []

    def other() -> None:
        try:
            perform(SLEEP, OUT)
        except TimeLimitError as error:
            failures.append(error)

    with time_limit(1e-9):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with time_limit(60):
            perform(SLEEP, OUT)
        with pytest.raises(TimeLimitError):
            perform(SLEEP, OUT)
    assert not failures


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_limit_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ArgumentError, match="Expected `timeout_s` to be > 0"), time_limit(seconds):
        pass


def test_python_parts_of_a_program_are_limited() -> None:
    with recording() as recorder:
        perform(SLEEP, OUT)
        perform(SLEEP, OUT)
    program = recorder.program()
    assert program is not None
    with time_limit(0.01), pytest.raises(TimeLimitError):
        program()


@pytest.mark.skipif(isa.ext is None, reason="needs the compiled kernels")
@pytest.mark.parametrize("num_threads", [1, 3])
def test_native_program_ends_between_calls(num_threads: int) -> None:
    finished: list[bool] = []
    program = _long_program(num_threads, finished)
    with time_limit(0.05), pytest.raises(TimeLimitError):
        program()
    assert not finished


@pytest.mark.skipif(isa.ext is None, reason="needs the compiled kernels")
def test_interrupt_ends_a_native_program() -> None:
    finished: list[bool] = []
    program = _long_program(1, finished)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        program()
    timer.join()
    assert not finished
