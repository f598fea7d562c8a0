from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothbit.numerics.affine import AffineLaw, dequantize, law_from_range, quantize
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.error_stats import error_stats
from smoothbit.numerics.packing import pack, packed_row_bytes, padding_is_zero, unpack
from tests.property import strategies

per_tensor = strategies.laws(kinds=st.just("per_tensor"), with_shift=False)
ULP = 2.0**-24
# quantize rounds 3 times before the integer (inverse, product, sum), dequantize 5 times (step, sum and
# product of the offset, product, sum), each by at most half an ULP of the largest number that occurs.
NUM_ROUNDINGS = 8


def largest_position(law):
    """Largest |number| in fine codes that occurs while a value in range is quantized and dequantized."""
    return 2 * (law.fine_qmax + float(law.zero_point[0]) + abs(float(law.phase[0])) + 1)


def exact_grid(law):
    """Real values of all codes in float64, from the stored numbers."""
    scale, shift_of_zero = float(law.scale[0]), float(law.zero_point[0]) + float(law.phase[0])
    return scale * (np.arange(law.qmax + 1) * law.divisor - shift_of_zero)


@given(strategies.code_matrices())
def test_pack_and_unpack_are_inverse(drawn):
    codes, num_bits = drawn
    packed = pack(codes, num_bits)
    assert packed.shape == (len(codes), packed_row_bytes(codes.shape[1], num_bits))
    np.testing.assert_array_equal(unpack(packed, num_bits, codes.shape[1]), codes)
    assert padding_is_zero(packed, num_bits, codes.shape[1])


@given(strategies.code_matrices(), st.integers(0, 70))
def test_element_i_sits_where_the_law_says(drawn, column):
    codes, num_bits = drawn
    if column < codes.shape[1]:
        stored = pack(codes, num_bits)[:, column * num_bits // 8] >> (column * num_bits % 8)
        np.testing.assert_array_equal(stored & ((1 << num_bits) - 1), codes[:, column])


@given(per_tensor, st.floats(0, 1))
def test_error_in_range_is_at_most_half_a_step(law, share):
    grid = exact_grid(law)
    half = float(law.step[0]) / 2
    x = np.array([[grid[0] - half + share * (grid[-1] - grid[0] + 2 * half)]], np.float32)
    error = abs(float(x[0, 0]) - float(dequantize(quantize(x, law), law)[0, 0]))
    tolerance = NUM_ROUNDINGS * ULP * largest_position(law) * float(law.scale[0])
    assert error <= half + tolerance


@given(per_tensor)
def test_codes_survive_dequantize_and_quantize(law):
    codes = np.arange(law.qmax + 1, dtype=np.uint8)[None]
    np.testing.assert_array_equal(quantize(dequantize(codes, law), law), codes)


@given(strategies.laws(num_channels=5, with_shift=False))
def test_codes_survive_at_every_granularity(law):
    codes = np.repeat(np.arange(law.qmax + 1, dtype=np.uint8)[:, None], 5, axis=1)
    np.testing.assert_array_equal(quantize(dequantize(codes, law), law), codes)


@given(strategies.laws(kinds=st.just("per_tensor")), st.lists(st.floats(-600, 600), min_size=2, max_size=9))
def test_codes_are_monotone(law, positions):
    x = np.sort(np.array(positions, np.float32) * law.scale[0])[None]
    codes = quantize(x, law)[0].astype(int)
    assert (np.diff(codes) >= 0).all()
    assert codes.max() <= law.qmax


@given(per_tensor)
def test_zero_is_exact_on_integer_grids(law):
    if law.divisor == 1 and law.phase[0] == 0:
        zero = np.zeros((1, 1), np.float32)
        assert dequantize(quantize(zero, law), law)[0, 0] == 0


@given(st.integers(1, 2**15), st.integers(-20, 20))
def test_grids_on_zero_to_max_are_nested(numerator, exponent):
    # A range of 255 * k * 2^e makes every scale exact in float32, so the grids are the real ones.
    hi = 255 * numerator * 2.0**exponent
    grids = [set(exact_grid(law_from_range(0, hi, b)).tolist()) for b in (1, 2, 4, 8)]
    assert grids[0] < grids[1] < grids[2] < grids[3]
    assert [len(grid) for grid in grids] == [2, 4, 16, 256]


@given(st.integers(1, 2**15), st.integers(-20, 20), strategies.seeds)
def test_more_bits_are_never_worse_on_zero_to_max(numerator, exponent, seed):
    hi = 255 * numerator * 2.0**exponent
    x = np.random.default_rng(seed).uniform(0, hi, (1, 64)).astype(np.float32)
    laws = [law_from_range(0, hi, b) for b in (1, 2, 4, 8)]
    errors = [np.abs(x.astype(np.float64) - dequantize(quantize(x, law), law)) for law in laws]
    # At a tie either neighbour is right, and their distances differ by roundings only.
    tolerance = NUM_ROUNDINGS * ULP * hi
    assert all((finer <= coarser + tolerance).all() for coarser, finer in pairwise(errors))


@given(strategies.scales, st.integers(0, 255), strategies.num_bits, strategies.seeds)
def test_truncation_lands_on_the_grid_of_8_bits(scale, zero_point, num_bits, seed):
    numbers = np.array([scale], np.float32), np.array([zero_point], np.float32), np.zeros(1, np.float32)
    truncated = AffineLaw(num_bits, *numbers, divisor=255 // ((1 << num_bits) - 1))
    eight = AffineLaw(8, *numbers)
    x = (np.random.default_rng(seed).uniform(-300, 300, (1, 32)) * scale).astype(np.float32)
    fine, codes = quantize(x, eight).astype(int), quantize(x, truncated).astype(int)
    assert (2 * np.abs(fine - codes * truncated.divisor) <= truncated.divisor).all()
    assert set(exact_grid(truncated).tolist()) <= set(exact_grid(eight).tolist())


@given(per_tensor, strategies.seeds)
def test_error_stats_agree_with_each_other(law, seed):
    x = (np.random.default_rng(seed).normal(size=(3, 5)) * law.scale[0]).astype(np.float32)
    stats = error_stats(x, law)
    assert 0 <= stats.mean_abs <= stats.rmse * (1 + 1e-12)  # float64 sums of 15 terms
    assert stats.rmse <= stats.max_abs * (1 + 1e-12)
    assert 0 <= stats.share_clipped <= 1


def to_dense(matrix):
    dense = np.zeros((matrix.num_rows, matrix.num_cols), int)
    np.add.at(dense, (matrix.entry_rows(), matrix.indices), 1)
    return dense


@given(strategies.graphs())
def test_transpose_transposes(graph):
    np.testing.assert_array_equal(to_dense(graph.transpose()), to_dense(graph).T)
    assert graph.transpose().transpose().indices.tolist() == graph.indices.tolist()
    assert graph.is_symmetric() == np.array_equal(to_dense(graph), to_dense(graph).T)


@given(strategies.graphs())
def test_self_loops(graph):
    looped = graph.with_self_loops()
    before, after = to_dense(graph), to_dense(looped)
    off_diagonal = ~np.eye(graph.num_rows, dtype=bool)
    np.testing.assert_array_equal(before[off_diagonal], after[off_diagonal])
    np.testing.assert_array_equal(np.diag(after), np.maximum(np.diag(before), 1))
    assert looped.with_self_loops().num_entries == looped.num_entries


@given(strategies.graphs(), strategies.seeds)
def test_renaming_the_nodes_permutes_the_matrix(graph, seed):
    order = np.random.default_rng(seed).permutation(graph.num_rows)
    renamed = csr_from_coo(order[graph.entry_rows()], order[graph.indices], graph.num_rows, graph.num_rows)
    np.testing.assert_array_equal(to_dense(renamed)[np.ix_(order, order)], to_dense(graph))


@pytest.mark.parametrize("num_nodes", [0, 1, 5])
def test_no_edges(num_nodes):
    empty = csr_from_coo([], [], num_nodes, num_nodes)
    assert empty.row_lengths.tolist() == [0] * num_nodes
    assert empty.is_symmetric()
    assert to_dense(empty.with_self_loops()).tolist() == np.eye(num_nodes, dtype=int).tolist()
