"""Other libraries' packing, unpacking and addition of low-bit matrices, found by import.

They do not lay out the same bits: what is compared is the work of getting into and out of a packed form.
torch packs by rows with a scale and an offset for each row, from and to float32; NumPy packs single bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from smoothbit.bench.peers.base import PeerSkippedError, find_module
from smoothbit.bench.peers.embedding_bag import OPERATORS
from smoothbit.bench.record import Skipped
from smoothbit.bench.step import MEAN_WEIGHT, SKIP_WEIGHT, STATE_BOUND
from smoothbit.typing import AnyArray, Float32Array

Calls = dict[str, Callable[[], Any]]


def pack_peers(values: Float32Array, bits: AnyArray) -> tuple[Calls, list[Skipped]]:
    """Return peers that pack: float32 values [N, F] by torch, zeros and ones [N, F] uint8 by NumPy."""
    calls: Calls = {"numpy-packbits-int1": lambda: np.packbits(bits, axis=1, bitorder="little")}
    found, skipped = _torch_rows("prepack", values)
    return calls | found, skipped


def unpack_peers(values: Float32Array, bits: AnyArray) -> tuple[Calls, list[Skipped]]:
    """Return peers that unpack what `pack_peers` packs."""
    packed, columns = np.packbits(bits, axis=1, bitorder="little"), bits.shape[1]
    calls: Calls = {"numpy-unpackbits-int1": lambda: np.unpackbits(packed, axis=1, count=columns, bitorder="little")}
    found, skipped = _torch_rows("unpack", values)
    return calls | found, skipped


def add_peers_of(first: Float32Array, second: Float32Array) -> tuple[Calls, list[Skipped]]:
    """Return peers that add two matrices [N, F]: torch on float32, and torch on 8-bit codes with an 8-bit result."""
    try:
        torch = find_module("torch")
        scale, zero_point = 2 * STATE_BOUND / 255, 128
        add = torch.ops.quantized.add
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch means to give such tensors up; today it has nothing else
            codes = [_quint8(torch, values, scale, zero_point) for values in (first, second)]
            add(codes[0], codes[1], scale, zero_point)
    except (PeerSkippedError, AttributeError, RuntimeError, NotImplementedError) as error:
        return {}, [Skipped("torch-add", _reason(error))]
    floats = [torch.from_numpy(values) for values in (first, second)]
    return {
        "torch-add": lambda: torch.add(floats[0], floats[1], alpha=SKIP_WEIGHT / MEAN_WEIGHT),
        "torch-quantized-add-int8": lambda: add(codes[0], codes[1], scale, zero_point),
    }, []


def _torch_rows(verb: str, values: Float32Array) -> tuple[Calls, list[Skipped]]:
    calls: Calls = {}
    skipped = []
    for num_bits, name in OPERATORS.items():
        peer = f"torch-{verb}-int{num_bits}"
        try:
            calls[peer] = _torch_call(verb, name, values)
        except (PeerSkippedError, AttributeError, RuntimeError) as error:
            skipped.append(Skipped(peer, _reason(error)))
    return calls, skipped


def _torch_call(verb: str, name: str, values: Float32Array) -> Callable[[], Any]:
    torch = find_module("torch")
    operators = torch.ops.quantized
    prepack, tensor = getattr(operators, f"embedding_bag_{name}_prepack"), torch.from_numpy(values)
    packed = prepack(tensor)
    if verb == "prepack":
        return lambda: prepack(tensor)
    unpack = getattr(operators, f"embedding_bag_{name}_unpack")
    return lambda: unpack(packed)


def _quint8(torch: Any, values: Float32Array, scale: float, zero_point: int) -> Any:
    codes = np.clip(np.rint(values / scale) + zero_point, 0, 255).astype(np.uint8)
    return torch._make_per_tensor_quantized_tensor(torch.from_numpy(codes), scale, zero_point)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, PeerSkippedError) else f"torch cannot run it ({str(error).splitlines()[0]})"
