"""Arguments the operators refuse, and what they return; the numbers are checked in tests/parity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.engine.backend import aligned_rows, new_rows
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.kernels import Epilogue, Term, isa, native, recording, reference
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import pack
from smoothbit.testing.kernels import inputs

F, N = 12, 5


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def graph(rng):
    return inputs.make_graph(rng, N, 4)


@pytest.fixture
def source(rng):
    return rng.integers(0, 256, size=(4, 3), dtype=np.uint8)


@pytest.fixture
def epilogue():
    return Epilogue(F, col_scale=np.ones(F, dtype=np.float32), output=per_tensor_law(2, 1.0))


def floats(*shape):
    return np.ones(shape, dtype=np.float32)


def test_new_output_is_tight(graph, source, epilogue):
    out = kernels.spmm(graph, source, 2, epilogue)
    assert (out.shape, out.dtype) == ((N, 3), np.uint8)
    out = kernels.spmm(graph, source, 2, replace(epilogue, output=None))
    assert (out.shape, out.dtype) == ((N, F), np.float32)


def test_out_is_returned(graph, source, epilogue):
    out = np.empty((N, 8), dtype=np.uint8)
    assert kernels.spmm(graph, source, 2, epilogue, out=out) is out


def test_changed_values_of_a_buffer_are_seen(graph, source, epilogue):
    first = kernels.spmm(graph, source, 2, epilogue).copy()
    epilogue.col_scale[...] = 0
    second = kernels.spmm(graph, source, 2, epilogue)
    assert not second.any()
    assert first.any()


@pytest.mark.parametrize("num_bits", [0, 3, 16])
def test_unknown_width(graph, source, epilogue, num_bits):
    with pytest.raises(ArgumentError, match="`num_bits` to be one of 1, 2, 4, 8"):
        kernels.spmm(graph, source, num_bits, epilogue)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (np.zeros((4, 2), np.uint8), r"rows of at least 3 bytes .* \(got 2\)"),
        (np.zeros((3, 3), np.uint8), r"`source` to be C-contiguous uint8 \[4, any\] \(got uint8 \[3, 3\]\)"),
        (np.zeros((4, 3), np.int8), r"got int8 \[4, 3\]"),
        (np.zeros((4, 6), np.uint8)[:, ::2], "not contiguous"),
        ([[1, 2, 3]], "got list"),
    ],
)
def test_bad_source(graph, epilogue, bad, text):
    with pytest.raises(ShapeError, match=text):
        kernels.spmm(graph, bad, 2, epilogue)


def test_bad_weights(graph, source, epilogue):
    with pytest.raises(ShapeError, match="`weights` to be C-contiguous int16"):
        kernels.spmm(graph, source, 2, epilogue, weights=np.zeros(graph.num_entries, dtype=np.int32))


@pytest.mark.parametrize(
    "bad", [np.zeros((N, 2), np.uint8), np.zeros((N + 1, 3), np.uint8), np.zeros((N, F), np.float32)]
)
def test_bad_out(graph, source, epilogue, bad):
    with pytest.raises(ShapeError, match="Expected `out` to"):
        kernels.spmm(graph, source, 2, epilogue, out=bad)


@pytest.mark.parametrize("num_threads", [0, -2])
def test_bad_num_threads(graph, source, epilogue, num_threads):
    with pytest.raises(ArgumentError, match=r"`num_threads` to be >= 1 \(got"):
        kernels.spmm(graph, source, 2, epilogue, num_threads=num_threads)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"col_scale": None}, "`col_scale` to be given for an operator with sums"),
        ({"col_scale": floats(F + 1)}, r"`col_scale` to be C-contiguous float32 \[12\]"),
        ({"col_bias": floats(F).astype(np.float64)}, "`col_bias` to be C-contiguous float32"),
        ({"row_term": floats(N)}, "`col_term` to be given with `row_term`"),
        ({"col_term": floats(F)}, "Only gemm computes it"),
        ({"row_scale": floats(N + 2)}, r"to have 5 rows \(got 7\)"),
        ({"row_scale": floats(N), "output_row_scale": floats(N + 1)}, "`output_row_scale` to be"),
        ({"aggregate_step": floats(F)}, "exactly when `aggregate` is"),
        ({"aggregate": per_tensor_law(2, 1.0)}, "exactly when `aggregate` is"),
        ({"num_channels": -1}, "`num_channels` to be >= 0"),
        ({"terms": (Term(floats(N, F), 32, floats(F), None),) * 5}, r"at most 4 terms \(got 5\)"),
        ({"terms": (Term(floats(N, F + 1), 32, floats(F), None),)}, r"`terms\[0\].data`"),
        ({"terms": (Term(floats(N, F), 32, floats(F), floats(F)),)}, r"`terms\[0\].offset` to be None"),
        ({"terms": (Term(np.zeros((N, 3), np.uint8), 2, floats(F), None),)}, r"`terms\[0\].offset`"),
        ({"terms": (Term(np.zeros((N, 3), np.uint8), 5, floats(F), floats(F)),)}, "`num_bits` to be one of"),
        ({"terms": (Term(np.zeros((N, 2), np.uint8), 2, floats(F), floats(F)),)}, "at least 3 bytes"),
        ({"output": AffineLaw(2, floats(N), floats(N), floats(N), "per_node")}, "per_tensor, per_channel or per_group"),
        ({"output_bits": 1}, r"`output_bits` to be at least the 2 bits of `output` \(got 1\)"),
        ({"output": None, "output_bits": 8}, "`output_bits` to be at least the None bits"),
        ({"out_rows": np.arange(N, dtype=np.int32)}, "`out_rows` to be None with an `output` law"),
        ({"output": None, "out_rows": np.arange(N)}, r"`out_rows` to be C-contiguous int32"),
        ({"output": None, "out_rows": np.arange(N + 1, dtype=np.int32)}, r"to have 5 rows \(got 6\)"),
        ({"output": None, "out_rows": np.array([0, 1, 2, 2, 4], np.int32)}, "each of 5 rows once"),
        ({"output": None, "out_rows": np.array([0, 1, 2, 3, 5], np.int32)}, r"\(got \[0 1 2 3 5\]\)"),
        ({"output": AffineLaw(2, floats(3), floats(3), floats(3), "per_channel")}, "12 elements for 12 channels"),
    ],
)
def test_bad_epilogue(graph, source, epilogue, changes, text):
    with pytest.raises(ArgumentError, match=text):
        kernels.spmm(graph, source, 2, replace(epilogue, **changes))


def test_gemm_refuses(epilogue, source):
    weight = np.zeros((11, 3), dtype=np.uint8)
    with pytest.raises(ShapeError, match=r"`weight` to be C-contiguous uint8 \[12, any\]"):
        kernels.gemm(source, 2, 12, weight, 2, epilogue)
    with pytest.raises(ShapeError, match="`source` to have rows of at least 4 bytes for 13 codes"):
        kernels.gemm(source, 2, 13, weight, 2, epilogue)
    with pytest.raises(ArgumentError, match=r"`depth` to be >= 0 \(got -1\)"):
        kernels.gemm(source, 2, -1, weight, 2, epilogue)
    with pytest.raises(ArgumentError, match="at most 2147483647"):
        kernels.gemm(source, 8, 40000, weight, 8, epilogue)


def test_requantize_refuses(epilogue):
    with pytest.raises(ArgumentError, match=r"`col_scale` to be given exactly when `sums` is"):
        kernels.requantize(None, N, epilogue)
    with pytest.raises(ShapeError, match=r"`sums` to be C-contiguous int32 \[5, 12\]"):
        kernels.requantize(np.zeros((N, F), dtype=np.int64), N, epilogue)


def test_pack_refuses_codes_out_of_range():
    with pytest.raises(ArgumentError, match=r"`codes` to be in \[0, 3\] \(got 4\)"):
        kernels.pack(np.full((2, 3), 4, dtype=np.uint8), 2)


def test_spmm_f32_refuses(graph):
    with pytest.raises(ShapeError, match=r"`source` to be C-contiguous float32 \[4, any\]"):
        kernels.spmm_f32(graph, floats(5, F))
    with pytest.raises(ShapeError, match="`row_scale`"):
        kernels.spmm_f32(graph, floats(4, F), row_scale=floats(N - 1))
    with pytest.raises(ShapeError, match="`skip`"):
        kernels.spmm_f32(graph, floats(4, F), skip=floats(N, F - 1))


def test_aligned_row_bytes():
    assert [kernels.aligned_row_bytes(f, 2) for f in (1, 4, 5, 16, 17, 33, 64, 65, 128, 129)] == [
        1, 1, 2, 4, 16, 16, 16, 32, 32, 64,
    ]  # fmt: skip
    assert [kernels.aligned_row_bytes(f, 1) for f in (8, 16, 17, 64, 128, 129)] == [1, 2, 16, 16, 16, 32]
    assert kernels.aligned_row_bytes(40, 8) == 64


@pytest.mark.parametrize("tag", isa.available())
def test_rows_of_17_channels_of_4_bits_share_a_register_by_two(tag):
    wide = 32 if tag == "avx512" else 16
    with isa.use(tag):
        assert [kernels.aligned_row_bytes(f, 4) for f in (16, 17, 32, 33)] == [8, wide, wide, 32]


def test_check_accumulator():
    kernels.check_accumulator(2**31 - 1, 1)
    kernels.check_accumulator(66311, 255, 127)
    with pytest.raises(ArgumentError, match=r"at most 2147483647 \(got 8421505 \* 255 \* 1 = 2147483775\)"):
        kernels.check_accumulator(8421505, 255)


def test_what_is_made_of_an_object_is_forgotten_with_it(graph):
    made = native.PerObject(lambda graph: [graph.num_rows])
    other = replace(graph)
    assert made(graph) is made(graph)
    assert made(graph) is not made(other)
    assert len(made) == 2
    del other
    assert len(made) == 1


@pytest.mark.skipif(isa.ext is None, reason="no compiled kernels")
def test_native_module_refuses_what_slips_past_the_checks(graph, source, epilogue):
    made = native.prepare(epilogue).native, native.schedule_of(graph)
    with pytest.raises(ValueError, match="Expected `out` to be packed"):
        isa.ext.Spmm(graph.indptr, graph.indices, None, source, 2, *made, np.zeros((N, 1), np.uint8), 1)
    with pytest.raises(TypeError):
        isa.ext.Spmm(
            graph.indptr.astype(np.int32), graph.indices, None, source, 2, *made, np.zeros((N, 3), np.uint8), 1
        )


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize(("num_bits", "num_channels"), [(1, 128), (2, 64), (2, 128), (4, 40), (8, 20)])
@pytest.mark.parametrize("tag", isa.available()[:-1])
def test_calls_that_follow_a_schedule_give_the_same_rows(tag, num_bits, num_channels, num_threads):
    num_rows = 5_000  # three blocks of the schedule, the last one shorter
    rng = np.random.default_rng(num_bits)
    lengths = np.minimum(rng.geometric(0.2, num_rows) - 1, 100)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    graph = CSR(indptr, rng.integers(0, num_rows, indptr[-1]).astype(np.int32), num_rows)
    codes = rng.integers(0, 1 << num_bits, (num_rows, num_channels)).astype(np.uint8)
    source = aligned_rows(pack(codes, num_bits), num_channels, num_bits)
    one = np.ones(num_channels, np.float32)
    terms = (Term(source, num_bits, 0.1 * one, 0 * one),)
    epilogue = Epilogue(
        num_channels, col_scale=one, row_scale=(0.9 / np.maximum(lengths, 1)).astype(np.float32), terms=terms
    )
    for law in (None, per_tensor_law(num_bits, 1.0)):
        finish = replace(epilogue, output=law)
        with isa.use("numpy"):
            want = kernels.spmm(graph, source, num_bits, finish)
        with isa.use(tag):
            for _ in range(4):  # the second call makes the schedule; the next ones have more and more tables
                got = kernels.spmm(
                    graph, source, num_bits, finish, out=new_rows(num_rows, finish), num_threads=num_threads
                )
                np.testing.assert_array_equal(got[:, : want.shape[1]], want)


@pytest.mark.parametrize("factors", ["written", "different", "of the length"])
@pytest.mark.parametrize("tag", isa.available()[:-1])
def test_a_repeated_call_has_the_factors_of_every_row(tag, factors):
    num_rows, length = 4_000, 7
    rng = np.random.default_rng(0)
    graph = CSR(
        np.arange(num_rows + 1, dtype=np.int64) * length,
        rng.integers(0, num_rows, num_rows * length).astype(np.int32),
        num_rows,
    )
    source = rng.integers(0, 256, (num_rows, 16)).astype(np.uint8)
    row_scale = np.full(num_rows, 1 / length, np.float32)
    if factors == "different":
        row_scale[num_rows // 2 :] = 0.25
    row_scale.flags.writeable = factors == "written"
    epilogue = Epilogue(64, np.ones(64, np.float32), row_scale=row_scale, output=per_tensor_law(2, 1.0))
    out = new_rows(num_rows, epilogue)
    with isa.use(tag), recording() as recorder:
        kernels.spmm(graph, source, 2, epilogue, out=out)
    repeat = recorder.program()
    with isa.use(tag):
        for run in range(6):
            if run > 3 and factors == "written":
                row_scale[run * 100 :: 3] = 0.5 / run
            repeat()
            with isa.use("numpy"):
                want = kernels.spmm(graph, source, 2, replace(epilogue))
            np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize(
    ("num_bits", "num_channels", "num_sources"),
    [(4, 128, 1 << 18), (8, 64, 1 << 18), (2, 64, 1 << 20)],  # the last one has six bins
)
@pytest.mark.parametrize("tag", isa.available()[:-2])
def test_a_large_source_is_copied(tag, num_bits, num_channels, num_sources, num_threads):
    num_rows, length = num_sources * 164 // 1000, 100  # 16 MiB, each row of it 16 times an entry
    rng = np.random.default_rng(num_bits)
    few = rng.permutation(num_sources).astype(np.int32)  # half of the entries are of the first quarter
    indices = few[(num_sources * rng.random(num_rows * length) ** 2).astype(np.int64)]
    graph = CSR(np.arange(num_rows + 1, dtype=np.int64) * length, indices, num_sources)
    source = rng.integers(0, 256, (num_sources, num_channels * num_bits // 8)).astype(np.uint8)
    epilogue = Epilogue(
        num_channels,
        col_scale=np.ones(num_channels, np.float32),
        row_scale=np.full(num_rows, 1 / length, np.float32),
        output=per_tensor_law(num_bits, 1.0),
    )
    with isa.use("serial"):
        want = kernels.spmm(graph, source, num_bits, epilogue, num_threads=2)
    with isa.use(tag):
        for _ in range(3):
            np.testing.assert_array_equal(
                kernels.spmm(graph, source, num_bits, epilogue, num_threads=num_threads), want
            )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_take_rows_is_numpy_take(dtype):
    source = np.arange(60, dtype=dtype).reshape(12, 5)
    rows = np.array([11, 0, 0, 7], dtype=np.int32)
    np.testing.assert_array_equal(kernels.take_rows(source, rows), source[rows])


def test_take_rows_refuses_other_layouts():
    with pytest.raises(ShapeError, match="`rows` to be C-contiguous int32"):
        kernels.take_rows(floats(4, 2), np.zeros(3, np.int64))
    with pytest.raises(ShapeError, match="`out` to be C-contiguous float32"):
        kernels.take_rows(floats(4, 2), np.zeros(3, np.int32), out=np.empty((3, 3), np.float32))


@pytest.mark.parametrize("has_term", [False, True])
@pytest.mark.parametrize("num_channels", [40, 64, 136])
@pytest.mark.parametrize("num_bits", [1, 2, 4, 8])
@pytest.mark.parametrize("tag", isa.available()[:-1])
def test_float_rows_too_many_for_the_caches_go_where_they_belong(tag, num_bits, num_channels, has_term):
    num_rows = 4_400_000 // (4 * num_channels)  # what is stored past the caches
    rng = np.random.default_rng(num_bits)
    lengths = np.repeat(rng.integers(1, 7, num_rows // 8 + 1), 8)[:num_rows]  # runs of one length
    lengths[100:104] = 0, 252, 253, 700
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    graph = CSR(indptr, rng.integers(0, num_rows, indptr[-1]).astype(np.int32), num_rows)
    codes = pack(rng.integers(0, 1 << num_bits, (num_rows, num_channels)).astype(np.uint8), num_bits)
    source = aligned_rows(codes, num_channels, num_bits)
    step, offset = np.full(num_channels, 0.7, np.float32), np.full(num_channels, -0.2, np.float32)
    factors = (1 / np.maximum(lengths, 1)).astype(np.float32)
    epilogue = Epilogue(
        num_channels,
        col_scale=np.full(num_channels, 0.3, np.float32),
        row_scale=factors,
        terms=(Term(source, num_bits, step, offset, factors),) if has_term else (),
        has_relu=has_term,
        output_row_scale=factors if has_term else None,
        out_rows=rng.permutation(num_rows).astype(np.int32),
    )
    buffer = np.zeros(num_rows * num_channels + 16, np.float32)
    start = (32 - buffer.ctypes.data) % 64 // 4
    out = buffer[start : start + num_rows * num_channels].reshape(num_rows, num_channels)
    with isa.use(tag):
        kernels.spmm(graph, source, num_bits, epilogue, out=out, num_threads=2)
    np.testing.assert_array_equal(out, reference.spmm(graph, source, num_bits, None, epilogue))
