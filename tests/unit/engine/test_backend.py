from __future__ import annotations

import numpy as np
import pytest
import torch

from smoothbit.engine import KernelBackend, PreparedGraph
from smoothbit.engine.backend import aligned_rows, unpack_values
from smoothbit.nn.simulation import TorchBackend
from smoothbit.numerics.affine import dequantize, per_tensor_law
from smoothbit.numerics.aligned import CACHE_LINE_BYTES
from smoothbit.numerics.packing import pack, padding_is_zero, unpack
from tests.helpers import random_graph


@pytest.mark.parametrize("norm", ["l1", "l21"])
@pytest.mark.parametrize("has_state", [False, True], ids=["first-step", "later-step"])
def test_dual_update_is_the_same_in_numpy_and_torch(norm, has_state):
    incidence = PreparedGraph(random_graph()).incidence
    rng = np.random.default_rng(0)
    primal = rng.standard_normal((30, 5), dtype=np.float32)
    state = rng.standard_normal((len(incidence.heads), 5), dtype=np.float32) if has_state else None
    law = per_tensor_law(4, 0.1, zero_point=7, phase=0.5)
    for chosen in (None, law):
        first = KernelBackend().dual_update(state, primal, incidence, 0.7, 0.8, norm, chosen)
        second = TorchBackend().dual_update(state, primal, incidence, 0.7, 0.8, norm, chosen)
        np.testing.assert_array_equal(first, second)
    if norm == "l21":
        lengths = torch.from_numpy(KernelBackend().dual_update(state, primal, incidence, 0.7, 0.8, norm, None)).norm(
            dim=1
        )
        # Two roundings in the length and one in the factor: 4 * 2**-24 relative.
        assert float(lengths.max()) <= 0.8 * (1 + 4 * 2**-24)


@pytest.mark.parametrize("backend", [KernelBackend, TorchBackend])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_rows_are_taken(backend, dtype):
    source = np.arange(15).reshape(5, 3).astype(dtype)
    found = backend().take_rows(source, np.int32([4, 0, 0]))
    assert found.dtype == dtype
    assert found.tolist() == [[12, 13, 14], [0, 1, 2], [0, 1, 2]]
    assert backend().take_rows(source[:, :0], np.int32([1])).shape == (1, 0)


def test_unpack_values_inverts_packing():
    law = per_tensor_law(2, 0.5, zero_point=1)
    codes = np.array([[0, 1, 2, 3, 3]], np.uint8)
    np.testing.assert_array_equal(unpack_values(pack(codes, 2), law, 5), dequantize(codes, law))


@pytest.mark.parametrize(("num_channels", "num_bits", "stride"), [(40, 1, 16), (40, 2, 16), (7, 4, 4), (40, 8, 64)])
def test_aligned_rows_hold_the_same_codes_on_cache_lines(num_channels: int, num_bits: int, stride: int) -> None:
    codes = np.random.default_rng(0).integers(0, 1 << num_bits, (5, num_channels), dtype=np.uint8)
    rows = aligned_rows(pack(codes, num_bits), num_channels, num_bits)
    assert rows.shape == (5, stride)
    assert rows.ctypes.data % CACHE_LINE_BYTES == 0
    assert np.array_equal(unpack(rows, num_bits, num_channels), codes)
    assert padding_is_zero(rows, num_bits, num_channels)
    assert aligned_rows(rows, num_channels, num_bits) is rows
